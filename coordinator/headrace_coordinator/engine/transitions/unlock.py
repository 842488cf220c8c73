"""The end of a node spreads: successors whose last dependency it was start, or can never start."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headrace_coordinator.engine.state import NODE_FINISHED, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping
from headrace_coordinator.engine.transitions.dispatch import dispatch, missing
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import Outcome

NOT_UNDER_WAY = frozenset({NodeState.WAITING, NodeState.READY, NodeState.RETRYING, NodeState.MAPPING})
"""Nodes that are going to need their inputs."""


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


def resume(t: Transition, name: str) -> None:
    """Start a node's next attempt, now or when a lost input has been made again."""
    if hopeless(t, name):
        return
    lacking = missing(t, name)
    if lacking:
        t.move(name, NodeState.WAITING)
        t.run.remaining[name] = len(lacking)
    else:
        ready(t, [name])


def hopeless(t: Transition, name: str) -> bool:
    """Whether a lost input can never come again; that is the end of the node."""
    ended = [source for source in missing(t, name) if t.node(source).state in NODE_FINISHED]
    if ended:
        _block(t, [name], ended[0])
    return bool(ended)


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
            error = mapping.unpark(t, successor)
            if error is not None:
                fail(t, successor, error)
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
    if t.node(name).state is NodeState.MAPPING:
        mapping.stop_items(t, name, "the map failed")
    node = t.move(name, NodeState.FAILED)
    node.error = error
    node.finished_at_us = t.now_us
    t.run.slices.pop(name, None)
    t.tell("node.failed", name, attempt=node.attempt, error=error, ready_at_us=node.ready_at_us)
    downstream = t.planned(name).downstream
    _block(t, [successor for successor in downstream if t.node(successor).state in NOT_UNDER_WAY], name)


def give_up(t: Transition, outcome: Outcome, error: ErrorInfo) -> None:
    """An attempt failed and no other follows: its node fails, for an item the whole map."""
    state = t.node(outcome.node).map
    if outcome.item is not None and state is not None:
        error = msgspec.structs.replace(error, where=error.where or f"{outcome.node}[{outcome.item}]")
        t.tell("item.failed", outcome.node, outcome.item, outcome.attempt, error)
        state.items[outcome.item].parked = True
    fail(t, outcome.node, error)


def _block(t: Transition, names: list[str], because: str) -> None:
    """Nodes that can never get an input, and those behind them. What has it already may still succeed."""
    blocked = list(names)
    while blocked:
        name = blocked.pop()
        state = t.node(name).state
        if state is NodeState.UPSTREAM_FAILED:
            continue
        if state is NodeState.RETRYING:
            t.drop_timer("retry", name)
        elif state is NodeState.MAPPING:
            mapping.stop_items(t, name, "an input is lost and cannot be made again")
        t.move(name, NodeState.UPSTREAM_FAILED).finished_at_us = t.now_us
        t.tell("node.upstream_failed", name, because=because)
        downstream = t.planned(name).downstream
        blocked += [successor for successor in downstream if t.node(successor).state in NOT_UNDER_WAY]
