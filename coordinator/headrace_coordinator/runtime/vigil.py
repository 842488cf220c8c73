"""Noticing what the bus lost, and publishing it again (I11).

Three nets, from quick to slow. After every connection the streams' identity and sequence are compared with what
was recorded: where a stream is younger or shorter than it was, everything dispatched is published again. A sweep
looks for single attempts that nobody holds although their queue has been worked through. It also fences
attempts that a worker has held far beyond their timeout, and stops those that no run waits for any more: a cancel
does not reach a task that is still in its queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Protocol

import msgspec

from headrace_coordinator.bus.port import BusError, ConsumerState, StreamState
from headrace_coordinator.engine.inputs import AttemptOverdue, Redispatch
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.redispatch import live_attempts
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.store.records import StreamIdentity
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.definition import Priority
from headrace_protocol.errors import HeadraceError
from headrace_protocol.ids import attempt_key, shard_of
from headrace_protocol.messages import CancelAttempts, CommandReply, HeldAttempt
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.vigil")

PAGE = 500
OVERDUE_S = 15.0
"""How much longer than its timeout an attempt may be held before it is fenced: the worker ends it by itself."""
RETRY_S = 0.25


class Shards(Protocol):
    """The shards that this coordinator owns."""

    @property
    def count(self) -> int: ...

    def owned(self) -> tuple[int, ...]: ...

    def put(self, shard: int, envelope: Envelope) -> None: ...

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]: ...

    def actors(self, shard: int) -> Actors: ...


class _Mark(msgspec.Struct, frozen=True):
    """Everything published before `at_us` has at most this sequence in the task stream."""

    at_us: int
    sequence: int


class Vigil:
    """Watches the streams and the attempts of one coordinator."""

    def __init__(self, parts: Parts, fleet: Fleet, shards: Shards, *, sweep_s: float = 15.0) -> None:
        self._topology = parts.topology
        self._bus = parts.bus
        self._store = parts.store
        self._outbox = parts.outbox
        self._clock = parts.clock
        self._fleet = fleet
        self._shards = shards
        self._sweep_s = sweep_s
        self._marks: deque[_Mark] = deque(maxlen=4_096)
        self._suspects: dict[str, int] = {}
        self._kinds = {self._topology.stream("TASKS"): "task", self._topology.stream("INPUTS"): "in"}
        self._observing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the streams, publish again what they lost, and go on watching."""
        for state in await self._observe():
            if state.name == self._topology.stream("TASKS"):
                self._marks.append(_Mark(self._clock.now_us(), state.last_sequence))
        self._bus.on_reconnect(self.reconnected)
        self._task = asyncio.create_task(self._sweep_for_ever(), name="vigil")

    async def stop(self) -> None:
        await end(self._task)

    async def reconnected(self) -> None:
        """To be called after every reconnect, before consumers ask again: it waits for a store that cannot."""
        self._outbox.publish_again()
        while True:
            try:
                await self._observe()
                return
            except HeadraceError as error:
                log.warning("the streams cannot be compared yet: %s", error)
                await self._clock.sleep(RETRY_S)

    async def _observe(self) -> list[StreamState]:
        """Compare the streams with what is known of them, and record them; what they lost is published again.

        What is known is read before the streams are: what is published meanwhile does not count as lost.
        """
        async with self._observing:
            known = {name: await self._known(name, kind) for name, kind in self._kinds.items()}
            states = await self._ensure()
            lost = [s.name for s in states if s.name in known and is_lost(known[s.name], s)]
            if lost:
                self._marks.clear()
                self._outbox.highest.clear()
                await self.republish_all(lost)
            await self._record(states)
        return states

    async def _known(self, name: str, kind: str) -> StreamIdentity | None:
        recorded = await self._store.stream(name)
        if recorded is None:
            return None
        reached = max(recorded.last_sequence, self._outbox.highest.get(kind, 0))
        return msgspec.structs.replace(recorded, last_sequence=reached)

    async def _ensure(self) -> list[StreamState]:
        while True:
            try:
                return await self._bus.ensure(self._topology)
            except BusError as error:
                log.warning("the streams cannot be made yet: %s", error)
                await self._clock.sleep(RETRY_S)

    async def _record(self, states: list[StreamState]) -> None:
        """Under the fence of a shard: a coordinator that has lost its lease has published nothing again, and would
        hide the loss from the one that must."""
        identities = [StreamIdentity(s.name, s.created, s.last_sequence) for s in states]
        for shard in self._shards.owned()[:1]:
            await self._shards.ask(shard, Envelope(write=lambda t: t.streams.extend(identities)))

    async def republish_all(self, lost: list[str]) -> None:
        """Publish again everything that is dispatched. Returns when that is committed: only then may the streams
        be recorded as they are now, or a crash in between would leave the loss unnoticed."""
        log.warning("the bus has lost %s: what is dispatched is published again", ", ".join(lost))
        for shard in self._shards.owned():
            after = ""
            while page := await self._store.unfinished(shard, after, PAGE):
                again = (Envelope(inputs=(Redispatch(run_id),)) for run_id in page)
                await asyncio.gather(*(self._shards.ask(shard, envelope) for envelope in again))
                after = page[-1]

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._sweep_s)
            if not self._bus.connected:
                continue
            try:
                await self.sweep()
            except (BusError, HeadraceError) as error:
                log.warning("a sweep was given up: %s", error)

    async def sweep(self) -> None:
        """Look at every live attempt once: publish again what is lost, fence what is overdue."""
        now_us = self._clock.now_us()
        self._marks.append(_Mark(now_us, self._outbox.highest.get("task", 0)))
        held = {
            attempt_key(h.run_id, h.node, h.item, h.attempt): (worker, h) for worker, h in self._fleet.held()
        }
        suspects: dict[str, int] = {}
        live: set[str] = set()
        consumers: dict[tuple[str, Priority], ConsumerState | None] = {}
        for shard in self._shards.owned():
            after = ""
            while page := await self._store.unfinished(shard, after, PAGE):
                found = await self._shards.actors(shard).look(page)
                for run, plan in found.values():
                    live |= await self._look(shard, run, plan, now_us, held, suspects, consumers)
                after = page[-1]
        self._suspects = suspects
        await self._stop([attempt for key, (_, attempt) in held.items() if key not in live])
        await self._observe()

    async def _look(
        self,
        shard: int,
        run: Run,
        plan: Plan,
        now_us: int,
        held: Mapping[str, tuple[str, HeldAttempt]],
        suspects: dict[str, int],
        consumers: dict[tuple[str, Priority], ConsumerState | None],
    ) -> set[str]:
        """Keys of the run's live attempts."""
        run_id = run.head.run_id
        lost = []
        keys = set()
        for name, item, attempt in live_attempts(run):
            key = attempt_key(run_id, name, item, attempt)
            keys.add(key)
            options = plan.nodes[name].definition.options
            holder = held.get(key)
            if holder is not None:
                self._check_overdue(shard, run_id, name, item, attempt, options.timeout_s, holder, now_us)
                continue
            if run.nodes[name].queued_at_us > now_us - round(2 * self._topology.ack_wait_s * 1e6):
                continue
            place = (options.queue, options.priority)
            if place not in consumers:
                consumers[place] = await self._bus.consumer_state(self._topology.task_consumer(*place))
            if self._worked_through(consumers[place], run.nodes[name].queued_at_us):
                suspects[key] = now_us
                if key in self._suspects:
                    lost.append((name, item, attempt))
        if lost:
            log.warning("%d attempts of run %s are lost and published again", len(lost), run_id)
            self._shards.put(shard, Envelope(inputs=(Redispatch(run_id, tuple(lost)),)))
        return keys

    async def _stop(self, stale: list[HeldAttempt]) -> None:
        """Attempts that are held and not live: numbers are never used again, so nobody can come to want them.

        A turn comes first, though there is nothing to write: its commit tells that what was looked at is committed
        too, and that the shard did not go to another coordinator meanwhile, which knows of newer attempts.
        """
        by_shard: dict[int, list[HeldAttempt]] = {shard: [] for shard in self._shards.owned()}
        for held in stale:
            by_shard.get(shard_of(held.run_id, self._shards.count), []).append(held)
        for shard in [shard for shard, found in by_shard.items() if found]:
            await self._shards.ask(shard, Envelope())
            for held in by_shard[shard]:
                cancel = CancelAttempts(
                    run_id=held.run_id, attempts=(held,), reason="the run does not wait for it any more"
                )
                self._bus.send(self._topology.subjects.cancel, headers.make(), encode(cancel))

    def _worked_through(self, consumer: ConsumerState | None, queued_at_us: int) -> bool:
        """Whether the bus can no longer hold a message published at that time."""
        if consumer is None:
            return False
        if not consumer.pending and not consumer.in_flight:
            return True
        reached = next((mark.sequence for mark in self._marks if mark.at_us >= queued_at_us), None)
        return reached is not None and 0 < reached <= consumer.acked_below

    def _check_overdue(
        self,
        shard: int,
        run_id: str,
        name: str,
        item: int | None,
        attempt: int,
        timeout_s: float | None,
        holder: tuple[str, HeldAttempt],
        now_us: int,
    ) -> None:
        worker, held = holder
        started_at_us = held.started_at_us
        if timeout_s is not None and now_us - started_at_us > (timeout_s + OVERDUE_S) * 1e6:
            overdue = AttemptOverdue(run_id, name, item, attempt, worker)
            self._shards.put(shard, Envelope(inputs=(overdue,)))


def is_lost(known: StreamIdentity | None, found: StreamState) -> bool:
    """Whether a stream is younger or shorter than it was."""
    if known is None:
        return False
    return known.created != found.created or found.last_sequence < known.last_sequence
