"""Log lines on their way to the bus."""

from __future__ import annotations

import asyncio
import threading

from headrace.bus import Bus
from headrace.runtime.attempt import Attempt
from headrace_protocol import codec, headers
from headrace_protocol.messages import LogBatch, LogLine
from headrace_protocol.subjects import Subjects

FLUSH_S = 0.1
BATCH_LINES = 500
BATCH_BYTES = 512 * 1024
WAITING_LINES = 100_000
"""A task that logs faster than the bus takes it loses lines, not the worker's memory."""
_HEADERS = headers.make()


class LogShipper:
    """Collects lines from any thread, and sends them every 100 ms, every 500 lines, and before outcomes."""

    def __init__(self, bus: Bus, subjects: Subjects, worker: str) -> None:
        self._bus = bus
        self._subjects = subjects
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._lines: dict[str, list[LogLine]] = {}
        self._count = 0
        self._scheduled = False
        self.dropped = 0

    def add(self, attempt: Attempt, line: LogLine) -> None:
        with self._lock:
            if self._count >= WAITING_LINES:
                self.dropped += 1
                return
            self._lines.setdefault(attempt.message.queue, []).append(line)
            self._count += 1
            now = self._count >= BATCH_LINES
            if self._scheduled and self._count != BATCH_LINES:
                return
            self._scheduled = True
        try:
            self._loop.call_soon_threadsafe(self.flush if now else self._schedule)
        except RuntimeError:  # an abandoned thread prints after the worker has stopped
            return

    def _schedule(self) -> None:
        self._loop.call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        if not self._lines:
            self._scheduled = False
            return
        with self._lock:
            lines, self._lines = self._lines, {}
            self._count = 0
            self._scheduled = False
        for queue, batch in lines.items():
            self._send(queue, batch)

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
        self._publish(queue, batch)

    def _publish(self, queue: str, batch: list[LogLine]) -> None:
        body = codec.encode(LogBatch(worker=self._worker, lines=tuple(batch)))
        self._bus.send(self._subjects.log(queue), body, headers=_HEADERS)
