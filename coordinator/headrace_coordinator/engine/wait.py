"""Why an unfinished run is not finished (I5), derived from its state."""

from __future__ import annotations

from headrace_coordinator.engine.state import MapState, NodeState, Run, RunState, Wait, WaitKind


def wait_of(run: Run) -> Wait | None:
    """What the run waits for, told by the node that has been in motion the longest. None once it is over."""
    if run.head.state is not RunState.RUNNING or not run.active:
        return None
    name = next(iter(run.active))
    node = run.nodes[name]
    match node.state:
        case NodeState.RETRYING:
            return Wait(WaitKind.TIMER, name, node.retry_at_us)
        case NodeState.MAPPING if node.map is not None and (wake_at_us := _next_retry(node.map)) is not None:
            return Wait(WaitKind.TIMER, name, wake_at_us)
        case NodeState.COLLECTING:
            return Wait(WaitKind.COLLECT, name, run.head.deadline_us)
        case _ if node.code:
            return Wait(WaitKind.WORKER_WITH_TASK, name, run.head.deadline_us)
        case _:
            return Wait(WaitKind.WORKER, name, run.head.deadline_us)


def _next_retry(progress: MapState) -> int | None:
    """When the next item of a map is tried again, if all that are in motion wait for that."""
    if any(item.live for item in progress.items.values()):
        return None
    return min((item.retry_at_us for item in progress.items.values() if item.retry_at_us), default=None)
