"""Noticing what the bus lost, and publishing it again (I11).

Three nets, from quick to slow. After every connection the streams' identity and sequence are compared with what
was recorded: where a stream is younger or shorter than it was, everything dispatched is published again. A sweep
looks for single attempts that nobody holds although their queue has been worked through: their worker died after the
bus had forgotten the message, or the bus lost it. It also fences
attempts that a worker has held far beyond their timeout, and stops those that no run waits for any more: a cancel
does not reach a task that is still in its queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from headrace_coordinator.bus.port import BusError, ConsumerState, StreamState
from headrace_coordinator.engine.inputs import AttemptLost, AttemptOverdue, Redispatch
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.redispatch import lined_attempts, live_attempts
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.shards import Shards
from headrace_coordinator.store.records import StreamIdentity
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.definition import Priority
from headrace_protocol.deliveries import Wanted
from headrace_protocol.errors import HeadraceError, NamespaceTaken
from headrace_protocol.ids import attempt_key, shard_of
from headrace_protocol.messages import CancelAttempts, HeldAttempt
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.vigil")

PAGE = 500
OVERDUE_S = 15.0
"""How much longer than its timeout an attempt may be held before it is fenced: the worker ends it by itself."""
RETRY_S = 0.25
AGAIN = 3
"""How often an attempt without a known holder is published again: one whose message was settled so often without an
outcome that could be read is charged as lost."""


Place = tuple[str, Priority, str]
"""Queue, priority and code: where a task message is published."""


class _Sweep:
    """What one sweep knows and finds."""

    def __init__(self, now_us: int, fleet: Fleet) -> None:
        self.now_us = now_us
        self.held = {
            attempt_key(h.run_id, h.node, h.item, h.attempt): (worker, h) for worker, h in fleet.held()
        }
        self.pending = fleet.pending()
        self.suspects: dict[str, int] = {}
        self.live: set[str] = set()
        self.consumers: dict[Place, ConsumerState | None] = {}
        self.wanted: set[Place] = set()
        """Places of restricted attempts that nobody holds."""


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
        self._again: dict[str, int] = {}
        """How often live attempts have been published again by sweeps."""
        self._kinds = {self._topology.stream("TASKS"): "task", self._topology.stream("INPUTS"): "in"}
        self._observing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.on_refused: Callable[[HeadraceError], None] = lambda _: None
        """Called when the streams turn out to belong to another store."""

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
        while True:
            try:
                await self._observe()
                self._outbox.publish_again()
                return
            except NamespaceTaken as error:
                self.on_refused(error)
                await asyncio.Event().wait()  # nothing is consumed or published any more
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
            except NamespaceTaken as error:
                self.on_refused(error)
                return
            except (BusError, HeadraceError) as error:
                log.warning("a sweep was given up: %s", error)

    async def sweep(self) -> None:
        """Look at every live attempt once: publish again what is lost, fence what is overdue."""
        now_us = self._clock.now_us()
        self._marks.append(_Mark(now_us, self._outbox.highest.get("task", 0)))
        sweep = _Sweep(now_us, self._fleet)
        for shard in self._shards.owned():
            after = ""
            while page := await self._store.unfinished(shard, after, PAGE):
                found = await self._shards.actors(shard).look(page)
                for run, plan in found.values():
                    await self._look(shard, run, plan, sweep)
                after = page[-1]
        self._suspects = sweep.suspects
        self._again = {key: count for key, count in self._again.items() if key in sweep.live}
        for place in sweep.wanted:  # whoever has the code may not have heard of it
            self._bus.send(self._topology.subjects.wanted, headers.make(), encode(Wanted(*place)))
        await self._stop([attempt for key, (_, attempt) in sweep.held.items() if key not in sweep.live])
        await self._observe()

    async def _look(self, shard: int, run: Run, plan: Plan, sweep: _Sweep) -> None:
        run_id = run.head.run_id
        lost: list[tuple[str, int | None, int]] = []
        for name, item, attempt in live_attempts(run):
            key = attempt_key(run_id, name, item, attempt)
            sweep.live.add(key)
            planned, node = plan.nodes[name], run.nodes[name]
            options = planned.definition.options
            holder = sweep.held.get(key)
            if holder is not None:
                self._check_overdue(
                    shard, run_id, name, item, attempt, options.timeout_s, holder, sweep.now_us
                )
                continue
            place = (options.queue, options.priority, node.code or planned.code)
            if place[2]:
                sweep.wanted.add(place)
            if node.queued_at_us > sweep.now_us - round(2 * self._topology.ack_wait_s * 1e6):
                continue
            if key not in sweep.pending and await self._is_off_the_bus(place, node.queued_at_us, sweep):
                sweep.suspects[key] = sweep.now_us
                if key in self._suspects:
                    lost.append((name, item, attempt))
        # A worker may go on with what waits in the line, when the bus has lost its message.
        sweep.live |= {
            attempt_key(run_id, name, item, attempt) for name, item, attempt in lined_attempts(run)
        }
        if lost:
            self._lost(shard, run_id, lost)

    async def _is_off_the_bus(self, place: Place, queued_at_us: int, sweep: _Sweep) -> bool:
        if place not in sweep.consumers:
            spec = self._topology.task_consumer(*place)
            sweep.consumers[place] = await self._bus.consumer_state(spec)
        return self._worked_through(sweep.consumers[place], queued_at_us)

    def _lost(self, shard: int, run_id: str, attempts: list[tuple[str, int | None, int]]) -> None:
        """Nobody holds them, nor does the bus. One whose worker fell silent is lost with it; the others were never
        delivered, and are published again."""
        log.warning("%d attempts of run %s are lost and dispatched again", len(attempts), run_id)
        undelivered = []
        for name, item, attempt in attempts:
            key = attempt_key(run_id, name, item, attempt)
            holder = self._fleet.last_holder(key)
            if holder is not None and not (holder.stopped or holder.silent):
                continue  # nobody else was heard either: it may be our own ears
            self._again[key] = self._again.get(key, 0) + 1
            if (holder is None or holder.stopped) and self._again[key] <= AGAIN:
                undelivered.append((name, item, attempt))
                continue
            loss = AttemptLost(
                run_id=run_id,
                node=name,
                item=item,
                attempt=attempt,
                worker="" if holder is None else holder.worker,
                silent_s=0.0 if holder is None else holder.silent_s,
                started_at_us=0 if holder is None else holder.started_at_us,
            )
            settled = partial(self._fleet.finished, loss.worker, run_id, name, item, attempt)
            self._shards.put(shard, Envelope(inputs=(loss,), ack=settled))
        if undelivered:
            self._shards.put(shard, Envelope(inputs=(Redispatch(run_id, tuple(undelivered)),)))

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
