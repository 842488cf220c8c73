"""The memory store as one coordinator sees it: shared with others, slow, and sometimes out of order.

What is committed stays, whoever dies. A coordinator that is killed inside `commit` may or may not have written its
transaction: that depends on which side of the write it was.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.memory_tables import Tables
from headrace_coordinator.store.port import Capabilities, StoredRun
from headrace_coordinator.store.records import OutboxBatch, ShardFence, Timer, Transaction
from headrace_protocol.errors import Unavailable
from tests.simulation.loop import PROCESS

T = TypeVar("T")


class Disk:
    """What all coordinators share."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.full = False
        """Nothing can be written."""
        self.unreadable = False
        """Nothing can be read."""
        self.before_commit: Callable[[Transaction], None] = lambda _: None
        self.committed: Callable[[Transaction], None] = lambda _: None
        self.leased: Callable[[int, str], None] = lambda *_: None
        """Called with a shard and the process that holds its lease now."""


class SimulatedStore(MemoryStore):
    """A connection to the disk."""

    capabilities = Capabilities(durable=True, many_coordinators=True)

    def __init__(self, disk: Disk, rng: random.Random, *, embedded: bool) -> None:
        """Opening a store that is not `embedded` ends nobody's lease, as with a database server."""
        super().__init__()
        self._embedded = embedded
        self._tables = disk.tables
        self._disk = disk
        self._rng = rng

    async def open(self) -> None:
        if self._embedded:
            await super().open()
        self._open = True

    async def _commit(self, transaction: Transaction) -> None:
        await asyncio.sleep(self._rng.random() * 0.002)
        if self._disk.full:
            raise Unavailable("the store cannot be used", where="disk", found="SQLITE_FULL")
        self._disk.before_commit(transaction)
        await super()._commit(transaction)
        self._disk.committed(transaction)
        await asyncio.sleep(self._rng.random() * 0.002)

    async def acquire_shard(self, shard: int, owner: str, lease_s: float, now_us: int) -> ShardFence | None:
        fence = await super().acquire_shard(shard, owner, lease_s, now_us)
        process = PROCESS.get()
        if fence is not None and process is not None:
            self._disk.leased(shard, process.name)
        return fence

    async def _look(self) -> None:
        if self._rng.random() < 0.3:
            await asyncio.sleep(self._rng.random() * 0.002)
        if self._disk.unreadable:
            raise Unavailable("the store cannot be used", where="disk", found="SQLITE_IOERR")

    async def run(self, run_id: str) -> StoredRun | None:
        await self._look()
        return await super().run(run_id)

    async def unfinished(self, shard: int, after: str, limit: int) -> list[str]:
        await self._look()
        return await super().unfinished(shard, after, limit)

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[AttemptRecord]:
        await self._look()
        # One page holds little and may take long, so that much can happen to who collects.
        await asyncio.sleep(self._rng.random() * self._rng.choice((0.002, 0.5)))
        return await super().item_results(run_id, node, first, min(limit, 3))

    async def due_timers(self, shard: int, now_us: int, limit: int) -> list[Timer]:
        await self._look()
        return await super().due_timers(shard, now_us, limit)

    async def next_timer_us(self, shard: int) -> int | None:
        await self._look()
        return await super().next_timer_us(shard)

    async def outbox(self, shard: int) -> list[OutboxBatch]:
        await self._look()
        return await super().outbox(shard)
