"""The workers, as their heartbeats and started notices show them. Nothing rests on it: those may be lost.

How long a worker has been silent is measured on the *fleet's clock*. It is monotonic, and it stands still while nobody
is heard at all, since then it is more likely that we, or NATS, were away than that everybody died at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from headrace_coordinator.bus.port import Bus, Incoming, Subscription
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.port import WorkerView
from headrace_protocol.codec import decode
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Heartbeat, HeldAttempt, Started
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.fleet")

SHOWN_SILENT = 3
"""Heartbeats that a worker has missed before it is shown as silent."""
SILENT = 2
"""Heartbeats that a worker has missed before what it held may be taken for lost."""
UNHEARD = 1.2
"""Heartbeats without any worker after which the fleet's clock stands still."""
FORGET_S = 3_600.0
"""So long it is remembered what a silent worker held."""
SHOWN_S, SHOWN_BEATS = 60.0, 10
"""So long a silent worker is shown, and for so many of its heartbeats."""


class Holder(msgspec.Struct, frozen=True):
    """A worker that has, or had, an attempt."""

    worker: str
    silent_s: float
    started_at_us: int = 0
    stopped: bool = False
    """It said that it ends."""
    silent: bool = True
    """It has missed heartbeats while others were heard: what it held may be taken for lost."""


class _Worker:
    __slots__ = ("beat_at", "heard_at", "held", "last", "pending", "seen_at", "seen_at_us")

    def __init__(self, last: Heartbeat) -> None:
        self.last = last
        self.held: dict[str, HeldAttempt] = {}
        self.pending: frozenset[str] = frozenset()
        self.seen_at_us = 0
        """By the wall clock, for people."""
        self.seen_at = self.beat_at = 0.0
        """By the monotonic clock: when it was last heard, and when it last said all that it holds."""
        self.heard_at = 0.0
        """By the fleet's clock."""


def _key(held: HeldAttempt) -> str:
    return attempt_key(held.run_id, held.node, held.item, held.attempt)


class Fleet:
    """Who is there, and who holds what."""

    def __init__(self, subjects: Subjects, clock: Clock) -> None:
        self._subjects = subjects
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._subscriptions: list[Subscription] = []
        self._elapsed = 0.0
        self._heard_at = 0.0
        self.on_draining: Callable[[Heartbeat], None] = lambda _: None
        """Called with each heartbeat of a worker that is about to end."""
        self.on_beat: Callable[[Heartbeat], None] = lambda _: None
        """Called after each heartbeat."""

    async def start(self, bus: Bus) -> None:
        self._heard_at = self._clock.monotonic()
        self._subscriptions = [
            await bus.listen(self._subjects.heartbeat, self._on_heartbeat),
            await bus.listen(self._subjects.started, self._on_started),
        ]

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()

    def finished(self, worker: str, run_id: str, node: str, item: int | None, attempt: int) -> None:
        """An outcome came in, or the attempt is recorded as lost: the worker holds it no more."""
        known = self._workers.get(worker)
        if known is not None:
            known.held.pop(attempt_key(run_id, node, item, attempt), None)

    def _on_heartbeat(self, message: Incoming) -> None:
        try:
            beat = decode(message.body, Heartbeat, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("a heartbeat cannot be read: %s", error.message)
            return
        worker = self._workers.get(beat.worker)
        if worker is None:
            worker = self._workers[beat.worker] = _Worker(beat)
            self._forget_old()
        worker.last = beat
        worker.held = {_key(held): held for held in beat.held}
        worker.pending = frozenset(beat.pending)
        worker.beat_at = self._heard(worker)
        if beat.draining and not beat.stopped:
            self.on_draining(beat)
        self.on_beat(beat)

    def _on_started(self, message: Incoming) -> None:
        try:
            started = decode(message.body, Started, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("a started notice cannot be read: %s", error.message)
            return
        worker = self._workers.get(started.worker)
        if worker is not None:
            worker.held.update((_key(held), held) for held in started.held)
            self._heard(worker)

    def _heard(self, worker: _Worker) -> float:
        self._elapsed = self._now()
        self._heard_at = worker.seen_at = self._clock.monotonic()
        worker.seen_at_us = self._clock.now_us()
        worker.heard_at = self._elapsed
        return worker.seen_at

    def _now(self) -> float:
        """By the fleet's clock."""
        passed = self._clock.monotonic() - self._heard_at
        every_s = min((w.last.every_s for w in self._workers.values() if not w.last.stopped), default=0.0)
        return self._elapsed + min(passed, UNHEARD * every_s)

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        for name in [n for n, w in self._workers.items() if w.seen_at and now - w.seen_at > FORGET_S]:
            del self._workers[name]

    def _is_shown(self, worker: _Worker) -> bool:
        """The dead leave the list."""
        quiet_s = self._clock.monotonic() - worker.seen_at
        return quiet_s <= max(SHOWN_S, SHOWN_BEATS * worker.last.every_s)

    def _silent(self, worker: _Worker, missed: float) -> bool:
        return self._now() - worker.heard_at >= missed * worker.last.every_s

    def _state(self, worker: _Worker) -> str:
        if worker.last.stopped:
            return "stopped"
        if self._clock.monotonic() - worker.seen_at > SHOWN_SILENT * worker.last.every_s:
            return "silent"
        return "draining" if worker.last.draining else "live"

    def slots(self) -> dict[str, int]:
        """Slots of the live workers that take new tasks, by queue."""
        found: dict[str, int] = {}
        for worker in self._workers.values():
            if self._state(worker) == "live":
                for queue in worker.last.queues:
                    found[queue] = found.get(queue, 0) + worker.last.slots
        return found

    def views(self, *, gone: bool = False) -> tuple[WorkerView, ...]:
        """Workers as people see them; with `gone`, also those that have been silent for long, and what they held."""
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
            if gone or self._is_shown(worker)
        )

    def held(self, run_id: str | None = None) -> tuple[tuple[str, HeldAttempt], ...]:
        """(worker, attempt) pairs that live workers work on, of one run or of all."""
        return tuple(
            (name, held)
            for name, worker in self._workers.items()
            if self._state(worker) in ("live", "draining")
            for held in worker.held.values()
            if run_id is None or held.run_id == run_id
        )

    def pending(self) -> frozenset[str]:
        """Keys of attempts that live workers hold without working on them."""
        live = (w for w in self._workers.values() if self._state(w) in ("live", "draining"))
        return frozenset().union(*(worker.pending for worker in live))

    def named_since(self, key: str, since: float) -> bool:
        """Whether a worker has said after `since` (the monotonic clock) that it holds the attempt."""
        return any(
            worker.seen_at > since and (key in worker.held or key in worker.pending)
            for worker in self._workers.values()
        )

    def all_told(self, since: float) -> bool:
        """Whether every worker that is not silent has said what it holds after `since` (the monotonic clock)."""
        return all(
            worker.beat_at > since or worker.last.stopped or self._silent(worker, SILENT)
            for worker in self._workers.values()
        )

    def last_holder(self, key: str) -> Holder | None:
        """Who named the attempt in its last words."""
        for name, worker in self._workers.items():
            held = worker.held.get(key)
            if held is not None or key in worker.pending:
                return self._holder(name, worker, 0 if held is None else held.started_at_us)
        return None

    def may_have_died_with(self, queue: str, queued_at_us: int) -> list[Holder]:
        """Workers that could have been given a task then, and that are silent without having said that they end."""
        return [
            self._holder(name, worker)
            for name, worker in self._workers.items()
            if queue in worker.last.queues
            and not worker.last.stopped
            and self._silent(worker, SILENT)
            and worker.seen_at_us + UNHEARD * worker.last.every_s * 1e6 >= queued_at_us
        ]

    def _holder(self, name: str, worker: _Worker, started_at_us: int = 0) -> Holder:
        silent_s = self._clock.monotonic() - worker.seen_at
        return Holder(name, silent_s, started_at_us, worker.last.stopped, self._silent(worker, SILENT))

    def others(self, worker: str, queues: tuple[str, ...]) -> list[Heartbeat]:
        """The last heartbeats of other live workers that serve one of the queues and do not end."""
        return [
            other.last
            for name, other in self._workers.items()
            if name != worker
            and self._state(other) == "live"
            and not set(queues).isdisjoint(other.last.queues)
        ]
