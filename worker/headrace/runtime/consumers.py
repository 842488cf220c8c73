"""Which consumers a worker asks: those of its queues, and those of its own code when something waits there."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.authoring.code_hash import code_hash_of
from headrace.runtime.attempt import RunnableTask
from headrace_protocol.definition import Priority
from headrace_protocol.deliveries import Wanted
from headrace_protocol.ids import name_hash
from headrace_protocol.topology import ConsumerSpec, Topology

_PRIORITIES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
Ranked = tuple[int, ConsumerSpec]


class CodeConsumers:
    """The consumers of one worker. A subject for each task and priority would be hundreds that nearly always are empty,
    so those of its code are asked only where the coordinator says that something is *wanted*."""

    def __init__(
        self, topology: Topology, queues: tuple[str, ...], tasks: Mapping[str, RunnableTask]
    ) -> None:
        self._topology = topology
        self._queues = queues
        hashes = {name: code_hash_of(task) for name, task in tasks.items()}
        self._codes = {*map(name_hash, tasks), *hashes.values()}
        self._pinned = {
            (task.definition.options.queue, task.definition.options.priority, hashes[name])
            for name, task in tasks.items()
            if task.definition.options.pin_code
        }

    def all(self) -> list[Ranked]:
        """What is asked all the time."""
        found = [
            (rank, self._topology.task_consumer(queue, priority))
            for rank, priority in enumerate(_PRIORITIES)
            for queue in self._queues
        ]
        return found + [
            (_PRIORITIES.index(priority), self._topology.task_consumer(queue, priority, code))
            for queue, priority, code in sorted(self._pinned)
            if queue in self._queues
        ]

    def wanted(self, wanted: Wanted) -> Ranked | None:
        """The consumer of what is wanted, if this worker has it."""
        if wanted.queue not in self._queues or wanted.code not in self._codes:
            return None
        spec = self._topology.task_consumer(wanted.queue, wanted.priority, wanted.code)
        return _PRIORITIES.index(wanted.priority), spec
