"""The end of a node spreads: successors whose last dependency it was start, or can never start."""

from __future__ import annotations

from collections.abc import Iterable

from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping
from headrace_coordinator.engine.transitions.dispatch import dispatch
from headrace_protocol.errors import ErrorInfo


def ready(t: Transition, names: Iterable[str]) -> None:
    """Start nodes whose dependencies are met. A map over nothing is over at once and unlocks further ones."""
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        node = t.touch(name)
        node.ready_at_us = node.ready_at_us or t.now_us
        if t.planned(name).definition.map is None:
            dispatch(t, name)
        else:
            waiting += _begin_map(t, name)


def _begin_map(t: Transition, name: str) -> list[str]:
    error = mapping.begin(t, name)
    if error is not None:
        fail(t, name, error)
    elif t.node(name).state is NodeState.SUCCEEDED:
        return unlocked(t, name)
    return []


def unlocked(t: Transition, name: str) -> list[str]:
    """Successors of a node that has just succeeded whose last dependency it was."""
    found = []
    for successor in t.planned(name).downstream:
        node = t.node(successor)
        if node.state is NodeState.WAITING:
            t.run.remaining[successor] -= 1
            if t.run.remaining[successor] == 0:
                found.append(successor)
        elif node.state is NodeState.MAPPING:
            mapping.unpark(t, successor)
    return found


def succeed(t: Transition, name: str) -> None:
    """A node has its result."""
    node = t.move(name, NodeState.SUCCEEDED)
    node.finished_at_us = t.now_us
    node.error = None
    t.run.slices.pop(name, None)
    ready(t, unlocked(t, name))


def fail(t: Transition, name: str, error: ErrorInfo) -> None:
    """A node has failed for good: what depends on it can never start; other branches go on."""
    node = t.move(name, NodeState.FAILED)
    node.error = error
    node.finished_at_us = t.now_us
    t.run.slices.pop(name, None)
    t.tell("node.failed", name, attempt=node.attempt, error=error, ready_at_us=node.ready_at_us)
    blocked = list(t.planned(name).downstream)
    while blocked:
        successor = blocked.pop()
        if t.node(successor).state is NodeState.WAITING:
            t.move(successor, NodeState.UPSTREAM_FAILED).finished_at_us = t.now_us
            t.tell("node.upstream_failed", successor, because=name)
            blocked += t.planned(successor).downstream
