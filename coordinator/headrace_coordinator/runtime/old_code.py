"""Telling a worker that drains which of its tasks are still needed: those that unfinished runs have ahead of them, and
that no other worker of its queues has. It stays for them (a worker that is alone just stops)."""

from __future__ import annotations

import asyncio
import logging

from headrace_coordinator.engine.state import NODE_FINISHED
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.shards import Shards
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.deliveries import Needed
from headrace_protocol.errors import HeadraceError
from headrace_protocol.messages import Heartbeat
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.old_code")

PAGE = 500
AGAIN_S = 3.0
"""What was found is said again for so long before the runs are looked at anew."""


class OldCode:
    """Answers the heartbeats of workers that drain."""

    def __init__(self, parts: Parts, fleet: Fleet, shards: Shards) -> None:
        self._bus = parts.bus
        self._clock = parts.clock
        self._store = parts.store
        self._subjects = parts.topology.subjects
        self._fleet = fleet
        self._shards = shards
        self._found: dict[str, tuple[float, frozenset[str]]] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    def draining(self, beat: Heartbeat) -> None:
        others = self._fleet.others(beat.worker, beat.queues)
        # One that names no tasks does not say what it has.
        known = {task for other in others for task in other.tasks}
        only = (
            frozenset(beat.tasks) - known if others and all(other.tasks for other in others) else frozenset()
        )
        if not only:
            self._tell(beat, frozenset())
            return
        at, found = self._found.get(beat.worker, (float("-inf"), frozenset()))
        if self._clock.monotonic() - at < AGAIN_S:
            self._tell(beat, found & only)
        elif beat.worker not in self._looking:
            task = asyncio.create_task(self._look(beat, only), name=f"old code of {beat.worker}")
            self._looking[beat.worker] = task
            task.add_done_callback(lambda _: self._looking.pop(beat.worker, None))

    async def stop(self) -> None:
        await end(*self._looking.values())

    async def _look(self, beat: Heartbeat, only: frozenset[str]) -> None:
        worker = beat.worker
        try:
            needed = await self._needed(only)
        except HeadraceError as error:
            log.warning("what %s is still needed for cannot be found out now: %s", worker, error)
            return
        now = self._clock.monotonic()
        self._found = {name: known for name, known in self._found.items() if now - known[0] < AGAIN_S}
        self._found[worker] = now, needed
        self._tell(beat, needed)

    async def _needed(self, only: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        for shard in self._shards.owned():
            after = ""
            while page := await self._store.unfinished(shard, after, PAGE):
                for run, plan in (await self._shards.actors(shard).look(page)).values():
                    for name, planned in plan.nodes.items():
                        task = planned.definition.task
                        if task in only and run.nodes[name].state not in NODE_FINISHED:
                            found.add(task)
                if found == only:
                    return only
                after = page[-1]
        return frozenset(found)

    def _tell(self, beat: Heartbeat, tasks: frozenset[str]) -> None:
        if self._bus.connected:
            others = len(self._fleet.others(beat.worker, beat.queues))
            needed = Needed(beat.worker, tuple(sorted(tasks)), others)
            self._bus.send(self._subjects.needed, headers.make(), encode(needed))
