"""Makes a failing plan small: what can be left out without the failure going away is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from headrace_protocol.definition import WorkflowDefinition, nodes_read, upstream
from tests.simulation.flows import Flow
from tests.simulation.plan import Plan
from tests.simulation.simulate import Report, simulate

MOST_TRIALS = 400
replace = msgspec.structs.replace


def shrink(report: Report, run: Callable[[Plan], Report] = simulate, most: int = MOST_TRIALS) -> Report:
    """The report of the smallest plan found that breaks the same invariant."""
    wanted = report.breaches[0].invariant
    left = most

    def fails(plan: Plan) -> Report | None:
        nonlocal left
        left -= 1
        found = run(plan)
        return found if found.failed and found.breaches[0].invariant == wanted else None

    best = report
    smaller = True
    while smaller and left > 0:
        smaller = False
        for propose in (_fewer_actions, _fewer_flows, _fewer_nodes, _less_of_the_rest):
            found = _first(propose(best.plan), fails, lambda: left > 0)
            while found is not None:
                best, smaller = found, True
                found = _first(propose(best.plan), fails, lambda: left > 0)
    return best


def _first(
    plans: Iterator[Plan], fails: Callable[[Plan], Report | None], may_go_on: Callable[[], bool]
) -> Report | None:
    for plan in plans:
        if not may_go_on():
            return None
        found = fails(plan)
        if found is not None:
            return found
    return None


def _fewer_actions(plan: Plan) -> Iterator[Plan]:
    """Halves first, then quarters, …, then single ones."""
    actions = plan.actions
    size = (len(actions) + 1) // 2
    while size:
        for first in range(0, len(actions), size):
            yield replace(plan, actions=actions[:first] + actions[first + size :])
        size //= 2


def _fewer_flows(plan: Plan) -> Iterator[Plan]:
    for gone in range(len(plan.flows)):
        if len(plan.flows) == 1 or any(a.kind == "start" and a.number == gone for a in plan.actions):
            continue
        actions = tuple(
            replace(a, number=a.number - 1) if a.kind == "start" and a.number > gone else a
            for a in plan.actions
        )
        yield replace(plan, flows=plan.flows[:gone] + plan.flows[gone + 1 :], actions=actions)


def _fewer_nodes(plan: Plan) -> Iterator[Plan]:
    for index, flow in enumerate(plan.flows):
        definition = flow.definition
        read = {source for node in definition.nodes for source in upstream(node)}
        if definition.output is not None:
            read |= set(nodes_read(definition.output))
            yield _with(plan, index, replace(definition, output=None))
        if definition.triggers:
            yield _with(plan, index, replace(definition, triggers=definition.triggers[:-1]))
        if definition.deadline_s is not None:
            yield _with(plan, index, replace(definition, deadline_s=None))
        for node in definition.nodes:
            if node.id not in read and len(definition.nodes) > 1:
                rest = tuple(other for other in definition.nodes if other is not node)
                yield _with(plan, index, replace(definition, nodes=rest))


def _with(plan: Plan, index: int, definition: WorkflowDefinition) -> Plan:
    flow = Flow(definition, plan.flows[index].habits)
    return replace(plan, flows=(*plan.flows[:index], flow, *plan.flows[index + 1 :]))


def _less_of_the_rest(plan: Plan) -> Iterator[Plan]:
    if len(plan.slots) > 1:
        gone = f"worker-{len(plan.slots) - 1}"
        yield replace(
            plan,
            slots=plan.slots[:-1],
            actions=tuple(action for action in plan.actions if action.who != gone),
        )
    if plan.foreign:
        yield replace(plan, foreign=0)
    if plan.shards > 1:
        yield replace(plan, shards=1)
    if plan.prefetch:
        yield replace(plan, prefetch=0)
