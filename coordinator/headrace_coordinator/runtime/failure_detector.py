"""Deciding whether a delivery is lost.

A worker that gets a task message which the bus had delivered before does not start it, and tells of it
(`Redelivered`). That alone says little: the count also grows when NATS was away, and when a worker was frozen and lives
on. So all workers are asked what they hold. The attempt is *alive* if one of them names it. It is *lost* when every
worker has answered without naming it, or has been silent for two of its heartbeats, and when what had been told before
that is committed. Then the attempt is charged, if a worker may have died with it, and the next one is dispatched.

The copy is settled in either case. What is suspected is only remembered here: the worker repeats itself until it is
answered, by this coordinator or its successor.
"""

from __future__ import annotations

import asyncio
import logging

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.engine.inputs import AttemptLost
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.dispatch import holder_of
from headrace_coordinator.engine.transitions.redispatch import live_attempts
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet, Holder
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.shards import Shards
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.deliveries import Redelivered, Redundant
from headrace_protocol.errors import HeadraceError, Unavailable
from headrace_protocol.ids import attempt_key
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.failure_detector")

LOOK_S = 0.2
ROLL_CALL_S = 1.0
"""Between two roll calls, and how long a worker that we have not heard of yet has to answer the first."""


class _Suspicion:
    __slots__ = ("key", "reached", "replies", "shard", "since", "told")

    def __init__(self, told: Redelivered, shard: int, since: float) -> None:
        self.told = told
        self.key = attempt_key(told.run_id, told.node, told.item, told.attempt)
        self.shard = shard
        self.since = since
        self.replies: dict[str, None] = {}
        self.reached: int | None = None
        """All inputs up to this sequence of their stream must be committed before anything is decided."""


class FailureDetector:
    """Remembers what is suspected, and decides."""

    def __init__(self, parts: Parts, fleet: Fleet, shards: Shards) -> None:
        self._topology = parts.topology
        self._bus = parts.bus
        self._clock = parts.clock
        self._fleet = fleet
        self._shards = shards
        self._suspicions: dict[tuple[str, int], _Suspicion] = {}
        """By attempt and dispatch: a copy of what was dispatched before may be told of beside one of what holds now."""
        self._called_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def suspect(self, shard: int, told: Redelivered) -> None:
        """A worker has a message that had been delivered before."""
        found = _Suspicion(told, shard, self._clock.monotonic())
        found = self._suspicions.setdefault((found.key, told.dispatch), found)
        if told.reply_to:
            found.replies[told.reply_to] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="failure detector")

    async def stop(self) -> None:
        await end(self._task)

    async def _watch(self) -> None:
        while self._suspicions:
            self._call_the_roll()
            await self._clock.sleep(LOOK_S)
            for key, suspicion in list(self._suspicions.items()):
                try:
                    decided = await self._decide(suspicion)
                except Unavailable as error:  # its worker tells whoever runs the shard next
                    log.info("whether %s is lost is for others to decide: %s", suspicion.key, error)
                    decided = True
                except (BusError, HeadraceError) as error:
                    log.warning("whether %s is lost cannot be decided yet: %s", suspicion.key, error)
                    continue
                if decided:
                    del self._suspicions[key]

    def _call_the_roll(self) -> None:
        now = self._clock.monotonic()
        if self._bus.connected and now - self._called_at >= ROLL_CALL_S:
            self._called_at = now
            self._bus.send(self._topology.subjects.rollcall, headers.make(), b"")

    async def _decide(self, suspicion: _Suspicion) -> bool:
        """True when it is answered. Raises Unavailable when its shard is not ours any more."""
        key, told, since = suspicion.key, suspicion.told, suspicion.since
        actors = self._shards.actors(suspicion.shard)
        if not self._bus.connected:
            return False
        if self._fleet.named_since(key, since):
            log.info("%s was delivered again; its worker has it still", key)
            self._answer(suspicion)
            return True
        waited_s = self._clock.monotonic() - since
        if waited_s < ROLL_CALL_S or not self._fleet.all_told(since):
            return False
        if not await self._told_before_is_committed(suspicion):
            return False
        found = await actors.look([told.run_id])
        if told.run_id in found and self._is_live(found[told.run_id][0], told):
            loss = self._loss(key, told)
            await self._shards.ask(suspicion.shard, Envelope(inputs=(loss,)))
            self._fleet.finished(loss.worker, loss.run_id, loss.node, loss.item, loss.attempt)
        else:  # a commit tells that what was looked at is committed too
            await self._shards.ask(suspicion.shard, Envelope())
        self._answer(suspicion)
        return True

    async def _told_before_is_committed(self, suspicion: _Suspicion) -> bool:
        """Whether every outcome that was on the bus when the roll was called has been applied."""
        state = await self._bus.consumer_state(self._topology.input_consumer(suspicion.shard))
        if state is None:
            return False
        if suspicion.reached is None and not state.pending:
            suspicion.reached = state.delivered_to
        if not state.pending and not state.in_flight:
            return True
        return suspicion.reached is not None and state.acked_below >= suspicion.reached

    def _is_live(self, run: Run, told: Redelivered) -> bool:
        """Whether the copy is of the attempt as it was dispatched last."""
        if (told.node, told.item, told.attempt) not in live_attempts(run):
            return False
        return holder_of(run.nodes[told.node], told.item).dispatch == told.dispatch

    def _loss(self, key: str, told: Redelivered) -> AttemptLost:
        holder = self._fleet.last_holder(key)
        if holder is None:
            possible = self._fleet.may_have_died_with(told.queue, told.queued_at_us)
            charged = bool(possible)
            holder = possible[0] if len(possible) == 1 else Holder("", 0.0)
        else:
            charged = not holder.stopped
        return AttemptLost(
            run_id=told.run_id,
            node=told.node,
            item=told.item,
            attempt=told.attempt,
            worker=holder.worker,
            silent_s=holder.silent_s,
            started_at_us=holder.started_at_us,
            charged=charged,
        )

    def _answer(self, suspicion: _Suspicion) -> None:
        answer = encode(Redundant(suspicion.key, suspicion.told.dispatch))
        for reply_to in suspicion.replies:
            self._bus.send(reply_to, headers.make(), answer)
