"""What waits in each queue: in the coordinator's ready lines, and on the bus."""

from __future__ import annotations

import logging

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.engine.plan import place_of, queue_of
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.port import QueueView, WorkerView
from headrace_coordinator.service.shards import ShardSet
from headrace_protocol.definition import Priority

log = logging.getLogger("headrace.coordinator")


class Queues:
    """Looks at queues."""

    def __init__(self, parts: Parts, fleet: Fleet, shards: ShardSet) -> None:
        self._topology = parts.topology
        self._bus = parts.bus
        self._registry = parts.registry
        self._fleet = fleet
        self._shards = shards

    async def views(self) -> tuple[QueueView, ...]:
        """Every queue that a current workflow uses or a worker serves."""
        wanted = {
            (node.options.queue, node.options.priority)
            for entry in self._registry.current()
            for node in entry.definition.nodes
        }
        live = [worker for worker in self._fleet.views() if worker.state == "live"]
        wanted |= {(queue, Priority.NORMAL) for worker in live for queue in worker.queues}
        for line in self._shards.lines():
            lined = [place for place, lane in line.lanes.items() if lane.backlog]
            wanted |= {(queue_of(place), Priority(place.rpartition(".")[2])) for place in lined}
        return tuple([await self._view(queue, priority, live) for queue, priority in sorted(wanted)])

    async def _view(self, queue: str, priority: Priority, live: list[WorkerView]) -> QueueView:
        serving = [worker for worker in live if queue in worker.queues]
        spec = self._topology.task_consumer(queue, priority)
        place, lines = place_of(queue, priority), self._shards.lines()
        in_line = sum(lane.backlog for line in lines if (lane := line.lanes.get(place)) is not None)
        try:
            await self._bus.ensure_consumer(spec)  # it counts what is pending even before a worker asks
            state = await self._bus.consumer_state(spec)
            oldest_us = await self._bus.next_published_us(spec, state) if state and state.pending else None
        except BusError as error:
            log.debug("the queue %s cannot be looked at: %s", queue, error)
            state = oldest_us = None
        return QueueView(
            queue=queue,
            priority=priority,
            pending=in_line + (0 if state is None else state.pending),
            line=in_line,
            bound=sum(line.limit(queue) for line in lines),
            in_flight=0 if state is None else state.in_flight,
            redelivered=0 if state is None else state.redelivered,
            workers=len(serving),
            slots=sum(worker.slots for worker in serving),
            waiting=0 if state is None else state.waiting,
            last_delivered_us=None if state is None else state.delivered_at_us,
            last_acked_us=None if state is None else state.acked_at_us,
            oldest_us=oldest_us,
            trouble="" if state is None else state.trouble,
        )
