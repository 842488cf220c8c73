"""What a running task can ask about its attempt: `context().log.info(...)`, `context().cancelled`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from headrace.times import DataInterval
from headrace_protocol.errors import Conflict


@dataclass(kw_only=True, slots=True)
class TaskContext:
    """The attempt that is running. The worker sets `cancelled`; everything else stays as it is."""

    run_id: str
    workflow: str
    node: str
    attempt: int
    item: int | None = None
    """The index of the item of a map, from 0; None when the node is not mapped."""
    queue: str = "default"
    trace_id: str = ""
    deadline_us: int | None = None
    """When the attempt is stopped, by its timeout or the run's deadline, in microseconds since the epoch."""
    scheduled_at: datetime | None = None
    """The fire time of the schedule that started the run, in UTC; None when none did and nobody said one. It is the
    same for every attempt."""
    interval: DataInterval | None = None
    """The data that the run covers: of a schedule, from the fire time before to this one."""
    cancelled: bool = False
    """Whether the work is not wanted any more. A task in a thread cannot be stopped: long loops look here."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("headrace.task"))
    """Its lines carry the run, node, attempt and trace."""


class OutsideTask(Conflict):
    """`context()` was called where no attempt is running."""


_current: ContextVar[TaskContext | None] = ContextVar("headrace_task_context", default=None)


def context() -> TaskContext:
    """The running attempt; raises OutsideTask where there is none."""
    found = _current.get()
    if found is None:
        raise OutsideTask(
            "context() was called where no attempt of a task is running",
            where="context()",
            expected="a call inside a task's function, on a worker",
            fix="Call it inside a task. In a test, call the task in `with attempt():` "
            "(headrace.testing.attempt).",
        )
    return found


def current_context() -> TaskContext | None:
    """What `context()` returns here; None outside of tasks."""
    return _current.get()


@contextmanager
def running(attempt: TaskContext | None) -> Iterator[TaskContext | None]:
    """Make `attempt` what `context()` returns, in this thread or asyncio task and in threads that it starts."""
    token = _current.set(attempt)
    try:
        yield attempt
    finally:
        _current.reset(token)
