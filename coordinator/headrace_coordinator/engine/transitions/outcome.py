"""A worker's outcome: applied once, and only from the attempt that holds the fence (I3)."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord, CancelAttempt
from headrace_coordinator.engine.inputs import AttemptOverdue
from headrace_coordinator.engine.retry import delay_us, matches, may_retry
from headrace_coordinator.engine.state import Node, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import loss, mapping, recover, stop, unlock
from headrace_coordinator.engine.transitions.dispatch import holder_of
from headrace_coordinator.engine.transitions.fence import holds_fence
from headrace_protocol.codec import NOTHING
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import (
    CancelAttempts,
    HeldAttempt,
    Outcome,
    OutcomeState,
    Result,
    RetryAdvice,
)

UNEXPLAINED = ErrorInfo(code=ErrorCode.TASK_FAILED, message="the worker gave no reason")


def apply(t: Transition, outcome: Outcome) -> None:
    """Take an outcome in, or record that it came too late."""
    if not holds_fence(t, outcome.node, outcome.item, outcome.attempt):
        _too_late(t, outcome)
        return
    if outcome.state is OutcomeState.RETURNED:
        loss.returned(t, outcome)
        return
    if outcome.code:
        _note_code(t, outcome)
    if outcome.state is OutcomeState.SUCCEEDED:
        _succeeded(t, outcome)
    elif outcome.error is not None and outcome.error.code == ErrorCode.TASK_INPUT_LOST:
        _record(t, outcome, "failed")
        recover.input_lost(t, outcome)
    elif _says_deadline(t, outcome):
        _record(t, outcome, "failed")
        stop.deadline(t)
    else:
        _failed(t, outcome)


def _too_late(t: Transition, outcome: Outcome) -> None:
    if outcome.state is OutcomeState.RETURNED or _repeated(t, outcome):
        return
    _record(t, outcome, "ignored")
    t.tell("outcome.ignored", outcome.node, outcome.item, outcome.attempt, worker=outcome.worker)
    loss.lived_on(t, outcome)


def _note_code(t: Transition, outcome: Outcome) -> None:
    """A run that meets other code than it began with says so, once for each: workers are deployed while it runs."""
    codes = t.run.head.codes
    task = t.planned(outcome.node).definition.task
    known = codes.get(task, ())
    if outcome.code in known:
        return
    codes[task] = (*known, outcome.code)
    t.decision.head = True
    if known:
        kind = "node.code_changed" if outcome.item is None else "item.code_changed"
        t.tell(
            kind,
            outcome.node,
            outcome.item,
            outcome.attempt,
            task=task,
            before=known[-1],
            code=outcome.code,
            worker=outcome.worker,
        )


def _says_deadline(t: Transition, outcome: Outcome) -> bool:
    """Whether a worker was quicker than the timer to notice that the run's time is up."""
    due_us = t.run.head.deadline_us
    late = outcome.error is not None and outcome.error.code == ErrorCode.RUN_DEADLINE
    return late and due_us is not None and due_us <= t.now_us


def _repeated(t: Transition, outcome: Outcome) -> bool:
    """Whether this very outcome has been applied: the bus delivers at least once."""
    node = t.run.nodes.get(outcome.node)
    if node is None or node.state is NodeState.CANCELLED:
        return False
    if outcome.item is None:
        return node.attempt == outcome.attempt
    state = None if node.map is None else node.map.items.get(outcome.item)
    if state is None:
        return node.map is not None and outcome.item < node.map.next_index
    return state.attempt == outcome.attempt and not state.live


def _record(t: Transition, outcome: Outcome, state: str, result: Result | None = None) -> None:
    node = t.run.nodes.get(outcome.node)
    t.decision.attempts.append(
        AttemptRecord(
            run_id=outcome.run_id,
            node=outcome.node,
            item=outcome.item,
            attempt=outcome.attempt,
            state=state,
            queued_at_us=outcome.queued_at_us or _queued_at_us(node, outcome.item),
            started_at_us=outcome.started_at_us,
            finished_at_us=outcome.finished_at_us,
            worker=outcome.worker,
            delivery=outcome.delivery,
            error=outcome.error,
            result=result,
            code=outcome.code,
        )
    )


def _queued_at_us(node: Node | None, item: int | None) -> int:
    return 0 if node is None or item is not None else node.queued_at_us


def _succeeded(t: Transition, outcome: Outcome) -> None:
    name = outcome.node
    result = outcome.result
    if result is None or (result.stored is None and not bytes(result.value)):
        result = Result(NOTHING)
    if outcome.item is not None:
        _record(t, outcome, "succeeded", result)
        mapping.item_done(t, name, outcome.item)
        return
    _record(t, outcome, "succeeded")
    node = t.touch(name)
    node.result = result
    node.counts = outcome.counts
    t.tell(
        "node.succeeded",
        name,
        attempt=outcome.attempt,
        ready_at_us=node.ready_at_us,
        queued_at_us=node.queued_at_us,
        started_at_us=outcome.started_at_us,
        finished_at_us=outcome.finished_at_us,
        worker=outcome.worker,
    )
    unlock.succeed(t, name)


def _failed(t: Transition, outcome: Outcome) -> None:
    error = outcome.error or UNEXPLAINED
    name = outcome.node
    _record(t, outcome, "failed")
    node = t.touch(name)
    policy = t.planned(name).definition.options.retry
    holder = holder_of(node, outcome.item)
    holder.failures += 1
    if not may_retry(policy, outcome, holder.failures):
        unlock.give_up(t, outcome, _explained(error, outcome))
        return
    due_us = t.now_us + delay_us(policy, outcome, holder.failures)
    holder.retry_at_us = due_us
    if outcome.item is None:
        t.move(name, NodeState.RETRYING)
        node.error = error
        t.tell("node.retrying", name, attempt=outcome.attempt, error=error, retry_at_us=due_us)
    else:
        mapping.rest(t, name, outcome.item)
        t.tell("item.retrying", name, outcome.item, outcome.attempt, error, retry_at_us=due_us)
    t.start_timer("retry", due_us, name, outcome.item)


def _explained(error: ErrorInfo, outcome: Outcome) -> ErrorInfo:
    """A task that asks for a retry which its policy does not allow gets told how to allow it."""
    if outcome.advice is not RetryAdvice.AFTER and not matches((error.kind,), ("Retry",)):
        return error
    return msgspec.structs.replace(
        error, fix="The task raised Retry with no attempts left: raise its retries, as in @task(retries=5)."
    )


def overdue(t: Transition, late: AttemptOverdue) -> None:
    """A worker says nothing about an attempt that should have timed out: fence it like a failed one."""
    if not holds_fence(t, late.node, late.item, late.attempt):
        return
    held = HeldAttempt(
        run_id=late.run_id, node=late.node, item=late.item, attempt=late.attempt, started_at_us=0
    )
    t.effect(CancelAttempt(CancelAttempts(run_id=late.run_id, attempts=(held,), reason="timeout")))
    _failed(
        t,
        Outcome(
            run_id=late.run_id,
            node=late.node,
            item=late.item,
            attempt=late.attempt,
            state=OutcomeState.FAILED,
            started_at_us=t.node(late.node).queued_at_us if late.item is None else 0,
            finished_at_us=t.now_us,
            worker=late.worker,
            error=ErrorInfo(
                code=ErrorCode.TASK_TIMEOUT, message="the worker did not end the attempt at its timeout"
            ),
            error_kinds=("builtins.TimeoutError", "builtins.OSError", "builtins.Exception"),
        ),
    )
