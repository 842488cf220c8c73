"""The loop of one shard: the only place where runs change.

A *turn* takes in what has arrived and decides it; sealed, it is one transaction. While that is on its way to the
disk, the next turn is open: it decides what arrives meanwhile, on top of what the one before has decided, and is
sealed when the one before has landed. So the loop works while the disk does, and no turn is committed before the
one that it builds on.

    inputs → open turn → seal → flight: commit → publish, acknowledge, reply → landed
       ↑____________________________________|
          a flight that crashes: its inputs, and those of the turn that was decided on top of it

A flight whose commit fails *crashes*: nothing of it was published or acknowledged. It and the open turn are thrown
away, with the runs that they touched, and their inputs are decided again from what the store holds.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Protocol

from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import OutcomeReceived
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.apply import Applier, LineBroken
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.inbox import Inbox
from headrace_coordinator.runtime.offload import OffloadStopped
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.store.port import FenceLost
from headrace_coordinator.store.records import OutboxBatch, ShardFence
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import CommandReply, Outcome
from headrace_protocol.topology import message_bytes

log = logging.getLogger("headrace.shard")

MAX_INPUTS = 256
"""In one turn: bounds the transaction, adds no delay when there are fewer."""
IDLE_S = 0.2
"""After so long without inputs, confirmed outbox batches are deleted by a transaction of their own."""
STORE_RETRY_S = (0.05, 0.2, 1.0, 5.0)
"""Between attempts while the store cannot be used; the last one repeats."""


class Hooks(Protocol):
    """What the loop tells others: after a commit, and when it ends because the shard is not ours any more."""

    def lost(self, shard: int) -> None: ...

    def timer_set(self, shard: int, due_us: int) -> None: ...

    def collect(self, shard: int, effect: Collect) -> None: ...


class _Trip:
    """A turn with what it has taken in: open, then flying, then landed."""

    __slots__ = ("envelopes", "error", "failed", "inputs", "landed", "replies", "turn")

    def __init__(self, turn: Turn, envelopes: list[Envelope]) -> None:
        self.turn = turn
        self.envelopes = envelopes
        self.inputs = 0
        self.replies: list[list[CommandReply]] = []
        self.failed: list[Outcome] = []
        """Outcomes of attempts whose messages are too large for the bus."""
        self.error: Exception | None = None
        self.landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Shard:
    """Receives envelopes, decides them, commits, publishes, acknowledges."""

    def __init__(
        self, fence: ShardFence, parts: Parts, actors: Actors, hooks: Hooks, line: ReadyLine
    ) -> None:
        self.fence = fence
        self.line = line
        self._subjects = parts.topology.subjects
        self._store = parts.store
        self._bus = parts.bus
        self._actors = actors
        self._applier = Applier(fence.shard, actors, parts.registry, parts.sampled, line)
        self._outbox = parts.outbox
        self._offloader = parts.offloader
        self._changes = parts.changes
        self._arrivals = parts.arrivals
        self._clock = parts.clock
        self._hooks = hooks
        self._inbox = Inbox()
        self._open: _Trip | None = None
        self._flight: _Trip | None = None
        self._over: list[str] = []
        """Runs that are finished, and need not be kept."""
        self._refusals = 0
        """Of the store, one after the other."""
        self._wake = asyncio.Event()
        self._idle = False
        self._idling: asyncio.TimerHandle | None = None
        self._last_turn_at = 0.0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble: Unavailable | None = None
        """What the store said the last time, while it cannot be written or read."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._loop(), name=f"shard {self.fence.shard}")

    def put(self, envelope: Envelope) -> None:
        """Hand over inputs; the caller need not wait."""
        self._inbox.put(envelope)
        self._wake.set()

    async def ask(self, envelope: Envelope) -> list[CommandReply]:
        """Hand over inputs and wait until they are committed.

        Raises Unavailable when the shard stops first, and at once while the store is in trouble: who waits for an
        answer had better hear why there is none.
        """
        if self._task is None or self._task.done():
            raise _stopped(self.fence.shard)
        if self.trouble is not None:
            raise self.trouble.with_traceback(None)
        envelope.reply = asyncio.get_running_loop().create_future()
        self.put(envelope)
        return await envelope.reply

    @property
    def backlog(self) -> int:
        return len(self._inbox)

    async def stop(self) -> None:
        """Finish the turn in hand. What has not been taken up stays on the bus and comes again."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _loop(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._woken()
                while self._has_work and not self._stopping.is_set():
                    await self._turn()
            await self._landed()
        except FenceLost:
            log.warning("shard %d belongs to another coordinator now", self.fence.shard)
            self._hooks.lost(self.fence.shard)
        finally:
            if self._idling is not None:
                self._idling.cancel()
            trips = [trip for trip in (self._flight, self._open) if trip is not None]
            self._refuse([*(envelope for trip in trips for envelope in trip.envelopes), *self._inbox])

    @property
    def _has_work(self) -> bool:
        crashed = self._flight is not None and self._flight.error is not None
        return bool(self._inbox) or crashed or (self._idle and self._outbox.waiting)

    async def _woken(self) -> None:
        """Wait for inputs, for the end of a flight, or until nothing has come for a while and the outbox may be
        tidied up."""
        if self._idling is None and self._outbox.active:
            self._idling = asyncio.get_running_loop().call_later(IDLE_S, self._look_idle)
        await self._wake.wait()
        self._wake.clear()

    def _look_idle(self) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._last_turn_at + IDLE_S - loop.time()
        if left_s > 0:
            self._idling = loop.call_later(left_s, self._look_idle)
            return
        self._idling = None
        self._idle = True
        self._wake.set()

    async def _turn(self) -> None:
        """Decide what is there and what comes until the flight before has landed; then fly."""
        trip = self._open = self._new_trip()
        problem: Exception | None = None
        try:
            await self._decide(trip)
        except Exception as error:
            problem = error
        metrics.batch_size.record(len(trip.envelopes))
        if await self._landed():
            if problem is None:
                self._launch(trip)
            else:
                self._applier.forget(trip.turn.touched)
                await self._again(trip.envelopes, problem)
        self._open = None
        self._idle = False
        self._last_turn_at = asyncio.get_running_loop().time()

    def _new_trip(self, *envelopes: Envelope) -> _Trip:
        room = message_bytes(self._bus.max_payload_bytes)
        turn = Turn(self._subjects, self.fence, self._clock.now_us(), room)
        if self._flight is not None:
            turn.build_on(self._flight.turn)
        self._actors.tidy(self._over, turn.before)
        self._over = []
        return _Trip(turn, [*envelopes])

    async def _decide(self, trip: _Trip) -> None:
        while True:
            taken = self._inbox.take(self.line.room())
            trip.inputs += sum(envelope.weight for envelope in taken)
            trip.envelopes += taken
            trip.turn.now_us = self._clock.now_us()
            trip.replies += await self._applier.apply_all(trip.turn, taken)
            await self._applier.let_go(trip.turn)
            landed = self._flight is None or self._flight.landed.done()
            if landed or trip.inputs >= MAX_INPUTS:
                break
            if self._inbox:
                await asyncio.sleep(0)
            else:
                await self._woken()
        trip.failed = await self._offloader.shrink(trip.turn, self._stopping.is_set)

    def _launch(self, trip: _Trip) -> None:
        """What is committed is what has been decided up to now: the next turn changes the same runs."""
        self._flight = trip
        loop = asyncio.get_running_loop()
        # What the commit publishes leaves at the end of that tick: the rest comes after it.
        self._commit(trip.turn).add_done_callback(lambda done: loop.call_soon(self._arrived, trip, done))

    def _arrived(self, trip: _Trip, committed: asyncio.Future[None]) -> None:
        try:
            committed.result()
            self._settle(trip)
        except Exception as error:
            trip.error = error
        if not trip.landed.done():
            trip.landed.set_result(None)
        self._wake.set()

    async def _landed(self) -> bool:
        """Wait for the flight. False when it has crashed: the open turn's inputs are back in the inbox then, and
        what was decided of them has to be thrown away. Raises FenceLost."""
        flight = self._flight
        if flight is None:
            return True
        await flight.landed
        self._flight = None
        if flight.error is None:
            self._refusals = 0
            return True
        self._applier.forget(flight.turn.touched)
        if self._open is not None:
            self._applier.forget(self._open.turn.touched)
            self._inbox.put_back(self._open.envelopes)
        await self._again(flight.envelopes, flight.error)
        return False

    async def _again(self, envelopes: list[Envelope], error: Exception) -> None:
        """Something kept the envelopes from being committed: the store, or one of them, which is then singled out
        and does not take the others with it. Raises FenceLost."""
        if isinstance(error, FenceLost | OffloadStopped):
            self._inbox.put_back(envelopes)
            raise FenceLost from error
        if isinstance(error, LineBroken):
            log.critical(
                "run %s cannot be continued, and is left out of the ready line", error, exc_info=error
            )
            self._inbox.put_back(envelopes)
            return
        if not isinstance(error, Unavailable):
            await self._single_out(envelopes, error)
            return
        log.error("the store cannot be used: %s", error)
        self.trouble = error
        self._inbox.put_back(envelopes)
        if self._stopping.is_set():
            raise FenceLost from error
        await self._clock.sleep(STORE_RETRY_S[min(self._refusals, len(STORE_RETRY_S) - 1)])
        self._refusals += 1

    async def _single_out(self, envelopes: list[Envelope], error: Exception) -> None:
        if len(envelopes) > 1:
            for place, envelope in enumerate(envelopes):
                try:
                    await self._alone(envelope)
                except FenceLost:
                    self._inbox.put_back(envelopes[place + 1 :])
                    raise
            return
        log.error("an input broke the engine", exc_info=error)
        trip = self._new_trip(*envelopes)
        trip.replies = [self._applier.bury(trip.turn, envelopes[0], error)]
        try:
            await self._commit(trip.turn)
        except (FenceLost, Unavailable) as refused:
            await self._again(envelopes, refused)
            return
        except Exception as again:
            log.critical("an input can neither be applied nor kept: %r", envelopes[0], exc_info=again)
            trip.turn = self._new_trip().turn
        self._settle(trip)

    async def _alone(self, envelope: Envelope) -> None:
        """A turn for one envelope, from its decision to its end."""
        trip = self._new_trip(envelope)
        try:
            trip.replies = await self._applier.apply_all(trip.turn, trip.envelopes)
            await self._applier.let_go(trip.turn)
            trip.failed = await self._offloader.shrink(trip.turn, self._stopping.is_set)
            await self._commit(trip.turn)
        except Exception as error:
            self._applier.forget(trip.turn.touched)
            await self._again([envelope], error)
        else:
            self._settle(trip)

    def _commit(self, turn: Turn) -> asyncio.Future[None]:
        """Seal the turn, hand it to the store, and publish it once it is committed. When the future raises, nothing
        of the turn is written, or nobody knows."""
        loop = asyncio.get_running_loop()
        batch = turn.seal(self._changes, self._outbox)
        try:
            committed: asyncio.Future[None] = asyncio.ensure_future(self._store.commit(turn.transaction))
        except Exception as error:
            committed = loop.create_future()
            committed.set_exception(error)
        committed.add_done_callback(partial(self._committed, turn, batch, loop.time()))
        return committed

    def _committed(
        self, turn: Turn, batch: OutboxBatch | None, began: float, committed: asyncio.Future[None]
    ) -> None:
        if committed.cancelled() or committed.exception() is not None:
            self._outbox.give_back(turn.transaction.outbox_confirmed)
            return
        if self.trouble is not None:
            log.warning("the store can be used again")
            self.trouble = None
        metrics.commit_duration.record(asyncio.get_running_loop().time() - began)
        if batch is not None:
            self._outbox.publish(batch)

    def _settle(self, trip: _Trip) -> None:
        """Everything that may happen only after the commit."""
        turn = trip.turn
        for envelope, answers in zip(trip.envelopes, trip.replies, strict=True):
            if envelope.ack is not None:
                envelope.ack()
            if envelope.reply is not None and not envelope.reply.done():
                envelope.reply.set_result(answers)
            if envelope.reply_to and answers:
                self._bus.send(envelope.reply_to, headers.make(), encode(answers[0]))
        for callback in turn.after_commit:
            callback()
        if turn.earliest_timer_us is not None:
            self._hooks.timer_set(self.fence.shard, turn.earliest_timer_us)
        for effect in turn.collects:
            self._hooks.collect(self.fence.shard, effect)
        self._over += turn.finished
        self._changes.tell(turn.transaction.history, turn.head_of)
        self._arrivals.committed(turn.transaction)
        if trip.failed:
            self.put(Envelope(inputs=tuple(OutcomeReceived(outcome) for outcome in trip.failed)))

    def _refuse(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.reply is not None and not envelope.reply.done():
                envelope.reply.set_exception(_stopped(self.fence.shard))


def _stopped(shard: int) -> Unavailable:
    return Unavailable(
        f"shard {shard} has stopped",
        where="shard",
        fix="Try again: what was asked may have been carried out.",
    )
