"""A timer fired. What the state waits for counts, not what the timer says: it may be early, stale, a repeat."""

from __future__ import annotations

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, stop, unlock


def fired(t: Transition, key: TimerKey) -> None:
    """Do what is due, and nothing before it is (I10). A timer that is still needed is set again."""
    due_us = _awaited(t, key)
    if due_us is None:
        return
    if due_us > t.now_us:
        t.start_timer(key.kind, due_us, key.node, key.item)
    elif key.kind == "deadline":
        stop.deadline(t)
    elif key.item is None:
        unlock.resume(t, key.node)
    else:
        mapping.again(t, key.node, key.item)


def _awaited(t: Transition, key: TimerKey) -> int | None:
    """When the run wants to be woken by this timer; None when it does not wait for it."""
    head = t.run.head
    if head.state is not RunState.RUNNING:
        return None
    if key.kind == "deadline":
        return head.deadline_us
    node = t.run.nodes.get(key.node)
    if node is None or key.kind != "retry":
        return None
    if key.item is None:
        return node.retry_at_us if node.state is NodeState.RETRYING else None
    item = node.map.items.get(key.item) if node.state is NodeState.MAPPING and node.map is not None else None
    return None if item is None else item.retry_at_us
