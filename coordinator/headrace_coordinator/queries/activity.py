"""What an unfinished run does at the moment, as far as workers have told: for every list, from heads alone.

The store knows that an attempt was dispatched; that a worker has started it, which one and when, only the running
coordinator knows, from started notices and heartbeats. An attempt that ends within 50 ms is never seen running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from headrace_coordinator.engine.state import Node, NodeState, RunHead, RunState, WaitKind
from headrace_coordinator.queries.live import LiveFacts, LiveWorker
from headrace_coordinator.queries.moving import why_queued
from headrace_protocol.definition import NodeDefinition
from headrace_protocol.messages import HeldAttempt

Holder = tuple[str, HeldAttempt]
"""A worker, and an attempt that it has."""


class ActivityKind(StrEnum):
    """What a run, or a node of it, does."""

    RUNNING = "running"
    """A worker works on it."""
    QUEUED = "queued"
    """It waits for its turn: workers serve its queue, and have room."""
    NO_SLOT = "no_slot"
    """It waits: all slots of the workers of its queue are busy."""
    NO_WORKER = "no_worker"
    """Nobody serves its queue."""
    NO_TASK = "no_task"
    """Workers serve its queue, and none of them has the task."""
    LOST = "lost"
    """The worker that had it is silent."""
    RETRY = "retry"
    """An attempt failed; the next one comes at `wake_at_us`."""
    COLLECT = "collect"
    """The coordinator puts the results of a map together."""


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What an unfinished run, or a node of it, does at the moment."""

    kind: ActivityKind
    text: str
    """In words, without times."""
    node: str
    queue: str = ""
    """Of what waits for a worker; empty when it is not known."""
    worker: str = ""
    """The worker of `running` (of the attempt that has run the longest) and `lost`."""
    running: int = 0
    """Attempts that workers are working on now."""
    since_us: int | None = None
    """When the attempt was started, or a silent worker was last heard of."""
    wake_at_us: int | None = None


FindNode = Callable[[RunHead, str], NodeDefinition | None]
"""A node of the definition that a run is pinned to, when it is at hand."""


class Fleet:
    """The workers at one moment, indexed for many runs."""

    def __init__(self, workers: Sequence[LiveWorker] = ()) -> None:
        self._workers = workers
        self._running: dict[str, list[Holder]] | None = None
        self._silent: dict[str, list[tuple[LiveWorker, HeldAttempt]]] = {}
        self.facts = LiveFacts(workers=tuple(one for one in workers if not one.silent))

    def running(self, run_id: str) -> list[Holder]:
        """Attempts of a run that workers are working on, the longest first."""
        return self._index().get(run_id, [])

    def silent(self, run_id: str) -> list[tuple[LiveWorker, HeldAttempt]]:
        """Attempts of a run on workers that have fallen silent."""
        self._index()
        return self._silent.get(run_id, [])

    def _index(self) -> dict[str, list[Holder]]:
        if self._running is None:
            self._running = {}
            for worker in self._workers:
                for held in worker.held:
                    if worker.silent:
                        self._silent.setdefault(held.run_id, []).append((worker, held))
                    else:
                        self._running.setdefault(held.run_id, []).append((worker.worker, held))
            for holders in self._running.values():
                holders.sort(key=lambda holder: holder[1].started_at_us)
        return self._running

    def pulse(self) -> dict[str, object]:
        """What of it lists show: by run, and under the empty name which queues and tasks are served."""
        self._index()
        pulse: dict[str, object] = {
            run_id: tuple((worker, held.node, held.item, held.attempt) for worker, held in holders)
            for run_id, holders in self._index().items()
        }
        for run_id, lost in self._silent.items():
            pulse[run_id] = (pulse.get(run_id), tuple(worker.worker for worker, _ in lost))
        pulse[""] = frozenset((one.queues, one.tasks, one.draining) for one in self.facts.workers)
        return pulse


class Moment(msgspec.Struct, frozen=True):
    """When something is looked at, and what the workers do then."""

    now_us: int
    fleet: Fleet = msgspec.field(default_factory=Fleet)
    find_node: FindNode = lambda head, node: None


class RunActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the nodes of a run do that are under way."""

    run_id: str
    nodes: tuple[Activity, ...]


def run_activities(
    head: RunHead, planned: Sequence[NodeDefinition], nodes: dict[str, Node], moment: Moment
) -> RunActivity:
    """What each node of a run does that is under way."""
    running = head.state is RunState.RUNNING
    found = (
        node_activity(head.run_id, one, nodes[one.id], moment)
        for one in planned
        if running and one.id in nodes
    )
    return RunActivity(run_id=head.run_id, nodes=tuple(one for one in found if one is not None))


def run_activity(head: RunHead, moment: Moment) -> Activity | None:
    """What a run does; None once it is finished."""
    wait = head.wait
    if head.state is not RunState.RUNNING:
        return None
    if running := moment.fleet.running(head.run_id):
        return _running(running)
    if lost := moment.fleet.silent(head.run_id):
        return _lost(*lost[0])
    if wait is None:
        return None
    planned = moment.find_node(head, wait.on)
    match wait.kind:
        case WaitKind.TIMER:
            return _retry(wait.on, wait.wake_at_us)
        case WaitKind.COLLECT:
            return _collect(wait.on)
        case WaitKind.WORKER | WaitKind.WORKER_WITH_TASK | WaitKind.LINE:
            returned = wait.kind is WaitKind.WORKER_WITH_TASK
            return _queued(wait.on, planned, moment, None, returned=returned)


def node_activity(run_id: str, planned: NodeDefinition, node: Node, moment: Moment) -> Activity | None:
    """What a node does; None unless it is under way."""
    name = planned.id
    match node.state:
        case NodeState.READY | NodeState.DISPATCHED | NodeState.MAPPING:
            running = [holder for holder in moment.fleet.running(run_id) if _is_of(holder[1], name, node)]
            if running:
                return _running(running)
            lost = [pair for pair in moment.fleet.silent(run_id) if _is_of(pair[1], name, node)]
            if lost:
                return _lost(*lost[0])
            if node.map is not None and not any(item.live for item in node.map.items.values()):
                wakes = [item.retry_at_us for item in node.map.items.values() if item.retry_at_us]
                return _retry(name, min(wakes, default=None))
            since_us = node.queued_at_us or None
            return _queued(name, planned, moment, since_us, returned=bool(node.code))
        case NodeState.RETRYING:
            return _retry(name, node.retry_at_us)
        case NodeState.COLLECTING:
            return _collect(name)
        case _:
            return None


def _is_of(held: HeldAttempt, name: str, node: Node) -> bool:
    """An attempt that is fenced may still run, and is not what the node does."""
    return held.node == name and (held.item is not None or held.attempt == node.attempt)


def _running(holders: list[Holder]) -> Activity:
    worker, held = holders[0]
    count = len(holders)
    text = f"{_what(held)} runs on {worker}"
    if count > 1:
        on = len({name for name, _ in holders})
        text = f"{count} attempts run on {on} workers" if on > 1 else f"{count} attempts run on {worker}"
    return Activity(
        kind=ActivityKind.RUNNING,
        text=text,
        node=held.node,
        worker=worker,
        running=count,
        since_us=held.started_at_us,
    )


def _lost(worker: LiveWorker, held: HeldAttempt) -> Activity:
    return Activity(
        kind=ActivityKind.LOST,
        text=f"{_what(held)} was on {worker.worker}, which has fallen silent",
        node=held.node,
        worker=worker.worker,
        since_us=worker.seen_at_us,
    )


def _queued(
    name: str, planned: NodeDefinition | None, moment: Moment, since_us: int | None, *, returned: bool
) -> Activity:
    if planned is None:
        text = f"{name} waits for a worker" + (" that has its task" if returned else "")
        return Activity(kind=ActivityKind.QUEUED, text=text, node=name, since_us=since_us)
    kind, why = why_queued(planned, moment.fleet.facts, [], returned=returned)
    return Activity(
        kind=ActivityKind(kind),
        text=f"{name} waits for a worker: {why}",
        node=name,
        queue=planned.options.queue,
        since_us=since_us,
    )


def _retry(name: str, wake_at_us: int | None) -> Activity:
    return Activity(
        kind=ActivityKind.RETRY, text=f"{name} failed and is tried again", node=name, wake_at_us=wake_at_us
    )


def _collect(name: str) -> Activity:
    text = f"the coordinator puts the results of {name} together"
    return Activity(kind=ActivityKind.COLLECT, text=text, node=name)


def _what(held: HeldAttempt) -> str:
    return held.node if held.item is None else f"{held.node} item {held.item}"
