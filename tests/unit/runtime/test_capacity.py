"""What shards are told of the fleet: enough to keep its slots busy, at once when it is new, otherwise not often."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

from headrace_coordinator.engine.inputs import Capacity
from headrace_coordinator.runtime import capacity as module
from headrace_coordinator.runtime.capacity import CapacityFeed, bound
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.shards import Shards
from headrace_protocol.messages import Heartbeat


class FakeShards:
    def __init__(self, count: int) -> None:
        self.count = count
        self.told: list[tuple[int, Capacity]] = []

    def owned(self) -> tuple[int, ...]:
        return tuple(range(self.count))

    def put(self, shard: int, envelope: Envelope) -> None:
        assert not envelope.inputs
        self.told += [(shard, capacity) for capacity in envelope.capacities]


class Feed:
    def __init__(self, count: int = 1) -> None:
        self.slots: dict[str, int] = {}
        self.shards = FakeShards(count)
        fleet = cast("Fleet", SimpleNamespace(slots=lambda: self.slots))
        self.feed = CapacityFeed(fleet, cast("Shards", self.shards))

    def beat(self, **slots: int) -> list[tuple[int, Capacity]]:
        """The news that a heartbeat leads to at once."""
        self.slots = slots
        self.shards.told.clear()
        self.feed.beat(
            Heartbeat(
                worker="w",
                host="h",
                pid=1,
                at_us=0,
                started_at_us=0,
                queues=tuple(slots),
                slots=1,
                every_s=5.0,
            )
        )
        return self.shards.told


def test_a_bound_keeps_slots_busy_and_is_divided_over_the_shards() -> None:
    assert [bound(slots, 1) for slots in (1, 4, 100)] == [66, 72, 264]
    assert [bound(4, shards) for shards in (2, 5, 1_000)] == [36, 15, 1]


async def test_each_shard_is_told_at_once_of_a_queue_with_its_first_worker() -> None:
    feed = Feed(count=2)
    assert feed.beat(default=4) == [(0, Capacity("default", 36)), (1, Capacity("default", 36))]
    assert feed.beat(default=4, gpu=1) == [(0, Capacity("gpu", 33)), (1, Capacity("gpu", 33))]
    feed.feed.stop()


async def test_changes_are_told_together_after_a_while() -> None:
    feed = Feed()
    feed.beat(default=4)
    module_debounce, module.DEBOUNCE_S = module.DEBOUNCE_S, 0.01
    try:
        feed.feed._told_at = asyncio.get_running_loop().time()
        assert feed.beat(default=5) == []
        assert feed.beat(default=8) == []
        while not feed.shards.told:
            await asyncio.sleep(0)
    finally:
        module.DEBOUNCE_S = module_debounce
    assert feed.shards.told == [(0, Capacity("default", 80))]


async def test_a_queue_whose_workers_are_gone_keeps_its_bound() -> None:
    feed = Feed()
    feed.beat(default=4)
    feed.slots = {}
    feed.shards.told.clear()
    feed.feed.tell()
    assert feed.shards.told == []
    feed.slots = {"default": 4}
    feed.feed.tell()
    assert feed.shards.told == [], "nothing has changed since it was told"
