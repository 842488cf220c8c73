"""A run is stopped: by a command, or at its deadline. Everything that is not finished is cancelled."""

from __future__ import annotations

from headrace_coordinator.engine.effects import CancelAttempt
from headrace_coordinator.engine.state import NODE_FINISHED, NodeState, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.finish import finish
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import CancelAttempts, CancelRun


def cancel(t: Transition, command: CancelRun) -> None:
    """An operator cancels the run; a finished one stays as it is (I6)."""
    if t.run.head.state is not RunState.RUNNING:
        return
    who = command.by or "a command"
    error = ErrorInfo(
        code=ErrorCode.RUN_CANCELLED,
        message=f"cancelled by {who}" + (f": {command.reason}" if command.reason else ""),
    )
    _stop(t, RunState.CANCELLED, error)


def deadline(t: Transition) -> None:
    """The run's time is up."""
    head = t.run.head
    seconds = ((head.deadline_us or t.now_us) - head.created_at_us) / 1e6
    error = ErrorInfo(
        code=ErrorCode.RUN_DEADLINE,
        message=f"the run did not finish within its deadline of {seconds:g} s",
        where=", ".join(list(t.run.active)[:3]),
        fix="Raise the workflow's deadline, or find out what it waited for with `headrace runs explain`.",
    )
    _stop(t, RunState.FAILED, error)


def _stop(t: Transition, state: RunState, error: ErrorInfo) -> None:
    live = False
    for name, node in t.run.nodes.items():
        if node.state in NODE_FINISHED:
            continue
        # What waits in the line may be with a worker all the same, if the bus has lost its message.
        live = live or node.state in (NodeState.DISPATCHED, NodeState.MAPPING)
        live = live or (node.state is NodeState.READY and node.queued_at_us > 0)
        _drop_timers(t, name)
        t.move(name, NodeState.CANCELLED).finished_at_us = t.now_us
        if node.ready_at_us:
            t.tell("node.cancelled", name, attempt=node.attempt, ready_at_us=node.ready_at_us)
    if live:
        t.effect(
            CancelAttempt(
                CancelAttempts(run_id=t.run.head.run_id, reason=error.message, retries=t.run.head.retries)
            )
        )
    finish(t, state, error)


def _drop_timers(t: Transition, name: str) -> None:
    node = t.node(name)
    if node.state is NodeState.RETRYING:
        t.drop_timer("retry", name)
    if node.map is not None:
        for index, item in node.map.items.items():
            if item.retry_at_us is not None:
                t.drop_timer("retry", name, index)
