"""What a transition asks the shell to do, as data. The shell carries nothing out before the commit (I8)."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_protocol.definition import Priority
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import CancelAttempts, LifecycleEvent, Result, TaskMessage


class TimerKey(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Names a timer. Setting one that exists moves it."""

    actor: str
    """Run id, or `trigger:<workflow>:<id>`."""
    kind: str
    """`retry`, `deadline` or `schedule`."""
    node: str = ""
    item: int | None = None

    def __str__(self) -> str:
        return f"{self.actor}/{self.kind}/{self.node}/{'' if self.item is None else self.item}"


class Dispatch(msgspec.Struct, frozen=True, gc=False):
    """Publish a task message."""

    message: TaskMessage
    priority: Priority


class CancelAttempt(msgspec.Struct, frozen=True):
    """Tell workers to stop."""

    message: CancelAttempts


class StartTimer(msgspec.Struct, frozen=True, gc=False):
    """Wake the actor at `due_us` or later, never earlier (I10)."""

    key: TimerKey
    due_us: int


class DropTimer(msgspec.Struct, frozen=True, gc=False):
    """Forget a timer."""

    key: TimerKey


class Collect(msgspec.Struct, frozen=True):
    """Put the results of a map's items together, in order, and come back with a `Collected` input."""

    run_id: str
    node: str
    total: int


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The run is over."""

    run_id: str
    state: RunState


Effect = Dispatch | CancelAttempt | StartTimer | DropTimer | Collect | Finish


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How one attempt ended, for the record. For an item of a map it holds the item's result."""

    run_id: str
    node: str
    attempt: int
    state: str
    """`succeeded`, `failed`, `cancelled`, `lost` with its worker, or `ignored` when it no longer held the fence."""
    item: int | None = None
    queued_at_us: int = 0
    started_at_us: int = 0
    finished_at_us: int = 0
    worker: str = ""
    delivery: int = 1
    error: ErrorInfo | None = None
    result: Result | None = None
    code: str = ""
    """Hash of the code that ran."""


class Decision(msgspec.Struct, gc=False):
    """The outcome of one transition: what to do, what to store, what to tell."""

    effects: list[Effect] = []
    events: list[LifecycleEvent] = []
    touched: dict[str, None] = {}
    """Nodes to store (an ordered set)."""
    attempts: list[AttemptRecord] = []
    head: bool = False
    """Whether the run's head is to be stored."""
