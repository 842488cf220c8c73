"""Why an unfinished run is not finished (I5), derived from its state."""

from __future__ import annotations

from headrace_coordinator.engine.state import NodeState, Run, RunState, Wait, WaitKind


def wait_of(run: Run) -> Wait | None:
    """What the run waits for, told by the node that has been in motion the longest. None when it is finished."""
    if run.head.state is not RunState.RUNNING or not run.active:
        return None
    name = next(iter(run.active))
    node = run.nodes[name]
    match node.state:
        case NodeState.RETRYING:
            return Wait(WaitKind.TIMER, name, node.retry_at_us)
        case NodeState.COLLECTING:
            return Wait(WaitKind.COLLECT, name, run.head.deadline_us)
        case _:
            return Wait(WaitKind.WORKER, name, run.head.deadline_us)
