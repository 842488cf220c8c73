"""Attempts that do not come to an end of their own: lost with their workers, or returned by them.

Whether an attempt is lost is not decided here but told (`AttemptLost`): the engine charges it, fences it and
dispatches the next, which runs *alone*, so that an attempt that kills its worker takes nothing else along. The
`max_lost`-th loss fails the node or item. Where no worker can have died with it, and where a worker returns it, the
same attempt is dispatched again and nothing is charged.

A worker that was taken for lost may live on (it was frozen). The outcome that it then tells is fenced like every late
one; the charge is withdrawn.
"""

from __future__ import annotations

from headrace_coordinator.engine.effects import AttemptRecord, CancelAttempt
from headrace_coordinator.engine.inputs import AttemptLost
from headrace_coordinator.engine.state import NODE_FINISHED, ItemState, Node
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, unlock
from headrace_coordinator.engine.transitions.dispatch import holder_of, publish
from headrace_coordinator.engine.transitions.fence import holds_fence, is_in_line
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.ids import name_hash
from headrace_protocol.messages import (
    CancelAttempts,
    HeldAttempt,
    Outcome,
    OutcomeState,
    ReturnReason,
)


def lost(t: Transition, loss: AttemptLost) -> None:
    """Charge the attempt and start the next one, or give up. One that has ended meanwhile is not lost, nor is one that
    waits in the ready line."""
    name, index = loss.node, loss.item
    if not holds_fence(t, name, index, loss.attempt) or is_in_line(t, name, index):
        return
    if not loss.charged:
        t.tell(_kind(index, "redelivered"), name, index, loss.attempt)
        _dispatch_again(t, name, index)
        return
    node = t.touch(name)
    holder = holder_of(node, index)
    holder.losses = (*holder.losses, loss.attempt)
    most = t.planned(name).definition.options.max_lost
    error = _error(loss, len(holder.losses), most)
    _record(t, loss, node.queued_at_us if index is None else 0, error)
    t.tell(
        _kind(index, "lost"),
        name,
        index,
        loss.attempt,
        error,
        worker=loss.worker,
        silent_s=round(loss.silent_s, 1),
        queued_at_us=node.queued_at_us,
        started_at_us=loss.started_at_us,
    )
    _stop(t, loss)
    if len(holder.losses) >= most:
        unlock.give_up(t, _as_outcome(t, loss, error), error)
    elif index is None:
        unlock.resume(t, name)
    else:
        mapping.again(t, name, index)


def returned(t: Transition, outcome: Outcome) -> None:
    """Dispatch the attempt again; where its task was unknown, to workers that have it. A return that comes a second
    time finds that it has been carried out."""
    node = t.node(outcome.node)
    holder = holder_of(node, outcome.item)
    if outcome.dispatch != holder.dispatch:
        return
    if outcome.reason is ReturnReason.UNKNOWN_TASK:
        planned = t.planned(outcome.node)
        node.code = planned.code or name_hash(planned.definition.task)
    t.tell(
        _kind(outcome.item, "returned"),
        outcome.node,
        outcome.item,
        outcome.attempt,
        worker=outcome.worker,
        reason=outcome.reason or "",
    )
    _dispatch_again(t, outcome.node, outcome.item)


def lived_on(t: Transition, outcome: Outcome) -> None:
    """The worker of an attempt that was taken for lost tells its end: it was not lost."""
    node = t.run.nodes.get(outcome.node)
    holder = None if node is None else _holder(node, outcome.item)
    if holder is not None and outcome.attempt in holder.losses:
        t.touch(outcome.node)
        holder.losses = tuple(attempt for attempt in holder.losses if attempt != outcome.attempt)


def _holder(node: Node, item: int | None) -> Node | ItemState | None:
    """Of an attempt that may have been over for long. What is finished is not charged any more."""
    if node.state in NODE_FINISHED:
        return None
    if item is None:
        return node
    return None if node.map is None else node.map.items.get(item)


def _dispatch_again(t: Transition, name: str, item: int | None) -> None:
    node = t.touch(name)
    holder = holder_of(node, item)
    holder.dispatch += 1
    publish(t, name, item, holder.attempt)


def _kind(item: int | None, what: str) -> str:
    return f"node.{what}" if item is None else f"item.{what}"


def _error(loss: AttemptLost, losses: int, most: int) -> ErrorInfo:
    who = f"worker {loss.worker}" if loss.worker else "its worker, which had not told that it had begun"
    heard = f", not heard of for {loss.silent_s:.0f} s" if loss.silent_s else ""
    again = (
        "It is tried again in a process of its own"
        if losses < most
        else f"That was loss {losses} of {most}, so it is not tried again"
    )
    return ErrorInfo(
        code=ErrorCode.TASK_LOST,
        message=f"the attempt was lost: it was on {who}{heard}",
        kind="headrace.WorkerLost",
        fix=f"{again}. Look in the worker's log for a crash, a signal, or memory that ran out.",
        details={"worker": loss.worker, "losses": str(losses), "max_lost": str(most)},
    )


def _record(t: Transition, loss: AttemptLost, queued_at_us: int, error: ErrorInfo) -> None:
    t.decision.attempts.append(
        AttemptRecord(
            run_id=loss.run_id,
            node=loss.node,
            item=loss.item,
            attempt=loss.attempt,
            state="lost",
            queued_at_us=queued_at_us,
            started_at_us=loss.started_at_us,
            finished_at_us=t.now_us,
            worker=loss.worker,
            error=error,
        )
    )


def _stop(t: Transition, loss: AttemptLost) -> None:
    """Should its worker live on, it need not go on with this."""
    held = HeldAttempt(
        run_id=loss.run_id, node=loss.node, item=loss.item, attempt=loss.attempt, started_at_us=0
    )
    t.effect(CancelAttempt(CancelAttempts(run_id=loss.run_id, attempts=(held,), reason="taken for lost")))


def _as_outcome(t: Transition, loss: AttemptLost, error: ErrorInfo) -> Outcome:
    return Outcome(
        run_id=loss.run_id,
        node=loss.node,
        item=loss.item,
        attempt=loss.attempt,
        state=OutcomeState.FAILED,
        started_at_us=loss.started_at_us,
        finished_at_us=t.now_us,
        worker=loss.worker,
        error=error,
    )
