"""Why an unfinished run is not finished (I5), derived from its state."""

from __future__ import annotations

from headrace_coordinator.engine.state import (
    NOWHERE,
    MapState,
    Node,
    NodeState,
    Run,
    RunState,
    Wait,
    WaitKind,
)


def wait_of(run: Run) -> Wait | None:
    """What the run waits for, told by the node that has been in motion the longest. None once it is over."""
    if run.head.state is not RunState.RUNNING or not run.active:
        return None
    name = next(iter(run.active))
    node = run.nodes[name]
    match node.state:
        case NodeState.DISPATCHED:
            kind = WaitKind.WORKER_WITH_TASK if node.code else WaitKind.WORKER
            return Wait(kind, name, run.head.deadline_us)
        case NodeState.RETRYING:
            return Wait(WaitKind.TIMER, name, node.retry_at_us)
        case NodeState.READY:
            return Wait(WaitKind.LINE, name, run.head.deadline_us)
        case NodeState.COLLECTING:
            return Wait(WaitKind.COLLECT, name, run.head.deadline_us)
        case _:
            return _map_waits(run, name, node)


def _map_waits(run: Run, name: str, node: Node) -> Wait:
    standing = run.standing.get(name, NOWHERE)
    if not standing.on_bus and standing.ready:
        return Wait(WaitKind.LINE, name, run.head.deadline_us)
    wake_at_us = None if standing.on_bus or node.map is None else _next_retry(node.map)
    if wake_at_us is not None:
        return Wait(WaitKind.TIMER, name, wake_at_us)
    return Wait(WaitKind.WORKER_WITH_TASK if node.code else WaitKind.WORKER, name, run.head.deadline_us)


def _next_retry(progress: MapState) -> int | None:
    """When the next item of a map is tried again."""
    return min((item.retry_at_us for item in progress.items.values() if item.retry_at_us), default=None)
