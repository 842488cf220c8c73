"""A stored result is gone (the bus lost its volume): whoever made it makes it again.

The consumer goes back to waiting, the producer gets a further attempt, neither loses one of its retries. This
is no change of a terminal run (I6): it happens only inside a run that still needs the result.
"""

from __future__ import annotations

from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import Collected
from headrace_coordinator.engine.state import ItemState, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, unlock
from headrace_coordinator.engine.transitions.dispatch import dispatch
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import Outcome

MAX_RECOVERIES = 10
"""A result that is lost more often than this is not lost by accident."""


def input_lost(t: Transition, outcome: Outcome) -> None:
    """Park the consumer and have the producer run again."""
    consumer, producer = outcome.node, outcome.lost_input
    if producer not in t.planned(consumer).upstream:
        unlock.fail(t, consumer, outcome.error or ErrorInfo(code=ErrorCode.TASK_INPUT_LOST, message="lost"))
        return
    if t.node(producer).recoveries >= MAX_RECOVERIES:
        unlock.fail(
            t,
            consumer,
            ErrorInfo(
                code=ErrorCode.TASK_INPUT_LOST,
                message=f"the stored result of {producer} was lost {MAX_RECOVERIES} times",
                where=consumer,
                fix="Check the store of large results.",
            ),
        )
        return
    made_again = t.node(producer).state is NodeState.SUCCEEDED
    if made_again:
        _make_again(t, producer)
    _park(t, consumer, outcome.item)


def _park(t: Transition, consumer: str, item: int | None) -> None:
    node = t.touch(consumer)
    if item is not None and node.map is not None:
        node.map.items[item].parked = True
        return
    t.move(consumer, NodeState.WAITING)
    t.run.remaining[consumer] = sum(
        t.node(source).state is not NodeState.SUCCEEDED for source in t.planned(consumer).upstream
    )


def _make_again(t: Transition, producer: str) -> None:
    node = t.touch(producer)
    node.recoveries += 1
    t.tell("node.recovering", producer, attempt=node.attempt)
    for successor in t.planned(producer).downstream:
        if t.node(successor).state is NodeState.WAITING:
            t.run.remaining[successor] += 1
    if node.map is not None:
        t.move(producer, NodeState.COLLECTING)
        t.effect(Collect(t.run.head.run_id, producer, node.map.total))
    else:
        dispatch(t, producer)


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
        return
    t.move(done.node, NodeState.MAPPING)
    node.recoveries += 1
    t.tell("node.recovering", done.node, lost=len(done.lost))
    for index in done.lost:
        node.map.items[index] = ItemState(attempt=node.recoveries)
        mapping.again(t, done.node, index)
