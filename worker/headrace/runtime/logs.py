"""Log lines on their way to the bus.

Lines are *waiting*, then *sent* in batches, then *confirmed* by the stream. What is not confirmed is sent again under
the same message id; while there is no connection, lines wait. Bounds per attempt and on what waits keep a flood from
the store and from the worker's memory, and what they drop is said.
"""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import count
from typing import TextIO

import msgspec

from headrace.bus import Bus
from headrace.runtime.attempt import Attempt
from headrace.runtime.lines import ATTEMPT_LOGGER, line_about
from headrace.runtime.log_limit import OVERFLOW, LogBounds, LogLimit
from headrace_protocol import codec, headers
from headrace_protocol.messages import LogBatch, LogLine
from headrace_protocol.printable import printable
from headrace_protocol.subjects import Subjects

FLUSH_S = 0.1
SAY_S = 1.0
"""How often an attempt that goes on dropping lines says so."""
BATCH_LINES = 500
BATCH_BYTES = 512 * 1024
WAITING_LINES = 200_000
"""Lines kept for all attempts together, sent ones that are not confirmed included."""
RETRY_S = 0.5


class _Batch(msgspec.Struct):
    subject: str
    body: bytes
    headers: dict[str, str]
    lines: int


class LogShipper:
    """Collects lines from any thread, and sends them every 100 ms, every 500 lines, and before outcomes."""

    def __init__(
        self,
        bus: Bus,
        subjects: Subjects,
        worker: str,
        bounds: LogBounds | None = None,
        echo: TextIO | None = None,
    ) -> None:
        """`echo` is a terminal, or what leads to one, that gets every line as well."""
        self._echo = echo
        self._bus = bus
        self._subjects = subjects
        self._worker = worker
        self._bounds = bounds or LogBounds()
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._lines: dict[str, list[LogLine]] = {}
        self._limited: dict[str, Attempt] = {}
        """Attempts that have dropped lines and not said so yet."""
        self._count = 0
        self._unconfirmed = 0
        self._timed = False
        """Whether a timer runs that flushes."""
        self._numbers = count(1)
        self._dropped = 0

    def add(self, attempt: Attempt, line: LogLine, /) -> None:
        with self._lock:
            limit = attempt.log_limit
            if limit is None:
                limit = attempt.log_limit = LogLimit(self._bounds)
            if line.logger == ATTEMPT_LOGGER or self._admits(attempt, limit, line):
                if limit.dropped:
                    self._say(attempt, limit)
                self._keep(attempt, line)
            wake = self._start_timer if not self._timed else self.flush
            if self._timed and self._count != BATCH_LINES:
                return
            self._timed = True
        try:
            self._loop.call_soon_threadsafe(wake)
        except RuntimeError:  # an abandoned thread prints after the worker has stopped
            return

    def flush(self) -> None:
        """Send what waits, unless there is no connection."""
        self._say_what_was_dropped()
        if not self._lines or not self._bus.connected:
            return
        with self._lock:
            lines, self._lines = self._lines, {}
            self._count = 0
        for queue, batch in lines.items():
            self._send(queue, batch)

    def _start_timer(self) -> None:
        self._loop.call_later(FLUSH_S, self._ring)

    def _ring(self) -> None:
        self.flush()
        with self._lock:
            self._timed = bool(self._lines or self._limited)
        if self._timed:
            self._start_timer()

    # -- collecting, under the lock ------------------------------------------------------------------

    def _admits(self, attempt: Attempt, limit: LogLimit, line: LogLine) -> bool:
        text = line.message
        if limit.admits(len(text) if text.isascii() else len(text.encode())):
            if self._count + self._unconfirmed < WAITING_LINES:
                return True
            limit.drop(1, OVERFLOW)
        self._limited[attempt.key] = attempt
        return False

    def _say(self, attempt: Attempt, limit: LogLimit) -> None:
        self._limited.pop(attempt.key, None)
        self._dropped += limit.dropped
        self._keep(attempt, line_about(attempt, limit.notice()))

    def _keep(self, attempt: Attempt, line: LogLine) -> None:
        self._lines.setdefault(attempt.message.queue, []).append(line)
        self._count += 1
        if self._echo is not None:
            text = f"{line.level} {line.logger}: {line.message}" if line.logger else line.message
            self._echo.write(printable(text) + "\n")
            self._echo.flush()

    def _say_what_was_dropped(self) -> None:
        if not self._limited:
            return
        with self._lock:
            for attempt in tuple(self._limited.values()):
                limit = attempt.log_limit
                if limit is None or not limit.dropped:
                    continue
                if attempt.finished or time.monotonic() - limit.said_at_s >= SAY_S:
                    self._say(attempt, limit)

    # -- sending, on the loop ------------------------------------------------------------------------

    def _send(self, queue: str, lines: list[LogLine]) -> None:
        batch: list[LogLine] = []
        size = 0
        room = min(BATCH_BYTES, self._bus.max_payload_bytes // 2)
        for line in lines:
            weight = len(line.message) * 2 + 200
            if batch and (size + weight > room or len(batch) >= BATCH_LINES):
                self._publish(queue, batch)
                batch, size = [], 0
            batch.append(line)
            size += weight
        if batch:
            self._publish(queue, batch)

    def _publish(self, queue: str, lines: list[LogLine]) -> None:
        dropped, self._dropped = self._dropped, 0
        body = codec.encode(LogBatch(worker=self._worker, lines=tuple(lines), dropped=dropped))
        named = headers.make(message_id=f"log/{self._worker}/{next(self._numbers)}")
        self._unconfirmed += len(lines)
        self._try(_Batch(self._subjects.log(queue), body, named, len(lines)))

    def _try(self, batch: _Batch) -> None:
        def confirmed(done: asyncio.Future[int]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._loop.call_later(RETRY_S, self._try, batch)
            else:
                self._unconfirmed -= batch.lines

        self._bus.publish(batch.subject, batch.body, batch.headers).add_done_callback(confirmed)
