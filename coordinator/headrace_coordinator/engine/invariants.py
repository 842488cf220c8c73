"""What must hold after every transition, in production too. A breach is a bug of ours and stops the turn."""

from __future__ import annotations

from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.standing import find_resting, resting_of, standing_of
from headrace_coordinator.engine.state import (
    NODE_ACTIVE,
    NODE_FINISHED,
    NOWHERE,
    Node,
    NodeState,
    Run,
    RunState,
)
from headrace_protocol.errors import InvariantBroken


def check(plan: Plan, run: Run, decision: Decision) -> None:
    """Check the run and the nodes that the transition touched: the cost does not grow with the workflow."""
    _check_run(run)
    for name in decision.touched:
        _check_node(plan, run, name, run.nodes[name])


def check_all(plan: Plan, run: Run) -> None:
    """Check every node and every derived counter: for tests and the simulator."""
    _check_run(run)
    for name, node in run.nodes.items():
        _check_node(plan, run, name, node)
    if run.open != sum(node.state not in NODE_FINISHED for node in run.nodes.values()):
        raise _broken(run, "open", run.open)
    for name, node in run.nodes.items():
        if node.map is not None and run.standing.get(name, NOWHERE) != standing_of(plan, run, name):
            raise _broken(run, f"{name}: the standing in the ready line (I7)", run.standing.get(name))
        if run.nodes[name].state is NodeState.MAPPING and resting_of(run, name) != find_resting(
            run.nodes[name]
        ):
            raise _broken(run, f"{name}: items that rest", run.resting[name])
    if run.active.keys() != {name for name, node in run.nodes.items() if node.state in NODE_ACTIVE}:
        raise _broken(run, "active", sorted(run.active))


def _broken(run: Run, what: str, found: object) -> InvariantBroken:
    return InvariantBroken(f"invariant broken: {what}", where=run.head.run_id, found=repr(found))


def _check_run(run: Run) -> None:
    head = run.head
    running = head.state is RunState.RUNNING
    if running is not (run.open > 0):
        raise _broken(run, "a run is running exactly while nodes are open (I6)", run.open)
    if running is not bool(run.active):
        raise _broken(run, "an unfinished run waits for something (I5)", run.active)
    if running is not (head.wait is not None):
        raise _broken(run, "an unfinished run has a wait reason (I5)", head.wait)
    if head.nodes_done + run.open != head.nodes_total:
        raise _broken(run, "nodes are done or open", head.nodes_done)
    if head.nodes_succeeded + head.nodes_failed > head.nodes_done:
        raise _broken(run, "what succeeded or failed is done", (head.nodes_succeeded, head.nodes_failed))
    if running is not (head.finished_at_us is None):
        raise _broken(run, "finished runs have an end", head.finished_at_us)


def _check_node(plan: Plan, run: Run, name: str, node: Node) -> None:
    state = node.state
    if state is NodeState.SUCCEEDED:
        if node.result is None:
            raise _broken(run, f"{name}: succeeded without a result (I9)", node.attempt)
    elif state is NodeState.RETRYING:
        if node.retry_at_us is None:
            raise _broken(run, f"{name}: a retry without a time (I5)", node.attempt)
    elif state in (NodeState.DISPATCHED, NodeState.READY):
        if node.attempt <= 0:
            raise _broken(run, f"{name}: dispatched without an attempt (I7)", node.attempt)
        if state is NodeState.READY and _lacking(plan, run, name)[0]:
            raise _broken(run, f"{name}: ready without an input (I4)", node.attempt)
    elif state is NodeState.WAITING:
        _check_waiting(plan, run, name)
    elif state is NodeState.MAPPING:
        _check_map(plan, run, name, node)


def _lacking(plan: Plan, run: Run, name: str) -> tuple[int, bool]:
    """How many upstream nodes have not succeeded, and whether all of them still can."""
    upstream = [run.nodes[source].state for source in plan.nodes[name].upstream]
    lacking = [state for state in upstream if state is not NodeState.SUCCEEDED]
    return len(lacking), NODE_FINISHED.isdisjoint(lacking)


def _check_waiting(plan: Plan, run: Run, name: str) -> None:
    lacking, comes = _lacking(plan, run, name)
    if run.remaining[name] != lacking:
        raise _broken(run, f"{name}: the dependency counter (I4)", run.remaining[name])
    if lacking == 0:
        raise _broken(run, f"{name}: waits for nothing (I5)", lacking)
    if not comes:
        raise _broken(run, f"{name}: waits for what never comes (I5)", lacking)


def _check_map(plan: Plan, run: Run, name: str, node: Node) -> None:
    state, over = node.map, plan.nodes[name].definition.map
    if state is None or over is None:
        raise _broken(run, f"{name}: maps nothing (I5)", None)
    lacking, comes = _lacking(plan, run, name)
    if not state.items and not lacking and not run.standing.get(name, NOWHERE).ready:
        raise _broken(run, f"{name}: maps nothing (I5)", state.next_index)
    if not comes:
        raise _broken(run, f"{name}: waits for what never comes (I5)", state.next_index)
    if len(state.items) > over.window:
        raise _broken(run, f"{name}: more items than its window", len(state.items))
    if state.next_index > state.total:
        raise _broken(run, f"{name}: more items than its list", state.next_index)
