"""The bus lost task messages: what is dispatched is published again, as the same attempts."""

from __future__ import annotations

from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import Redispatch
from headrace_coordinator.engine.standing import resting_of
from headrace_coordinator.engine.state import NodeState, Run
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.dispatch import publish
from headrace_coordinator.engine.transitions.fence import holds_fence, is_in_line


def redispatch(t: Transition, lost: Redispatch) -> None:
    """Publish live attempts again: those named, or all of them."""
    wanted = live_attempts(t.run) if lost.attempts is None else lost.attempts
    for name, item, attempt in wanted:
        if holds_fence(t, name, item, attempt) and not is_in_line(t, name, item):
            t.tell("node.redispatched", name, item, attempt)
            publish(t, name, item, attempt)
    for name in t.run.active:
        node = t.node(name)
        if node.state is NodeState.COLLECTING and node.map is not None:
            t.effect(Collect(t.run.head.run_id, name, node.map.total))


def live_attempts(run: Run) -> list[tuple[str, int | None, int]]:
    """Every live attempt whose message is on the bus: derived from the state, never counted (I7)."""
    found: list[tuple[str, int | None, int]] = []
    for name in run.active:
        node = run.nodes[name]
        if node.state is NodeState.DISPATCHED:
            found.append((name, None, node.attempt))
        elif node.state is NodeState.MAPPING and node.map is not None:
            found += [
                (name, index, item.attempt)
                for index, item in node.map.items.items()
                if item.live and not item.ready
            ]
    return found


def lined_attempts(run: Run) -> list[tuple[str, int | None, int]]:
    """Every attempt that holds the fence and waits in the ready line."""
    found: list[tuple[str, int | None, int]] = []
    for names in run.line.values():
        for name in names:
            node = run.nodes[name]
            if node.state is NodeState.READY:
                found.append((name, None, node.attempt))
            elif node.map is not None:
                items = node.map.items
                found += [
                    (name, index, items[index].attempt) for index in sorted(resting_of(run, name).ready)
                ]
    return found
