"""The fence: outcomes count only from the attempt that is live and the latest one (I3)."""

from __future__ import annotations

from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.engine.transition import Transition


def holds_fence(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    """Whether an attempt is live and the latest one."""
    node = t.run.nodes.get(name)
    if node is None:
        return False
    if item is None:
        held = node.state is NodeState.DISPATCHED or node.state is NodeState.READY
        return held and node.attempt == attempt
    if node.state is not NodeState.MAPPING or node.map is None:
        return False
    state = node.map.items.get(item)
    return state is not None and state.attempt == attempt and state.live


def is_in_line(t: Transition, name: str, item: int | None) -> bool:
    """Whether the attempt that holds the fence waits in the ready line, and is not on the bus."""
    node = t.node(name)
    if item is None:
        return node.state is NodeState.READY
    return node.map is not None and item in node.map.items and node.map.items[item].ready
