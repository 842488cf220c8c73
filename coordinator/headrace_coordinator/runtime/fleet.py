"""The workers, as their heartbeats and started notices show them. Nothing rests on it: those may be lost."""

from __future__ import annotations

import logging

from headrace_coordinator.bus.port import Bus, Incoming, Subscription
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.port import WorkerView
from headrace_protocol.codec import decode
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Heartbeat, HeldAttempt, Started
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.fleet")

SILENT_US = 15_000_000
"""Three heartbeat intervals."""
FORGET_US = 3_600_000_000


class _Worker:
    __slots__ = ("held", "last", "seen_at_us")

    def __init__(self, last: Heartbeat, seen_at_us: int) -> None:
        self.last = last
        self.seen_at_us = seen_at_us
        self.held: dict[str, HeldAttempt] = {}


def _key(held: HeldAttempt) -> str:
    return attempt_key(held.run_id, held.node, held.item, held.attempt)


class Fleet:
    """Who is there, and who holds what."""

    def __init__(self, subjects: Subjects, clock: Clock) -> None:
        self._subjects = subjects
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._subscriptions: list[Subscription] = []

    async def start(self, bus: Bus) -> None:
        self._subscriptions = [
            await bus.listen(self._subjects.heartbeat, self._on_heartbeat),
            await bus.listen(self._subjects.started, self._on_started),
        ]

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()

    def finished(self, worker: str, run_id: str, node: str, item: int | None, attempt: int) -> None:
        """An outcome came in: the worker holds the attempt no more."""
        known = self._workers.get(worker)
        if known is not None:
            known.held.pop(attempt_key(run_id, node, item, attempt), None)

    def _on_heartbeat(self, message: Incoming) -> None:
        try:
            beat = decode(message.body, Heartbeat, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("a heartbeat cannot be read: %s", error.message)
            return
        now_us = self._clock.now_us()
        worker = self._workers.get(beat.worker)
        if worker is None:
            worker = self._workers[beat.worker] = _Worker(beat, now_us)
            self._forget_old(now_us)
        worker.last = beat
        worker.seen_at_us = now_us
        worker.held = {_key(held): held for held in beat.held}

    def _on_started(self, message: Incoming) -> None:
        try:
            started = decode(message.body, Started, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("a started notice cannot be read: %s", error.message)
            return
        worker = self._workers.get(started.worker)
        if worker is not None:
            worker.held.update((_key(held), held) for held in started.held)

    def _forget_old(self, now_us: int) -> None:
        for name in [n for n, w in self._workers.items() if now_us - w.seen_at_us > FORGET_US]:
            del self._workers[name]

    def _state(self, worker: _Worker) -> str:
        if worker.last.stopped:
            return "stopped"
        if self._clock.now_us() - worker.seen_at_us > SILENT_US:
            return "silent"
        return "draining" if worker.last.draining else "live"

    def views(self) -> tuple[WorkerView, ...]:
        return tuple(
            WorkerView(
                worker=name,
                host=worker.last.host,
                pid=worker.last.pid,
                queues=worker.last.queues,
                slots=worker.last.slots,
                tasks=worker.last.tasks,
                held=tuple(worker.held.values()),
                started_at_us=worker.last.started_at_us,
                seen_at_us=worker.seen_at_us,
                state=self._state(worker),
            )
            for name, worker in self._workers.items()
        )

    def held(self, run_id: str | None = None) -> tuple[tuple[str, HeldAttempt], ...]:
        """(worker, attempt) pairs that live workers hold, of one run or of all."""
        return tuple(
            (name, held)
            for name, worker in self._workers.items()
            if self._state(worker) in ("live", "draining")
            for held in worker.held.values()
            if run_id is None or held.run_id == run_id
        )
