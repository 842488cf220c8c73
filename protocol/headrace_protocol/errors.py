"""One root error, and one table of codes with their meaning and what the user can do."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec


class ErrorCode(StrEnum):
    """Stable codes: they appear on the wire, in the API, in logs and in documentation."""

    DEFINITION_INVALID = "definition.invalid"
    DEFINITION_CYCLE = "definition.cycle"
    DEFINITION_UNKNOWN_TASK = "definition.unknown_task"
    DEFINITION_TYPE_MISMATCH = "definition.type_mismatch"
    DEFINITION_HANDLE_AS_VALUE = "definition.handle_as_value"
    SCHEDULE_INVALID = "schedule.invalid"
    SCHEDULE_NEVER_FIRES = "schedule.never_fires"
    EXPRESSION_INVALID = "expression.invalid"
    EXPRESSION_FAILED = "expression.failed"
    PARAMS_INVALID = "params.invalid"
    PROTOCOL_MALFORMED = "protocol.malformed"
    PROTOCOL_VERSION = "protocol.version"
    PROTOCOL_UNKNOWN_KIND = "protocol.unknown_kind"
    PROTOCOL_UNROUTABLE = "protocol.unroutable"
    PROTOCOL_TOO_LARGE = "protocol.too_large"
    TASK_FAILED = "task.failed"
    TASK_GAVE_UP = "task.gave_up"
    TASK_TIMEOUT = "task.timeout"
    TASK_LOST = "task.lost"
    TASK_CANCELLED = "task.cancelled"
    TASK_UNKNOWN = "task.unknown"
    TASK_INPUT_INVALID = "task.input_invalid"
    TASK_INPUT_LOST = "task.input_lost"
    TASK_RESULT_INVALID = "task.result_invalid"
    TASK_CRASHED = "task.crashed"
    RUN_DEADLINE = "run.deadline"
    RUN_CANCELLED = "run.cancelled"
    NOT_FOUND = "request.not_found"
    CONFLICT = "request.conflict"
    REQUEST_INVALID = "request.invalid"
    PORT_IN_USE = "start.port_in_use"
    STORE_LOCKED = "start.store_locked"
    STORE_SCHEMA = "start.store_schema"
    CONFIG_INVALID = "start.config_invalid"
    UNAVAILABLE = "start.unavailable"
    INVARIANT_BROKEN = "internal.invariant_broken"
    INTERNAL = "internal.error"


class ErrorEntry(msgspec.Struct, frozen=True):
    """A row of the error table."""

    meaning: str
    remedy: str


ERROR_TABLE: dict[ErrorCode, ErrorEntry] = {
    ErrorCode.DEFINITION_INVALID: ErrorEntry(
        "A workflow or task is not defined correctly.", "Mend the definition at the place named."
    ),
    ErrorCode.DEFINITION_CYCLE: ErrorEntry(
        "Nodes depend on each other in a circle.", "Remove one of the edges named."
    ),
    ErrorCode.DEFINITION_UNKNOWN_TASK: ErrorEntry(
        "A node names a task that the definition does not hold.", "Define the task, or correct its name."
    ),
    ErrorCode.DEFINITION_TYPE_MISMATCH: ErrorEntry(
        "A producer's type does not fit its consumer's parameter.", "Change one of the two types named."
    ),
    ErrorCode.DEFINITION_HANDLE_AS_VALUE: ErrorEntry(
        "A result that exists only at run time was used while the workflow was being defined.",
        "Pass the handle to a task, or map a task over it.",
    ),
    ErrorCode.SCHEDULE_INVALID: ErrorEntry(
        "A cron expression, interval or time zone cannot be read.", "Correct it."
    ),
    ErrorCode.SCHEDULE_NEVER_FIRES: ErrorEntry("No date matches the schedule.", "Change day or month."),
    ErrorCode.EXPRESSION_INVALID: ErrorEntry("A CEL expression does not compile.", "Correct it."),
    ErrorCode.EXPRESSION_FAILED: ErrorEntry(
        "A CEL expression could not be evaluated on the event.", "Guard it with has(...), or mend the event."
    ),
    ErrorCode.PARAMS_INVALID: ErrorEntry(
        "Params do not fit the workflow's schema.", "See `headrace workflows show NAME` for the schema."
    ),
    ErrorCode.PROTOCOL_MALFORMED: ErrorEntry(
        "A message could not be decoded.", "Compare it with `headrace protocol`."
    ),
    ErrorCode.PROTOCOL_VERSION: ErrorEntry(
        "A message speaks a newer protocol than the reader.", "Upgrade the reader, then redrive."
    ),
    ErrorCode.PROTOCOL_UNKNOWN_KIND: ErrorEntry(
        "A message has a kind that the reader does not know.", "Upgrade the reader, then redrive."
    ),
    ErrorCode.PROTOCOL_UNROUTABLE: ErrorEntry(
        "A message names a run, workflow or subject that does not exist.",
        "Deploy what it names, then redrive.",
    ),
    ErrorCode.PROTOCOL_TOO_LARGE: ErrorEntry(
        "A message is larger than the bus allows.", "Pass large data by reference."
    ),
    ErrorCode.TASK_FAILED: ErrorEntry("A task raised an exception.", "Read the traceback and logs."),
    ErrorCode.TASK_GAVE_UP: ErrorEntry("A task raised Fail: no retry can help.", "Mend the cause named."),
    ErrorCode.TASK_TIMEOUT: ErrorEntry("An attempt took longer than its timeout.", "Raise the timeout."),
    ErrorCode.TASK_LOST: ErrorEntry("The worker that held the attempt is gone.", "Nothing: it is retried."),
    ErrorCode.TASK_CANCELLED: ErrorEntry("The attempt was cancelled.", "Nothing."),
    ErrorCode.TASK_UNKNOWN: ErrorEntry(
        "The worker does not have the task it was sent.", "Start the worker with the module that defines it."
    ),
    ErrorCode.TASK_INPUT_INVALID: ErrorEntry(
        "A task's input does not fit its parameter's type.", "Deploy matching code on both sides."
    ),
    ErrorCode.TASK_INPUT_LOST: ErrorEntry(
        "A stored result that the task reads is gone.", "Nothing: its producer runs again."
    ),
    ErrorCode.TASK_RESULT_INVALID: ErrorEntry(
        "A task's result cannot be encoded, or has another type than declared.", "Return what is declared."
    ),
    ErrorCode.TASK_CRASHED: ErrorEntry(
        "The process that ran the task ended.", "Read how it ended, and its last lines."
    ),
    ErrorCode.RUN_DEADLINE: ErrorEntry("The run took longer than its deadline.", "Raise the deadline."),
    ErrorCode.RUN_CANCELLED: ErrorEntry("The run was cancelled by a command.", "Nothing."),
    ErrorCode.NOT_FOUND: ErrorEntry("What was asked for does not exist.", "Check the name or id."),
    ErrorCode.CONFLICT: ErrorEntry("The state does not allow the command.", "See the run's state."),
    ErrorCode.REQUEST_INVALID: ErrorEntry("A request cannot be understood.", "Correct the field named."),
    ErrorCode.PORT_IN_USE: ErrorEntry("Another process listens on the port.", "Choose another port."),
    ErrorCode.STORE_LOCKED: ErrorEntry(
        "Another coordinator uses the same SQLite store.", "Stop it, or use another --data directory."
    ),
    ErrorCode.STORE_SCHEMA: ErrorEntry("The store was made by a newer Headrace.", "Upgrade Headrace."),
    ErrorCode.CONFIG_INVALID: ErrorEntry("A setting has a wrong value.", "Correct the setting named."),
    ErrorCode.UNAVAILABLE: ErrorEntry("A server could not be reached.", "Start it, or correct its address."),
    ErrorCode.INVARIANT_BROKEN: ErrorEntry("Headrace found itself in a wrong state.", "Report it as a bug."),
    ErrorCode.INTERNAL: ErrorEntry("An unexpected error.", "Report it as a bug."),
}


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it travels: on the wire, in the store, in an API answer."""

    code: str
    message: str
    kind: str = ""
    """Qualified name of the exception type in the task's own code, what retry-on and give-up-on match."""
    where: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    traceback: str = ""
    details: dict[str, str] = {}


class HeadraceError(Exception):
    """Root of every error that Headrace raises for its users.

    `code` comes from the table; `where` names the place, `found` and `expected` what differs, `fix` what to do.
    """

    default_code: ClassVar[ErrorCode] = ErrorCode.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        found: str = "",
        expected: str = "",
        fix: str = "",
        code: ErrorCode | None = None,
    ) -> None:
        self.code = code or self.default_code
        self.message = message
        self.where = where
        self.found = found
        self.expected = expected
        self.fix = fix or ERROR_TABLE[self.code].remedy
        super().__init__(message)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        parts += [f"  {name}: {value}" for name, value in self.labelled() if value]
        return "\n".join(parts)

    def labelled(self) -> tuple[tuple[str, str], ...]:
        return (("found", self.found), ("expected", self.expected), ("fix", self.fix))

    def info(self) -> ErrorInfo:
        """The error as data."""
        return ErrorInfo(
            code=self.code,
            message=self.message,
            where=self.where,
            found=self.found,
            expected=self.expected,
            fix=self.fix,
        )


class DefinitionError(HeadraceError):
    """A workflow, task or trigger is defined wrongly."""

    default_code = ErrorCode.DEFINITION_INVALID


class TypeMismatch(DefinitionError):
    """An edge joins two types that do not fit."""

    default_code = ErrorCode.DEFINITION_TYPE_MISMATCH


class HandleUsedAsValue(DefinitionError):
    """A handle was used as if its value were already known."""

    default_code = ErrorCode.DEFINITION_HANDLE_AS_VALUE


class ScheduleError(DefinitionError):
    """A schedule cannot be read, or never fires."""

    default_code = ErrorCode.SCHEDULE_INVALID


class ExpressionError(DefinitionError):
    """A CEL expression does not compile, or failed on a value."""

    default_code = ErrorCode.EXPRESSION_INVALID


class ParamsError(HeadraceError):
    """Params do not fit a workflow's schema."""

    default_code = ErrorCode.PARAMS_INVALID


class ProtocolError(HeadraceError):
    """A message cannot be understood."""

    default_code = ErrorCode.PROTOCOL_MALFORMED


class NotFound(HeadraceError):
    """What a request names does not exist."""

    default_code = ErrorCode.NOT_FOUND


class Conflict(HeadraceError):
    """A command does not fit the present state."""

    default_code = ErrorCode.CONFLICT


class RequestError(HeadraceError):
    """A request cannot be understood."""

    default_code = ErrorCode.REQUEST_INVALID


class PortInUse(HeadraceError):
    """A port to listen on is taken."""

    default_code = ErrorCode.PORT_IN_USE


class StoreLocked(HeadraceError):
    """A second coordinator opened an SQLite store."""

    default_code = ErrorCode.STORE_LOCKED


class StoreSchemaError(HeadraceError):
    """The store's schema is not one this version can use."""

    default_code = ErrorCode.STORE_SCHEMA


class ConfigError(HeadraceError):
    """A setting has a wrong value."""

    default_code = ErrorCode.CONFIG_INVALID


class Unavailable(HeadraceError):
    """A server that is needed does not answer."""

    default_code = ErrorCode.UNAVAILABLE


class InvariantBroken(HeadraceError):
    """An invariant of the engine does not hold: a bug in Headrace, never the user's."""

    default_code = ErrorCode.INVARIANT_BROKEN
