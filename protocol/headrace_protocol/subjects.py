"""The grammar of subjects: every subject that Headrace uses is built and parsed here.

    hr.<ns>.task.<queue>.<priority>         a task message                     HR_TASKS
    hr.<ns>.task.<queue>.<priority>.<code>  … for workers with that code       HR_TASKS
    hr.<ns>.in.<shard>.<kind>.<source>      an input of a shard                HR_INPUTS
    hr.<ns>.event.<type>                    a CloudEvent                       HR_EVENTS; ' ' is %20, '%' is %25
    hr.<ns>.life.<workflow>.<what>          what happened to a run             HR_LIFECYCLE
    hr.<ns>.log.<queue>                     log lines in batches               HR_LOGS
    hr.<ns>.span.<queue>                    spans in batches                   HR_LOGS
    hr.<ns>.live.heartbeat|started|cancel   core NATS, lossy by design
    hr.<ns>.live.rollcall|wanted|needed     core NATS, lossy by design

A run id is never part of a task's subject: filtered consumers slow down with the number of subjects.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec

from headrace_protocol.definition import Priority
from headrace_protocol.errors import ConfigError, ErrorCode, ProtocolError

ROOT = "hr"
TOKEN = re.compile(r"[A-Za-z0-9_-]+")
SHARD = re.compile(r"[0-9]{1,9}")
EVENT_TYPE_RULE = "words joined by dots, without '*', '>' and control characters"
LONGEST_EVENT_TYPE = 3_000
"""Bytes in a subject: NATS ends the connection of a client whose command line is longer than 4,096."""
_NO_WORD = re.compile(r"[*>]")


def check_token(value: str, what: str) -> str:
    """Return `value` when it can be one token of a subject; raises ConfigError otherwise."""
    if TOKEN.fullmatch(value) is None:
        raise ConfigError(
            f"{what} cannot be part of a NATS subject",
            found=repr(value),
            expected="letters, digits, '-' and '_'",
            fix=f"Rename the {what}.",
        )
    return value


def is_event_type(event_type: str) -> bool:
    """Whether a subject can carry a CloudEvent's type."""
    return (
        all(event_type.split("."))
        and event_type.isprintable()
        and _NO_WORD.search(event_type) is None
        and len(_in_subject(event_type).encode("utf-8", "replace")) <= LONGEST_EVENT_TYPE
    )


def check_event_type(event_type: str) -> str:
    """Return a CloudEvent's type when a subject can carry it; raises ProtocolError."""
    if not is_event_type(event_type):
        raise ProtocolError(
            "an event's type cannot be part of a NATS subject",
            where="type",
            found=repr(event_type[:200]),
            expected=f"{EVENT_TYPE_RULE}, at most {LONGEST_EVENT_TYPE:,} bytes",
            fix="Publish the event with another type, and listen to that one: event(type).",
            code=ErrorCode.PROTOCOL_UNROUTABLE,
        )
    return event_type


def _in_subject(event_type: str) -> str:
    """A space ends a subject; what stands for it has to be told from itself."""
    return event_type.replace("%", "%25").replace(" ", "%20")


def event_type_of(subject: str) -> str:
    """The CloudEvent type in an event's subject, whatever its namespace; raises ProtocolError."""
    parts = subject.split(".", 3)
    if len(parts) != 4 or parts[0] != ROOT or parts[2] != "event" or not parts[3]:
        raise ProtocolError(
            "not the subject of an event",
            where="subject",
            found=subject,
            expected=f"{ROOT}.<namespace>.event.<type>",
            code=ErrorCode.PROTOCOL_UNROUTABLE,
        )
    return unquote(parts[3])


class InputSubject(msgspec.Struct, frozen=True):
    """The parts of an input's subject."""

    shard: int
    kind: str
    source: str


class Subjects(msgspec.Struct, frozen=True):
    """The subjects of one namespace."""

    namespace: str

    def __post_init__(self) -> None:
        check_token(self.namespace, "namespace")

    @property
    def root(self) -> str:
        return f"{ROOT}.{self.namespace}"

    def task(self, queue: str, priority: Priority, code: str = "") -> str:
        """`code` restricts it to workers with that code; a filter without it does not match."""
        subject = f"{self.root}.task.{queue}.{priority}"
        return f"{subject}.{code}" if code else subject

    def input(self, shard: int, kind: str, source: str) -> str:
        """`kind` is `outcome`, `command`, `redelivered` or `rejected`; `source` the queue or sender."""
        return f"{self.root}.in.{shard}.{kind}.{source}"

    def inputs_of(self, shard: int) -> str:
        return f"{self.root}.in.{shard}.>"

    def event(self, event_type: str) -> str:
        """Subject of a CloudEvent; raises ProtocolError for a type that no subject can carry."""
        return f"{self.root}.event.{_in_subject(check_event_type(event_type))}"

    def lifecycle(self, workflow: str, what: str) -> str:
        return f"{self.root}.life.{workflow}.{what}"

    def log(self, queue: str) -> str:
        return f"{self.root}.log.{queue}"

    def span(self, queue: str) -> str:
        return f"{self.root}.span.{queue}"

    @property
    def heartbeat(self) -> str:
        return f"{self.root}.live.heartbeat"

    @property
    def started(self) -> str:
        return f"{self.root}.live.started"

    @property
    def cancel(self) -> str:
        return f"{self.root}.live.cancel"

    @property
    def rollcall(self) -> str:
        return f"{self.root}.live.rollcall"

    @property
    def wanted(self) -> str:
        return f"{self.root}.live.wanted"

    @property
    def needed(self) -> str:
        return f"{self.root}.live.needed"

    def parse_input(self, subject: str) -> InputSubject:
        """The parts of an input's subject; raises ProtocolError when it is not one of this namespace."""
        parts = subject.split(".")
        if len(parts) != 6 or parts[:3] != [ROOT, self.namespace, "in"] or not SHARD.fullmatch(parts[3]):
            raise ProtocolError(
                "not the subject of an input",
                found=subject,
                expected=self.input(0, "<kind>", "<source>"),
                code=ErrorCode.PROTOCOL_UNROUTABLE,
            )
        return InputSubject(int(parts[3]), parts[4], parts[5])
