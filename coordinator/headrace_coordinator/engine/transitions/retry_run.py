"""An operator retries a run that failed or was cancelled: what has succeeded stays, the rest gets another chance.

This is the one way in which a terminal state changes (I6); the history says who did it. Attempts are numbered on,
so that whatever an attempt from before still reports stays fenced (I3). Retries are counted anew; how often results
were made again is not, because generations of inputs must not go back.
"""

from __future__ import annotations

from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.retry import whole_us
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, unlock
from headrace_coordinator.engine.transitions.dispatch import missing

RETRIED = frozenset({RunState.FAILED, RunState.CANCELLED})


def retry_run(t: Transition, command: RetryRun) -> None:
    """Start again every node that has not succeeded. A run that goes on or has succeeded stays as it is."""
    head = t.run.head
    if head.state not in RETRIED or t.run.open:
        return
    again = [name for name, node in t.run.nodes.items() if node.state is not NodeState.SUCCEEDED]
    head.state = RunState.RUNNING
    head.error = None
    if head.finished_at_us is not None:
        head.idle_us += max(0, t.now_us - head.finished_at_us)
    head.finished_at_us = None
    head.retries += 1
    t.decision.head = True
    t.tell("run.retried", by=command.by, reason=command.reason, nodes=again)
    deadline_s = t.plan.definition.deadline_s
    if deadline_s is not None:
        head.deadline_us = t.now_us + whole_us(deadline_s)
        t.start_timer("deadline", head.deadline_us)
    for name in again:
        _reset(t, name)
    for name in again:
        t.run.remaining[name] = len(missing(t, name))
    for name in again:
        _resume_map(t, name)
    unlock.ready(
        t, [name for name in again if t.node(name).state is NodeState.WAITING and not t.run.remaining[name]]
    )


def _reset(t: Transition, name: str) -> None:
    """As if the node had not been tried, but for its numbers and for the items that have succeeded."""
    progress = t.node(name).map
    for item in () if progress is None else progress.items.values():
        item.failures = 0
        item.losses = ()
        item.retry_at_us = None
        item.parked = True
        item.ready = False
    t.run.resting.pop(name, None)
    node = t.move(name, NodeState.WAITING if progress is None else NodeState.MAPPING)
    node.error = None
    node.failures = 0
    node.losses = ()
    node.code = ""
    node.ready_at_us = 0


def _resume_map(t: Transition, name: str) -> None:
    """Go on with a map that has a list already."""
    node = t.node(name)
    if node.map is None or node.state is not NodeState.MAPPING:
        return
    node.ready_at_us = t.now_us
    if node.map.done == node.map.total:
        mapping.collect(t, name)
        return
    error = mapping.unpark(t, name)
    if error is not None:
        unlock.fail(t, name, error)
