"""One attempt as the worker sees it, and what user code and middleware see of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from time import time_ns
from typing import Protocol

import msgspec

from headrace.context import TaskContext
from headrace_protocol import ids
from headrace_protocol.definition import TaskDefinition
from headrace_protocol.messages import HeldAttempt, Stored, TaskMessage

_TASK_LOG = logging.getLogger("headrace.task")


def now_us() -> int:
    return time_ns() // 1_000


class RunnableTask(Protocol):
    """What the worker needs of a task."""

    @property
    def name(self) -> str: ...
    @property
    def function(self) -> Callable[..., object]: ...
    @property
    def definition(self) -> TaskDefinition: ...
    @property
    def parameters(self) -> Mapping[str, object]: ...
    @property
    def returns(self) -> object: ...
    @property
    def is_async(self) -> bool: ...


class Stop(StrEnum):
    """Why an attempt was told to stop."""

    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    DRAIN = "drain"


class Produced(msgspec.Struct, frozen=True, gc=False):
    """A result: checked, encoded, and measured where the task message asked for it."""

    raw: msgspec.Raw
    counts: tuple[int, ...] = ()
    stored: Stored | None = None
    """Where it is, when it is too large for a message."""


class Attempt:
    """An attempt from its delivery to its outcome.

    It is *received*, then *started*, then *finished* once: the first outcome counts, and whatever the user's
    code still does after it was stopped is dropped.
    """

    __slots__ = (
        "code",
        "context",
        "delivery",
        "finished",
        "key",
        "limit",
        "message",
        "partial_lines",
        "reason",
        "reply",
        "runner",
        "span_id",
        "started_at_us",
        "stop",
        "task",
        "timer",
        "trace_id",
    )

    def __init__(self, message: TaskMessage, task: RunnableTask | None, reply: str, delivery: int) -> None:
        self.message = message
        self.task = task
        self.reply = reply
        self.delivery = delivery
        self.code = ""
        """Hash of the task's code here."""
        self.key = ids.attempt_key(message.run_id, message.node, message.item, message.attempt)
        self.started_at_us = 0
        self.finished = False
        self.stop: Stop | None = None
        self.limit = Stop.TIMEOUT
        """What ends it at its context's deadline."""
        self.reason = ""
        """What the coordinator said about a cancel."""
        self.runner: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.partial_lines: dict[str, str] = {}
        self.trace_id = message.trace.trace_id if message.trace else ids.derived_trace_id(message.run_id)
        suffix = "" if delivery <= 1 else f"/delivery-{delivery}"
        self.span_id = ids.derived_span_id(self.key + suffix)
        self.context = TaskContext(
            run_id=message.run_id,
            workflow=message.workflow,
            node=message.node,
            attempt=message.attempt,
            item=message.item,
            queue=message.queue,
            trace_id=self.trace_id,
            log=_TASK_LOG,
        )

    def begin(self) -> None:
        """The work starts now: its timeout counts from here.

        The deadline is a time of the coordinator's clock, with which ours need not agree: what was left of it
        when the task was queued is left now. A run never fails early because of a worker's clock, and never
        late, since the coordinator ends it by its own.
        """
        message = self.message
        self.started_at_us = now_us()
        limits: list[tuple[int, Stop]] = []
        if message.deadline_us is not None:
            limits.append((self.started_at_us + message.deadline_us - message.queued_at_us, Stop.DEADLINE))
        if message.timeout_s is not None:
            limits.append((self.started_at_us + int(message.timeout_s * 1e6), Stop.TIMEOUT))
        if limits:
            self.context.deadline_us, self.limit = min(limits)

    def held(self) -> HeldAttempt:
        message = self.message
        return HeldAttempt(
            run_id=message.run_id,
            node=message.node,
            item=message.item,
            attempt=message.attempt,
            started_at_us=self.started_at_us,
        )


CURRENT: ContextVar[Attempt | None] = ContextVar("headrace_attempt", default=None)
"""The attempt that this thread or asyncio task works for."""
