"""The loop of one shard: the only place where runs change."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import OutcomeReceived
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.apply import Applier
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.offload import OffloadStopped
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.store.port import FenceLost
from headrace_coordinator.store.records import ShardFence
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import CommandReply

log = logging.getLogger("headrace.shard")

MAX_ENVELOPES = 512
"""Envelopes in one turn: bounds the transaction, adds no delay when there are fewer."""
IDLE_S = 0.2
"""After so long without inputs, confirmed outbox batches are deleted by a transaction of their own."""
STORE_RETRY_S = (0.05, 0.2, 1.0, 5.0)


class Hooks(Protocol):
    """What the loop tells others: after a commit, and when it ends because the shard is not ours any more."""

    def lost(self, shard: int) -> None: ...

    def timer_set(self, shard: int, due_us: int) -> None: ...

    def collect(self, shard: int, effect: Collect) -> None: ...


class Shard:
    """Receives envelopes, decides them, commits, publishes, acknowledges."""

    def __init__(self, fence: ShardFence, parts: Parts, actors: Actors, hooks: Hooks) -> None:
        self.fence = fence
        self._subjects = parts.topology.subjects
        self._store = parts.store
        self._bus = parts.bus
        self._actors = actors
        self._applier = Applier(fence.shard, actors, parts.registry, parts.sampled)
        self._outbox = parts.outbox
        self._offloader = parts.offloader
        self._changes = parts.changes
        self._clock = parts.clock
        self._hooks = hooks
        self._inbox: deque[Envelope] = deque()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._loop(), name=f"shard {self.fence.shard}")

    def put(self, envelope: Envelope) -> None:
        """Hand over inputs; the caller need not wait."""
        self._inbox.append(envelope)
        self._wake.set()

    async def ask(self, envelope: Envelope) -> list[CommandReply]:
        """Hand over inputs and wait until they are committed. Raises Unavailable when the shard stops first."""
        if self._task is None or self._task.done():
            raise _stopped(self.fence.shard)
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
        while not self._stopping.is_set():
            idle = await self._sleep()
            while self._inbox or (idle and self._outbox.waiting):
                envelopes = [self._inbox.popleft() for _ in range(min(len(self._inbox), MAX_ENVELOPES))]
                try:
                    await self._turn(envelopes)
                except FenceLost:
                    log.warning("shard %d belongs to another coordinator now", self.fence.shard)
                    self._refuse([*envelopes, *self._inbox])
                    self._hooks.lost(self.fence.shard)
                    return
                if self._stopping.is_set():
                    break
        self._refuse(list(self._inbox))

    async def _sleep(self) -> bool:
        """Wait for inputs; true when there were none for a while and the outbox may be tidied up."""
        idle = False
        try:
            await asyncio.wait_for(self._wake.wait(), IDLE_S if self._outbox.active else None)
        except TimeoutError:
            idle = True
        self._wake.clear()
        return idle

    async def _turn(self, envelopes: list[Envelope]) -> None:
        """One turn. An envelope that breaks the engine is singled out and does not take the others with it."""
        metrics.batch_size.record(len(envelopes))
        turn = self._new_turn()
        try:
            replies = await self._applier.apply_all(turn, envelopes)
            failed = await self._offloader.shrink(turn, self._stopping.is_set)
            await self._commit(turn)
        except (FenceLost, OffloadStopped) as error:
            raise FenceLost from error
        except Unavailable as error:
            log.error("the store cannot be read: %s", error)
            self._actors.forget(turn.touched)
            self._inbox.extendleft(reversed(envelopes))
            await self._clock.sleep(STORE_RETRY_S[-2])
            return
        except Exception as error:
            self._actors.forget(turn.touched)
            await self._single_out(envelopes, error)
            return
        self._settle(turn, envelopes, replies)
        if failed:
            self.put(Envelope(inputs=tuple(OutcomeReceived(outcome) for outcome in failed)))

    def _new_turn(self) -> Turn:
        return Turn(self._subjects, self.fence, self._clock.now_us())

    async def _single_out(self, envelopes: list[Envelope], error: Exception) -> None:
        if len(envelopes) > 1:
            for envelope in envelopes:
                await self._turn([envelope])
            return
        log.error("an input broke the engine", exc_info=error)
        turn = self._new_turn()
        replies = self._applier.bury(turn, envelopes[0], error)
        try:
            await self._commit(turn)
        except FenceLost:
            raise
        except Exception as again:
            log.critical("an input can neither be applied nor kept: %r", envelopes[0], exc_info=again)
            turn = self._new_turn()
        self._settle(turn, envelopes, [replies])

    async def _commit(self, turn: Turn) -> None:
        """Commit, again and again while the store cannot (a full disk): nothing is acknowledged meanwhile.

        Raises what the store says of a transaction that it can never write.
        """
        batch = turn.seal(self._changes, self._outbox)
        started = asyncio.get_running_loop().time()
        attempt = 0
        while not await self._committed(turn):
            await self._clock.sleep(STORE_RETRY_S[min(attempt, len(STORE_RETRY_S) - 1)])
            attempt += 1
        metrics.commit_duration.record(asyncio.get_running_loop().time() - started)
        if batch is not None:
            self._outbox.publish(batch)

    async def _committed(self, turn: Turn) -> bool:
        try:
            await self._store.commit(turn.transaction)
        except Unavailable as error:
            log.error("the store cannot commit: %s", error)
            if self._stopping.is_set():
                self._outbox.give_back(turn.transaction.outbox_confirmed)
                raise FenceLost from error
            return False
        except Exception:
            self._outbox.give_back(turn.transaction.outbox_confirmed)
            raise
        return True

    def _settle(self, turn: Turn, envelopes: list[Envelope], replies: list[list[CommandReply]]) -> None:
        """Everything that may happen only after the commit."""
        for envelope, answers in zip(envelopes, replies, strict=True):
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
        self._actors.forget(turn.finished)
        self._changes.tell(turn.transaction.history)

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
