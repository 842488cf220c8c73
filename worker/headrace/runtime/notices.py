"""What the worker says about itself: started attempts, and a heartbeat. Lossy by design (core NATS)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable

from headrace.bus import Bus
from headrace.runtime.attempt import Attempt, now_us
from headrace_protocol import codec, headers
from headrace_protocol.messages import Heartbeat, Started
from headrace_protocol.subjects import Subjects

_HEADERS = headers.make()
STARTED_AFTER_S = 0.05
"""An attempt that has ended by then is told by its outcome alone."""
HELD_AT_MOST = 5_000
"""Attempts named in one heartbeat: what fits a message."""


class Notices:
    """Tells which attempts have started and go on, and beats on a timer."""

    def __init__(
        self,
        bus: Bus,
        subjects: Subjects,
        worker: str,
        *,
        queues: tuple[str, ...],
        tasks: tuple[str, ...],
        slots: int,
        held: Callable[[], Iterable[Attempt]],
    ) -> None:
        self._bus = bus
        self._subjects = subjects
        self._worker = worker
        self._queues = queues
        self._tasks = tasks
        self._slots = slots
        self._held = held
        self._host = socket.gethostname()
        self._started_at_us = now_us()
        self._started: list[Attempt] = []
        self._loop = asyncio.get_running_loop()
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
            self._send(self._subjects.started, Started(self._worker, held))

    def beat(self, *, stopped: bool = False) -> None:
        held = [attempt.held() for attempt in self._held() if attempt.started_at_us]
        beat = Heartbeat(
            worker=self._worker,
            host=self._host,
            pid=os.getpid(),
            at_us=now_us(),
            started_at_us=self._started_at_us,
            queues=self._queues,
            slots=self._slots,
            tasks=self._tasks,
            held=tuple(held[:HELD_AT_MOST]),
            draining=self.draining,
            stopped=stopped,
        )
        self._send(self._subjects.heartbeat, beat)
        self.beaten(beat)

    def _send(self, subject: str, message: Started | Heartbeat) -> None:
        if self._bus.connected:
            self._bus.send(subject, codec.encode(message), headers=_HEADERS)
