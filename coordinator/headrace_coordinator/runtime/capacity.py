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
from headrace_protocol.messages import Heartbeat

PER_SLOT = 2
SPARE = 64
"""So that workers with few slots and short tasks do not wait for the coordinator's next turn."""
DEBOUNCE_S = 0.5


def bound(slots: int, shards: int) -> int:
    """Tasks of a queue that may be on the bus from one shard."""
    return -(-(PER_SLOT * slots + SPARE) // shards)


class CapacityFeed:
    """Looks at the fleet after each heartbeat: at once when a queue has its first worker, else at most every
    `DEBOUNCE_S`."""

    def __init__(self, fleet: Fleet, shards: Shards) -> None:
        self._fleet = fleet
        self._shards = shards
        self._told: dict[tuple[int, str], int] = {}
        self._known: set[str] = set()
        """Queues with a bound."""
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def beat(self, beat: Heartbeat) -> None:
        """A worker has shown a sign of life: the fleet may have changed."""
        loop = asyncio.get_running_loop()
        left_s = self._told_at + DEBOUNCE_S - loop.time()
        if left_s <= 0 or not self._known.issuperset(beat.queues):
            self.tell()
        elif self._timer is None:
            self._timer = loop.call_later(left_s, self.tell)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tell(self) -> None:
        """Tell each shard what it does not know yet."""
        self.stop()
        self._told_at = asyncio.get_running_loop().time()
        limits = {queue: bound(slots, self._shards.count) for queue, slots in self._fleet.slots().items()}
        self._known |= limits.keys()
        for shard in self._shards.owned():
            news = {
                queue: limit for queue, limit in limits.items() if self._told.get((shard, queue)) != limit
            }
            if news:
                self._told.update({(shard, queue): limit for queue, limit in news.items()})
                capacities = tuple(Capacity(queue, limit) for queue, limit in news.items())
                self._shards.put(shard, Envelope(capacities=capacities))
