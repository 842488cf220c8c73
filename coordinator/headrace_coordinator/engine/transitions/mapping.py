"""A map node runs its task once for each item of a list, a bounded window of items at a time.

Items below `next_index` that are not in motion have succeeded: neither waiting nor finished items take memory
here. Results go to the store with their attempts; when the last is in, the shell collects them in order.
"""

from __future__ import annotations

from heapq import nsmallest

from headrace_coordinator.engine.effects import CancelAttempt, Collect
from headrace_coordinator.engine.standing import resting_of, standing_of
from headrace_coordinator.engine.state import NOWHERE, ItemState, MapState, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.dispatch import (
    admitted,
    go_item,
    line_up,
    mapped_value,
    missing,
    slices,
    stored_list,
)
from headrace_coordinator.engine.values import described, empty_list
from headrace_protocol.definition import Literal, Output, Param
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import CancelAttempts, HeldAttempt

CANCELLED_AT_ONCE = 1_000
"""Attempts named in one message: a window may be wider than a message is long."""


def begin(t: Transition, name: str) -> ErrorInfo | None:
    """Open the first window. Returns an error when there is no list where the definition says one is."""
    total = _total(t, name)
    if total < 0:
        return _no_list(t, name)
    node = t.touch(name)
    node.map = MapState(total)
    t.run.resting.pop(name, None)
    node.queued_at_us = t.now_us
    t.tell("node.mapped", name, total=total)
    if total == 0:
        node.result = empty_list()
        node.counts = tuple(0 if not path else -1 for path in t.planned(name).counts)
        node.finished_at_us = t.now_us
        t.move(name, NodeState.SUCCEEDED)
        t.tell("node.succeeded", name, ready_at_us=node.ready_at_us, queued_at_us=node.queued_at_us, total=0)
    else:
        t.move(name, NodeState.MAPPING)
        fill(t, name)
    return None


def _no_list(t: Transition, name: str) -> ErrorInfo:
    planned = t.planned(name)
    over = planned.definition.map
    source, found = "its input", "nothing"
    if over is not None and not isinstance(over.over, Literal):
        binding = over.over
        start = f"param {binding.name}" if isinstance(binding, Param) else f"the result of {binding.node}"
        source = start + "".join(f"[{step!r}]" for step in binding.path)
    if stored_list(t, planned) is not None:
        found = "a large value that is no list"
    elif (value := mapped_value(t, planned)) is not None:
        found = described(value)
    return ErrorInfo(
        code=ErrorCode.TASK_INPUT_INVALID,
        message=f"a map needs a list, and {source} is not one",
        where=f"node {name}",
        found=f"{found}, at {source}",
        expected="a list",
        fix="Return a list from the task before the map, or map over the field that holds the list.",
    )


def _total(t: Transition, name: str) -> int:
    """Length of the list, -1 when there is none. Of a stored list it is what its maker's outcome said."""
    planned = t.planned(name)
    over = planned.definition.map
    if over is not None and isinstance(over.over, Output) and stored_list(t, planned) is not None:
        source = t.node(over.over.node)
        position = t.planned(over.over.node).counts.index(over.over.path)
        return source.counts[position] if position < len(source.counts) else -1
    found = slices(t, planned)
    return -1 if found is None else len(found)


def fill(t: Transition, name: str) -> None:
    """Dispatch items until the window is full, the bus has enough of them or the list is at its end, unless an input
    is being made again."""
    t.touch(name)
    before = t.run.standing.get(name, NOWHERE)
    now = standing_of(t.plan, t.run, name)
    if now.ready:
        go_on(t, name, admitted(t, name, now.ready, before.on_bus - now.on_bus))
    t.rebook(name)


def go_on(t: Transition, name: str, count: int) -> None:
    """Send so many of the items that are ready to the bus: first those that have been tried before."""
    state = t.touch(name).map
    if state is None or not count:
        return
    for index in nsmallest(count, resting_of(t.run, name).ready):
        go_item(t, name, index)
        count -= 1
    for index in range(state.next_index, state.next_index + count):
        state.next_index += 1
        state.items[index] = ItemState(attempt=state.first_attempt)
        go_item(t, name, index)


def item_done(t: Transition, name: str, index: int) -> None:
    """An item has its result."""
    node = t.touch(name)
    state = node.map
    if state is None:
        return
    del state.items[index]
    resting_of(t.run, name).ready.discard(index)
    fill(t, name)
    if state.done == state.total:
        collect(t, name)


def collect(t: Transition, name: str) -> None:
    """Every item is done: have the results put together."""
    node = t.move(name, NodeState.COLLECTING)
    total = 0 if node.map is None else node.map.total
    t.effect(Collect(t.run.head.run_id, name, total))


def again(t: Transition, name: str, index: int) -> None:
    """Start an item's next attempt, or park it while an input is being made again."""
    _again(t, name, index)
    fill(t, name)


def _again(t: Transition, name: str, index: int) -> None:
    state = t.touch(name).map
    if state is None:
        return
    item = state.items[index]
    item.retry_at_us = None
    item.parked = bool(missing(t, name))
    if item.parked:
        rest(t, name, index)
        return
    resting_of(t.run, name).idle.discard(index)
    item.attempt += 1
    item.dispatch = 0
    state.last_attempt = max(state.last_attempt, item.attempt)
    line_up(t, name, index)


def rest(t: Transition, name: str, index: int) -> None:
    """An item has no attempt on the bus and none that waits to go there."""
    state = t.node(name).map
    if state is not None:
        state.items[index].ready = False
    resting = resting_of(t.run, name)
    resting.ready.discard(index)
    resting.idle.add(index)


def repeat(t: Transition, name: str, lost: tuple[int, ...]) -> ErrorInfo | None:
    """Have lost items made again, inside the window. Returns an error when they cannot be.

    Which items are lost is not remembered, for they may be a million: where the window does not hold them,
    every item from the first lost one on is made again.
    """
    state = t.move(name, NodeState.MAPPING).map
    over = t.planned(name).definition.map
    if state is None or over is None:
        return None
    if len(lost) <= over.window:
        state.items = {index: ItemState(attempt=state.last_attempt, parked=True) for index in lost}
    else:
        state.next_index = lost[0]
        state.first_attempt = state.last_attempt = state.last_attempt + 1
    t.run.resting.pop(name, None)
    return unpark(t, name)


def unpark(t: Transition, name: str) -> ErrorInfo | None:
    """A lost input has been made again: items that waited for it go on, unless another one is missing too.

    Returns an error when the list is not as long as it was: results would stand at the wrong places.
    """
    state = t.node(name).map
    if state is None or missing(t, name):
        return None
    total = _total(t, name)
    if total != state.total:
        return ErrorInfo(
            code=ErrorCode.TASK_INPUT_LOST,
            message="the list of a map was lost, and has another length since it was made again",
            where=name,
            found=str(total) if total >= 0 else "no list",
            expected=str(state.total),
            fix="Make the task that returns the list return the same one each time, and start a new run.",
        )
    for index in [index for index, item in state.items.items() if item.parked]:
        _again(t, name, index)
    fill(t, name)
    return None


def stop_items(t: Transition, name: str, reason: str) -> None:
    """Cancel what is in motion: the map cannot succeed any more."""
    state = t.touch(name).map
    if state is None:
        return
    run_id = t.run.head.run_id
    for index, item in state.items.items():
        if item.retry_at_us is not None:
            t.drop_timer("retry", name, index)
    live = [
        HeldAttempt(run_id=run_id, node=name, item=index, attempt=item.attempt, started_at_us=0)
        for index, item in state.items.items()
        if item.live
    ]
    for first in range(0, len(live), CANCELLED_AT_ONCE):
        attempts = tuple(live[first : first + CANCELLED_AT_ONCE])
        t.effect(CancelAttempt(CancelAttempts(run_id=run_id, attempts=attempts, reason=reason)))
