"""Telling the shards how many tasks of a queue the bus may hold: enough to keep the workers busy, and not more.

The bound is `2 × slots + 64` over the live workers that serve the queue, divided over the shards: a slot that becomes
free finds the next task on the bus, and the rest waits where it can be ordered. A queue whose workers are gone keeps
its bound, and one that no worker has spoken for has a fixed one (`ready_line.DEFAULT_LIMIT`), so that tasks are there
when a worker comes.
"""

from __future__ import annotations

import asyncio

from headrace_coordinator.engine.inputs import Capacity
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.shards import Shards

PER_SLOT = 2
SPARE = 64
"""So that workers with few slots and short tasks do not wait for the coordinator's next turn."""
DEBOUNCE_S = 0.5


def bound(slots: int, shards: int) -> int:
    """Tasks of a queue that may be on the bus from one shard."""
    return -(-(PER_SLOT * slots + SPARE) // shards)


class CapacityFeed:
    """Looks at the fleet after each heartbeat, at most every `DEBOUNCE_S`."""

    def __init__(self, fleet: Fleet, shards: Shards) -> None:
        self._fleet = fleet
        self._shards = shards
        self._told: dict[tuple[int, str], int] = {}
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """The fleet may have changed."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        left_s = self._told_at + DEBOUNCE_S - loop.time()
        if left_s <= 0:
            self._tell()
        else:
            self._timer = loop.call_later(left_s, self._tell)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        limits = {queue: bound(slots, self._shards.count) for queue, slots in self._fleet.slots().items()}
        for shard in self._shards.owned():
            news = {
                queue: limit for queue, limit in limits.items() if self._told.get((shard, queue)) != limit
            }
            if news:
                self._told.update({(shard, queue): limit for queue, limit in news.items()})
                capacities = tuple(Capacity(queue, limit) for queue, limit in news.items())
                self._shards.put(shard, Envelope(capacities=capacities))
