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
    NAMESPACE_TAKEN = "start.namespace_taken"
    STORE_WENT_BACK = "start.store_went_back"
    SHARDS_LOST = "start.shards_lost"
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
        "A workflow or task is not defined correctly.",
        "Correct the definition at the place named.",
    ),
    ErrorCode.DEFINITION_CYCLE: ErrorEntry(
        "Nodes depend on each other in a circle.",
        "Remove one of the edges named.",
    ),
    ErrorCode.DEFINITION_UNKNOWN_TASK: ErrorEntry(
        "A node names a task that the definition does not hold.",
        "Define the task, or correct its name.",
    ),
    ErrorCode.DEFINITION_TYPE_MISMATCH: ErrorEntry(
        "A producer's type does not fit its consumer's parameter.",
        "Change one of the two types named, or convert the value in a task between them.",
    ),
    ErrorCode.DEFINITION_HANDLE_AS_VALUE: ErrorEntry(
        "A result that exists only at run time was used while the workflow was being defined.",
        "Pass the handle to a task and use its value there, or map a task over it.",
    ),
    ErrorCode.SCHEDULE_INVALID: ErrorEntry(
        "A cron expression, interval or time zone cannot be read.",
        "Correct the part named; `0 6 * * *` is every day at 06:00.",
    ),
    ErrorCode.SCHEDULE_NEVER_FIRES: ErrorEntry(
        "No date matches the schedule.",
        "Change the day or the month so that such a date exists.",
    ),
    ErrorCode.EXPRESSION_INVALID: ErrorEntry(
        "A CEL expression does not compile.",
        "Correct the expression at the place named.",
    ),
    ErrorCode.EXPRESSION_FAILED: ErrorEntry(
        "A CEL expression could not be evaluated on the event.",
        "Guard what may be absent with has(...), deploy, and redrive the dead letter; or correct the events.",
    ),
    ErrorCode.PARAMS_INVALID: ErrorEntry(
        "Params do not fit the workflow's schema.",
        "Change the params to those expected; `headrace workflows show NAME` lists them.",
    ),
    ErrorCode.PROTOCOL_MALFORMED: ErrorEntry(
        "A message could not be decoded.",
        "Correct the sender of the message: `headrace protocol` prints the schema of each message.",
    ),
    ErrorCode.PROTOCOL_VERSION: ErrorEntry(
        "A message speaks a newer protocol than the reader.",
        "Upgrade Headrace where the message is read, then redrive the dead letter.",
    ),
    ErrorCode.PROTOCOL_UNKNOWN_KIND: ErrorEntry(
        "A message has a kind that the reader does not know.",
        "Upgrade Headrace where the message is read, or correct the sender; then redrive the dead letter.",
    ),
    ErrorCode.PROTOCOL_UNROUTABLE: ErrorEntry(
        "A message names a run, workflow or subject that does not exist.",
        "Correct the name that was found, where the message is sent, and send it again.",
    ),
    ErrorCode.PROTOCOL_TOO_LARGE: ErrorEntry(
        "A message is larger than the bus allows.",
        "Put large data into a file or an object store, and pass its address.",
    ),
    ErrorCode.TASK_FAILED: ErrorEntry(
        "A task raised an exception.",
        "Read the traceback and the logs of the attempt, and correct the task or its input; then retry the run.",
    ),
    ErrorCode.TASK_GAVE_UP: ErrorEntry(
        "A task raised Fail: no retry can help.",
        "Remove the cause that the task names, then retry the run.",
    ),
    ErrorCode.TASK_TIMEOUT: ErrorEntry(
        "An attempt took longer than its timeout.",
        "See in the logs what took so long; raise the task's timeout if it needs the time.",
    ),
    ErrorCode.TASK_LOST: ErrorEntry(
        "The worker that held the attempt is gone.",
        "See why the worker ended (its log; `dmesg` for lack of memory); the task is tried again while it may.",
    ),
    ErrorCode.TASK_CANCELLED: ErrorEntry(
        "The attempt was cancelled.",
        "Nothing is needed: the attempt was stopped because its run was cancelled or ran out of time.",
    ),
    ErrorCode.TASK_UNKNOWN: ErrorEntry(
        "The worker does not have the task it was sent.",
        "Start a worker with the module that defines the task.",
    ),
    ErrorCode.TASK_INPUT_INVALID: ErrorEntry(
        "A task's input does not fit its parameter's type.",
        "Compare the value with the parameter's type: correct what sends it, or the type, and deploy.",
    ),
    ErrorCode.TASK_INPUT_LOST: ErrorEntry(
        "A stored result that the task reads is gone.",
        "Nothing is needed: the task that made the result runs again.",
    ),
    ErrorCode.TASK_RESULT_INVALID: ErrorEntry(
        "A task's result cannot be encoded, or has another type than declared.",
        "Return what the task declares, or correct its annotation.",
    ),
    ErrorCode.TASK_CRASHED: ErrorEntry(
        "The process that ran the task ended.",
        "See the last lines of its log and the exit code or signal named; SIGKILL is mostly a lack of memory.",
    ),
    ErrorCode.RUN_DEADLINE: ErrorEntry(
        "The run took longer than its deadline.",
        "See what took so long with `headrace runs explain RUN`; raise the workflow's deadline if it needs more.",
    ),
    ErrorCode.RUN_CANCELLED: ErrorEntry(
        "The run was cancelled by a command.",
        "Nothing is needed if that was meant; `headrace runs retry RUN` goes on where the run was stopped.",
    ),
    ErrorCode.NOT_FOUND: ErrorEntry(
        "What was asked for does not exist.",
        "List what there is, and correct the name or id.",
    ),
    ErrorCode.CONFLICT: ErrorEntry(
        "The state does not allow the command.",
        "Look at the state that was found, and give a command that fits it.",
    ),
    ErrorCode.REQUEST_INVALID: ErrorEntry(
        "A request cannot be understood.",
        "Correct the field named, and send the request again.",
    ),
    ErrorCode.PORT_IN_USE: ErrorEntry(
        "Another process listens on the port.",
        "Choose another port, or stop the process that listens there.",
    ),
    ErrorCode.STORE_LOCKED: ErrorEntry(
        "Another coordinator uses the same SQLite store.",
        "Stop the other coordinator, or use another --data directory.",
    ),
    ErrorCode.STORE_SCHEMA: ErrorEntry(
        "The store was made by a newer Headrace.",
        "Upgrade Headrace, or restore the store from the backup made before its upgrade.",
    ),
    ErrorCode.NAMESPACE_TAKEN: ErrorEntry(
        "The namespace on this NATS belongs to another store.",
        "Start the coordinator with that store, or in a namespace of its own; --adopt takes it over for good.",
    ),
    ErrorCode.STORE_WENT_BACK: ErrorEntry(
        "The store is an older state of the one that the namespace belongs to.",
        "Start the coordinator with the newest copy of the store; --adopt goes on from the older one.",
    ),
    ErrorCode.SHARDS_LOST: ErrorEntry(
        "Another coordinator has taken over what this one ran.",
        "Start the coordinator again: it stands by until the other one ends. Nothing is lost.",
    ),
    ErrorCode.CONFIG_INVALID: ErrorEntry(
        "A setting has a wrong value.",
        "Correct the setting named.",
    ),
    ErrorCode.UNAVAILABLE: ErrorEntry(
        "A server could not be reached.",
        "Start the server named, or correct its address; try again when it answers.",
    ),
    ErrorCode.INVARIANT_BROKEN: ErrorEntry(
        "Headrace found itself in a wrong state.",
        "Report it as a bug, with the lines of the coordinator's log around it.",
    ),
    ErrorCode.INTERNAL: ErrorEntry(
        "An unexpected error.",
        "Report it as a bug, with the lines of the log around it.",
    ),
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

    @property
    def named(self) -> str:
        """The message behind its exception's type, or its code; a message that names its type already is left."""
        name = self.kind.rpartition(".")[2] or self.code
        return self.message if self.message.startswith(name) else f"{name}: {self.message}"


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


class NamespaceTaken(HeadraceError):
    """The namespace on this NATS belongs to another store, or to a later state of this one."""

    default_code = ErrorCode.NAMESPACE_TAKEN


class ConfigError(HeadraceError):
    """A setting has a wrong value."""

    default_code = ErrorCode.CONFIG_INVALID


class Unavailable(HeadraceError):
    """A server that is needed does not answer."""

    default_code = ErrorCode.UNAVAILABLE


class InvariantBroken(HeadraceError):
    """An invariant of the engine does not hold: a bug in Headrace, never the user's."""

    default_code = ErrorCode.INVARIANT_BROKEN
