"""A stored result is gone (the bus lost its volume): whoever made it makes it again.

The consumer goes back to waiting, the producer gets a further attempt, neither loses one of its retries. This
is no change of a terminal run (I6): it happens only inside a run that still needs the result.

Many consumers may miss the same result, and some of them tell so long after it has been made again. The
generation of its inputs says whether an attempt read a result that has been replaced since; then it is only
started again itself.
"""

from __future__ import annotations

from headrace_coordinator.engine.effects import CancelAttempt, Collect
from headrace_coordinator.engine.inputs import Collected
from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, unlock
from headrace_coordinator.engine.transitions.dispatch import generation, holder_of
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import CancelAttempts, HeldAttempt, Outcome

MAX_RECOVERIES = 10
"""A result that is lost more often than this is not lost by accident."""


def input_lost(t: Transition, outcome: Outcome) -> None:
    """Have the producer run again, and the consumer after it."""
    consumer, producer = outcome.node, outcome.lost_input
    if _is_copy(t, outcome):
        if outcome.attempt - _failures(t, outcome) > MAX_RECOVERIES:
            unlock.give_up(t, outcome, _hopeless("the coordinator's copy of an input", ""))
        else:
            _again(t, outcome)
        return
    if producer not in t.planned(consumer).upstream:
        error = outcome.error or ErrorInfo(code=ErrorCode.TASK_INPUT_LOST, message="an input is lost")
        unlock.give_up(t, outcome, error)
        return
    current = _generation(t, outcome) == generation(t, consumer)
    if current and t.node(producer).state is NodeState.SUCCEEDED:
        if t.node(producer).recoveries >= MAX_RECOVERIES:
            unlock.give_up(t, outcome, _hopeless(producer, ""))
            return
        _make_again(t, producer)
    _again(t, outcome)


def _again(t: Transition, outcome: Outcome) -> None:
    """Start the consumer's next attempt, as soon as its inputs allow it."""
    if outcome.item is None:
        unlock.resume(t, outcome.node)
    elif t.node(outcome.node).state is NodeState.MAPPING:
        mapping.again(t, outcome.node, outcome.item)


def _is_copy(t: Transition, outcome: Outcome) -> bool:
    """Whether what was lost is only a copy, stored because a task message was too large: the run still has it.

    Params and items have names that no node has.
    """
    lost = outcome.lost_input
    if lost.startswith("$"):
        return True
    if lost not in t.planned(outcome.node).upstream:
        return False
    result = t.node(lost).result
    return t.node(lost).state is NodeState.SUCCEEDED and result is not None and result.stored is None


def _failures(t: Transition, outcome: Outcome) -> int:
    """Attempts that ended for another reason."""
    holder = holder_of(t.node(outcome.node), outcome.item)
    return holder.failures + len(holder.losses)


def _generation(t: Transition, outcome: Outcome) -> int:
    """Of the inputs that the attempt read."""
    return holder_of(t.node(outcome.node), outcome.item).generation


def _hopeless(producer: str, where: str) -> ErrorInfo:
    return ErrorInfo(
        code=ErrorCode.TASK_INPUT_LOST,
        message=f"the stored result of {producer} was lost {MAX_RECOVERIES} times",
        where=where,
        fix="Check the store of large results.",
    )


def _make_again(t: Transition, producer: str) -> None:
    node = t.touch(producer)
    node.recoveries += 1
    t.tell("node.recovering", producer, attempt=node.attempt)
    for successor in t.planned(producer).downstream:
        state = t.node(successor).state
        if state is NodeState.READY:
            _out_of_line(t, successor)
        if state in (NodeState.WAITING, NodeState.READY):
            t.run.remaining[successor] += 1
    if node.map is not None:
        t.move(producer, NodeState.COLLECTING)
        t.effect(Collect(t.run.head.run_id, producer, node.map.total))
    else:
        unlock.resume(t, producer)
    for successor in t.planned(producer).downstream:
        if t.node(successor).state is NodeState.MAPPING:
            t.rebook(successor)  # its items wait for the input now


def _out_of_line(t: Transition, name: str) -> None:
    """The node waits for an input again. Some worker may have its attempt, of which the bus lost the message."""
    node = t.move(name, NodeState.WAITING)
    held = HeldAttempt(run_id=t.run.head.run_id, node=name, attempt=node.attempt, started_at_us=0)
    reason = "an input is lost and is being made again"
    t.effect(CancelAttempt(CancelAttempts(run_id=t.run.head.run_id, attempts=(held,), reason=reason)))


def collected(t: Transition, done: Collected) -> None:
    """A map's results are together, or some of them are lost and their items run again."""
    node = t.run.nodes.get(done.node)
    if node is None or node.state is not NodeState.COLLECTING or node.map is None:
        return
    if done.result is not None:
        t.touch(done.node)
        node.result = done.result
        node.counts = done.counts
        t.tell(
            "node.succeeded",
            done.node,
            ready_at_us=node.ready_at_us,
            queued_at_us=node.queued_at_us,
            total=node.map.total,
        )
        unlock.succeed(t, done.node)
    else:
        _items_lost(t, done)


def _items_lost(t: Transition, done: Collected) -> None:
    """Results of a map's items are gone before anybody could read them."""
    name = done.node
    node = t.touch(name)
    if node.recoveries >= MAX_RECOVERIES:
        unlock.fail(t, name, _hopeless(name, name))
        return
    node.recoveries += 1
    t.tell("node.recovering", name, lost=len(done.lost))
    error = mapping.repeat(t, name, done.lost)
    if error is not None:
        unlock.fail(t, name, error)
    else:
        unlock.hopeless(t, name)
