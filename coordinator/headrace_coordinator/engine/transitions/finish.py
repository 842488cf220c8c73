"""A run ends when no node is open: with its output, or with the first error."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import Finish
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.values import resolve_output
from headrace_protocol.errors import ErrorCode, ErrorInfo


def settle(t: Transition) -> None:
    """End the run if nothing is left to do."""
    if t.run.head.state is not RunState.RUNNING or t.run.open:
        return
    failed = [
        (node.finished_at_us, name) for name, node in t.run.nodes.items() if node.state is NodeState.FAILED
    ]
    if not failed:
        t.run.head.output = resolve_output(t.plan, t.run)
        finish(t, RunState.SUCCEEDED, None)
        return
    name = min(failed)[1]
    finish(t, RunState.FAILED, _named(name, t.node(name).error))


def _named(name: str, error: ErrorInfo | None) -> ErrorInfo:
    if error is None:
        return ErrorInfo(code=ErrorCode.TASK_FAILED, message="failed", where=name)
    return error if error.where else msgspec.structs.replace(error, where=name)


def finish(t: Transition, state: RunState, error: ErrorInfo | None) -> None:
    """The run is over. From here on only an operator's command changes it (I6)."""
    head = t.run.head
    head.state = state
    head.error = error
    head.finished_at_us = t.now_us
    t.decision.head = True
    if head.deadline_us is not None:
        t.drop_timer("deadline")
    t.tell(f"run.{state}", error=error)
    t.effect(Finish(head.run_id, state))
