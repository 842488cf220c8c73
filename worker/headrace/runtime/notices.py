"""What the worker says about itself: started attempts, and a heartbeat. Lossy by design (core NATS)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable

import msgspec

from headrace.bus import Bus
from headrace.runtime.attempt import Attempt, now_us
from headrace_protocol import codec, headers
from headrace_protocol.messages import Heartbeat, HeldAttempt, Started
from headrace_protocol.subjects import Subjects

_HEADERS = headers.make()
STARTED_AFTER_S = 0.05
"""An attempt that has ended by then is told by its outcome alone."""
ROLL_CALL_S = 0.05
HELD_AT_MOST = 5_000
"""Attempts named in one heartbeat: what fits a message."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself in each heartbeat."""

    worker: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    every_s: float


class Notices:
    """Tells which attempts have started and go on, and beats on a timer."""

    def __init__(
        self,
        bus: Bus,
        subjects: Subjects,
        about: About,
        *,
        held: Callable[[], Iterable[Attempt]],
        unconfirmed: Callable[[], Iterable[str]],
    ) -> None:
        """`unconfirmed` gives the keys of attempts that have ended and whose outcomes are on their way."""
        self._bus = bus
        self._subjects = subjects
        self._about = about
        self._held = held
        self._unconfirmed = unconfirmed
        self._called = False
        self._host = socket.gethostname()
        self._started_at_us = now_us()
        self._started: list[Attempt] = []
        self._loop = asyncio.get_running_loop()
        self.every_s = about.every_s
        """Between two heartbeats."""
        self.draining = False
        self.beaten: Callable[[Heartbeat], None] = lambda _: None
        """Called with each heartbeat."""

    def started(self, attempt: Attempt) -> None:
        if not self._started:
            self._loop.call_later(STARTED_AFTER_S, self._flush)
        self._started.append(attempt)

    def _flush(self) -> None:
        held = tuple(attempt.held() for attempt in self._started if not attempt.finished)
        self._started.clear()
        if held:
            self._send(self._subjects.started, Started(self._about.worker, held))

    def answer_roll_call(self) -> None:
        """Somebody wants to know what we hold; several ask at the same time."""
        if not self._called:
            self._called = True
            self._loop.call_later(ROLL_CALL_S, self._present)

    def _present(self) -> None:
        self._called = False
        self.beat()

    def beat(self, *, stopped: bool = False) -> None:
        about = self._about
        held: list[HeldAttempt] = []
        pending = [*self._unconfirmed()]
        for attempt in self._held():
            if attempt.started_at_us:
                held.append(attempt.held())
            else:
                pending.append(attempt.key)
        beat = Heartbeat(
            worker=about.worker,
            host=self._host,
            pid=os.getpid(),
            at_us=now_us(),
            started_at_us=self._started_at_us,
            queues=about.queues,
            slots=about.slots,
            tasks=about.tasks,
            held=tuple(held[:HELD_AT_MOST]),
            draining=self.draining,
            stopped=stopped,
            pending=tuple(pending[:HELD_AT_MOST]),
            every_s=self.every_s,
        )
        self._send(self._subjects.heartbeat, beat)
        self.beaten(beat)

    def _send(self, subject: str, message: Started | Heartbeat) -> None:
        if self._bus.connected:
            self._bus.send(subject, codec.encode(message), headers=_HEADERS)
