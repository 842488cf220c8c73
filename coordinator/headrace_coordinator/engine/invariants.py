"""What must hold after every transition, in production too. A breach is a bug of ours and stops the turn."""

from __future__ import annotations

from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import NODE_ACTIVE, NODE_FINISHED, Node, NodeState, Run, RunState
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
    _require(
        run.open == sum(node.state not in NODE_FINISHED for node in run.nodes.values()), run, "open", run.open
    )
    active = {name for name, node in run.nodes.items() if node.state in NODE_ACTIVE}
    _require(active == set(run.active), run, "active", sorted(run.active))


def _require(holds: bool, run: Run, what: str, found: object) -> None:
    if not holds:
        raise InvariantBroken(f"invariant broken: {what}", where=run.head.run_id, found=repr(found))


def _check_run(run: Run) -> None:
    head = run.head
    running = head.state is RunState.RUNNING
    _require(running == (run.open > 0), run, "a run is running exactly while nodes are open (I6)", run.open)
    _require(running == bool(run.active), run, "an unfinished run waits for something (I5)", run.active)
    _require(running == (head.wait is not None), run, "an unfinished run has a wait reason (I5)", head.wait)
    _require(head.nodes_done + run.open == head.nodes_total, run, "nodes are done or open", head.nodes_done)
    _require(running == (head.finished_at_us is None), run, "finished runs have an end", head.finished_at_us)


def _check_node(plan: Plan, run: Run, name: str, node: Node) -> None:
    upstream = [run.nodes[source].state for source in plan.nodes[name].upstream]
    waits = sum(state is not NodeState.SUCCEEDED for state in upstream)
    comes = all(state is NodeState.SUCCEEDED or state not in NODE_FINISHED for state in upstream)
    if node.state is NodeState.WAITING:
        _require(
            run.remaining[name] == waits, run, f"{name}: the dependency counter (I4)", run.remaining[name]
        )
        _require(waits > 0, run, f"{name}: waits for nothing (I5)", waits)
        _require(comes, run, f"{name}: waits for what never comes (I5)", upstream)
    elif node.state is NodeState.SUCCEEDED:
        _require(node.result is not None, run, f"{name}: succeeded without a result (I9)", node.attempt)
    elif node.state is NodeState.RETRYING:
        _require(node.retry_at_us is not None, run, f"{name}: a retry without a time (I5)", node.attempt)
    elif node.state is NodeState.DISPATCHED:
        _require(node.attempt > 0, run, f"{name}: dispatched without an attempt (I7)", node.attempt)
    elif node.state is NodeState.MAPPING:
        _check_map(plan, run, name, node, lacking=waits > 0, comes=comes)


def _check_map(plan: Plan, run: Run, name: str, node: Node, *, lacking: bool, comes: bool) -> None:
    state, over = node.map, plan.nodes[name].definition.map
    if state is None or over is None:
        raise InvariantBroken(f"invariant broken: {name}: maps nothing (I5)", where=run.head.run_id)
    _require(bool(state.items) or lacking, run, f"{name}: maps nothing (I5)", state.next_index)
    _require(comes, run, f"{name}: waits for what never comes (I5)", state.next_index)
    _require(len(state.items) <= over.window, run, f"{name}: more items than its window", len(state.items))
    _require(state.next_index <= state.total, run, f"{name}: more items than its list", state.next_index)
