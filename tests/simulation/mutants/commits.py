"""Breakages of what makes decisions durable: fences, commits, acknowledgements, the outbox."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.shard import Shard
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.store import memory
from headrace_coordinator.store.port import FenceLost
from headrace_coordinator.store.records import OutboxBatch, ShardFence, Transaction
from headrace_protocol.errors import HeadraceError
from tests.simulation.mutants.registry import mutant, table
from tests.simulation.store import SimulatedStore

replace = msgspec.structs.replace

_check = memory._check
_commit = Shard._commit
_landed = Shard._landed
_put = Shard.put


@mutant("transactions are not fenced by the shard's lease", (memory, "_check"))
def no_shard_fence(tables: object, transaction: Transaction) -> None:
    _check(tables, replace(transaction, fence=None))  # type: ignore[arg-type]


@mutant(
    "a coordinator that lost its lease takes it back and goes on with what it had cached",
    (Shard, "_commit"),
)
def stale_cache_after_lease_loss(self: Shard, turn: Turn) -> asyncio.Future[None]:
    committed = _commit(self, turn)

    async def commit() -> None:
        try:
            await committed
        except FenceLost:
            shard = self.fence.shard
            stolen = self._store._tables.shards[shard]  # type: ignore[attr-defined]
            self.fence = turn.transaction.fence = ShardFence(shard, stolen.epoch)
            await self._store.commit(turn.transaction)
            for batch in turn.transaction.outbox:
                self._outbox.publish(batch)

    return asyncio.ensure_future(commit())


@mutant("a commit that failed is taken for one that succeeded", (Shard, "_commit"))
def failed_commit_counts(self: Shard, turn: Turn) -> asyncio.Future[None]:
    committed = _commit(self, turn)

    async def commit() -> None:
        with suppress(HeadraceError, FenceLost):
            await committed

    return asyncio.ensure_future(commit())


@mutant("what was decided on top of a commit that failed is kept", (Shard, "_landed"))
async def crash_keeps_what_was_built_on_it(self: Shard) -> bool:
    trip, self._open = self._open, None
    await _landed(self)
    self._open = trip
    return True


@mutant(
    "what a turn commits is what the runs are when it is on its way, not when it was sealed",
    (Shard, "_commit"),
)
def commit_sealed_late(self: Shard, turn: Turn) -> asyncio.Future[None]:
    async def commit() -> None:
        await _commit(self, turn)

    return asyncio.ensure_future(commit())


@mutant("inputs are acknowledged when they arrive, not when they are committed", (Shard, "put"))
def ack_before_commit(self: Shard, envelope: Envelope) -> None:
    if envelope.ack is not None:
        envelope.ack()
        envelope.ack = None
    _put(self, envelope)


@mutant("messages are published before the transaction that caused them is committed", (Shard, "_commit"))
def publish_before_commit(self: Shard, turn: Turn) -> asyncio.Future[None]:
    batch = turn.seal(self._changes, self._outbox)
    if batch is not None:
        self._outbox.publish(batch)
    return asyncio.ensure_future(self._store.commit(turn.transaction))


@mutant("an outbox batch is deleted once it is sent, before the bus has confirmed it", (Outbox, "publish"))
def lost_outbox_row(self: Outbox, batch: OutboxBatch) -> None:
    for message in batch.messages:
        if message.stream:
            self._bus.publish(message.subject, message.headers, message.body).add_done_callback(_ignore)
        else:
            self._bus.send(message.subject, message.headers, message.body)
    self._confirmed.append(batch.sequence)


def _ignore(future: asyncio.Future[int]) -> None:
    if not future.cancelled():
        future.exception()


async def _no_outbox(*_: object) -> list[OutboxBatch]:
    return []


table(
    "outbox_not_resumed",
    "a coordinator that starts does not publish what its predecessor had committed",
    (SimulatedStore, "outbox", _no_outbox),
)
