"""A map node runs its task once for each item of a list, a bounded window of items at a time.

Items below `next_index` that are not in motion have succeeded: neither waiting nor finished items take memory
here. Results go to the store with their attempts; when the last is in, the shell collects them in order.
"""

from __future__ import annotations

from headrace_coordinator.engine.effects import CancelAttempt, Collect
from headrace_coordinator.engine.state import ItemState, MapState, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.dispatch import publish, slices
from headrace_coordinator.engine.values import empty_list
from headrace_protocol.definition import Output
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import CancelAttempts, HeldAttempt


def begin(t: Transition, name: str) -> ErrorInfo | None:
    """Open the first window. Returns an error when there is no list where the definition says one is."""
    total = _total(t, name)
    if total < 0:
        return ErrorInfo(
            code=ErrorCode.TASK_INPUT_INVALID,
            message="a map needs a list",
            where=name,
            found="another value",
            expected="a list",
            fix="Return a list from the task that the map reads.",
        )
    node = t.touch(name)
    node.map = MapState(total)
    node.queued_at_us = t.now_us
    t.tell("node.mapped", name, total=total)
    if total == 0:
        node.result = empty_list()
        node.counts = tuple(0 if not path else -1 for path in t.planned(name).counts)
        node.finished_at_us = t.now_us
        t.move(name, NodeState.SUCCEEDED)
        t.tell("node.succeeded", name, ready_at_us=node.ready_at_us, total=0)
    else:
        t.move(name, NodeState.MAPPING)
        fill(t, name)
    return None


def _total(t: Transition, name: str) -> int:
    planned = t.planned(name)
    over = planned.definition.map
    if over is not None and isinstance(over.over, Output):
        source = t.node(over.over.node)
        position = t.planned(over.over.node).counts.index(over.over.path)
        return source.counts[position] if position < len(source.counts) else -1
    found = slices(t, planned)
    return -1 if found is None else len(found)


def fill(t: Transition, name: str) -> None:
    """Dispatch items until the window is full or the list at its end."""
    planned = t.planned(name)
    state = t.touch(name).map
    over = planned.definition.map
    if state is None or over is None:
        return
    while state.next_index < state.total and len(state.items) < over.window:
        index = state.next_index
        state.next_index += 1
        state.items[index] = ItemState()
        publish(t, name, index, 1)


def item_done(t: Transition, name: str, index: int) -> None:
    """An item has its result."""
    node = t.touch(name)
    state = node.map
    if state is None:
        return
    del state.items[index]
    fill(t, name)
    if state.done == state.total:
        collect(t, name)


def collect(t: Transition, name: str) -> None:
    """Every item is done: have the results put together."""
    node = t.move(name, NodeState.COLLECTING)
    total = 0 if node.map is None else node.map.total
    t.effect(Collect(t.run.head.run_id, name, total))


def again(t: Transition, name: str, index: int) -> None:
    """Start an item's next attempt."""
    state = t.touch(name).map
    if state is None:
        return
    item = state.items[index]
    item.attempt += 1
    item.retry_at_us = None
    item.parked = False
    publish(t, name, index, item.attempt)


def unpark(t: Transition, name: str) -> None:
    """A lost input has been made again: items that waited for it go on, unless another one is missing too."""
    if any(t.node(source).state is not NodeState.SUCCEEDED for source in t.planned(name).upstream):
        return
    t.run.slices.pop(name, None)
    state = t.node(name).map
    if state is not None:
        for index in [index for index, item in state.items.items() if item.parked]:
            again(t, name, index)


def stop_items(t: Transition, name: str, reason: str) -> None:
    """Cancel what is in motion, because one item failed for good."""
    state = t.touch(name).map
    if state is None:
        return
    live = tuple(
        HeldAttempt(
            run_id=t.run.head.run_id, node=name, item=index, attempt=item.attempt, started_at_us=0
        )
        for index, item in state.items.items()
        if item.retry_at_us is None and not item.parked
    )
    for index, item in state.items.items():
        if item.retry_at_us is not None:
            t.drop_timer("retry", name, index)
    if live:
        t.effect(CancelAttempt(CancelAttempts(run_id=t.run.head.run_id, attempts=live, reason=reason)))
