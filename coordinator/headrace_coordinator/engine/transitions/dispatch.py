"""Task messages: what a worker needs to know for one attempt, and nothing else.

Every message goes through one gate: where the queue's bound on the bus is reached, or others wait for it, the attempt
joins the ready line instead, and its message is made when its turn has come.
"""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import Dispatch
from headrace_coordinator.engine.plan import PlanNode
from headrace_coordinator.engine.standing import line_of_one, resting_of
from headrace_coordinator.engine.state import ItemState, Node, NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.fence import is_in_line
from headrace_coordinator.engine.values import items_at, value_at
from headrace_protocol.codec import raw
from headrace_protocol.definition import Literal, Output
from headrace_protocol.errors import InvariantBroken
from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_span_id
from headrace_protocol.messages import ABSENT, ItemInput, Result, TaskMessage


def dispatch(t: Transition, name: str) -> None:
    """Start the next attempt of a plain node."""
    node = t.run.nodes[name]
    node.attempt += 1
    node.dispatch = 0
    place = t.plan.nodes[name].place
    again = node.state is NodeState.DISPATCHED
    if again:  # the attempt before is over, without having come to an end
        t.line.ended(place)
    if place not in t.run.line and t.line.take(place, t.run.head.run_id):
        go(t, name)
        return
    if again:
        t.line.sent(place)  # until it moves
    line_up(t, name, None)


def go(t: Transition, name: str) -> None:
    """The attempt of a plain node goes to the bus, where it is booked already."""
    node = t.move(name, NodeState.DISPATCHED)
    node.generation = generation(t, name)
    t.tell("node.dispatched", name, attempt=node.attempt, queue=t.plan.nodes[name].definition.options.queue)
    send(t, name, None, node.attempt)


def go_item(t: Transition, name: str, index: int) -> None:
    """The attempt of a map's item goes to the bus."""
    state = t.node(name).map
    if state is None:
        return
    item = state.items[index]
    if item.ready:
        item.ready = False
        resting_of(t.run, name).ready.discard(index)
    item.generation = generation(t, name)
    send(t, name, index, item.attempt)


def admitted(t: Transition, name: str, wanted: int, freed: int) -> int:
    """How many of the items that a map has ready may go to the bus at once. Other nodes of the run that wait already
    go first."""
    place = t.planned(name).place
    waiting = t.run.line.get(place)
    if waiting and (len(waiting) > 1 or name not in waiting):
        return 0
    return t.line.admit(place, t.run.head.run_id, wanted, freed)


def line_up(t: Transition, name: str, item: int | None) -> None:
    """The attempt that holds the fence waits in the ready line."""
    state = t.touch(name).map
    if item is None or state is None:
        if t.node(name).state is not NodeState.READY:
            t.move(name, NodeState.READY)
            line_of_one(t.plan, t.run, t.line, name, waits=True)
        return
    state.items[item].ready = True
    resting_of(t.run, name).ready.add(item)


def publish(t: Transition, name: str, item: int | None, attempt: int) -> None:
    """Have an attempt that was published before published once more, unless more is on the bus than may be. It does
    not count twice there."""
    if is_in_line(t, name, item):
        return
    if t.line.excess(t.planned(name).place):
        line_up(t, name, item)
        if item is not None:
            t.rebook(name)
    else:
        send(t, name, item, attempt)


def missing(t: Transition, name: str) -> list[str]:
    """Upstream nodes without a result; once a node has started, those whose lost result is not back yet."""
    return [source for source in t.planned(name).upstream if t.node(source).state is not NodeState.SUCCEEDED]


def generation(t: Transition, name: str) -> int:
    """How often the inputs of a node have been made again."""
    nodes = t.run.nodes
    return sum([nodes[source].recoveries for source in t.planned(name).upstream])


def holder_of(node: Node, item: int | None) -> Node | ItemState:
    """What holds the fence and the counters of an attempt: the node, or the item of its map."""
    return node if item is None or node.map is None else node.map.items[item]


def send(t: Transition, name: str, item: int | None, attempt: int) -> None:
    """Have an attempt's task message published."""
    node = t.touch(name)
    node.queued_at_us = t.now_us
    holder = holder_of(node, item)
    planned = t.planned(name)
    options = planned.definition.options
    head = t.run.head
    trace = None
    if head.trace is not None:
        own = derived_span_id(f"{head.run_id}/{name}")
        trace = TraceContext(head.trace.trace_id, own, head.trace.sampled, head.trace.state)
    message = TaskMessage(
        run_id=head.run_id,
        workflow=head.workflow,
        node=name,
        attempt=attempt,
        task=planned.definition.task,
        shard=head.shard,
        queue=options.queue,
        queued_at_us=t.now_us,
        item=item,
        bindings=planned.definition.bindings,
        inputs={source: _travelling(_result(t, source)) for source in planned.reads} if planned.reads else {},
        params=head.params if planned.reads_params else ABSENT,
        item_input=None if item is None else _item_input(t, planned, item),
        counts=planned.counts if item is None else (),
        isolation=options.isolation,
        timeout_s=options.timeout_s,
        max_attempts=options.retry.max_attempts,
        deadline_us=head.deadline_us,
        trace=trace,
        retries=head.retries,
        dispatch=holder.dispatch,
        alone=bool(holder.losses),
        code=node.code or planned.code,
        scheduled_at_us=head.scheduled_at_us,
        interval=head.interval,
    )
    t.effect(Dispatch(message, options.priority))


def _result(t: Transition, source: str) -> Result:
    result = t.node(source).result
    if result is None:
        raise InvariantBroken(
            "a node is dispatched before its input exists (I4)", where=f"{t.run.head.run_id}/{source}"
        )
    return result


def _travelling(result: Result) -> Result:
    """Previews are for people: workers get the value."""
    return result if result.preview is None else Result(result.value, result.stored)


def _item_input(t: Transition, planned: PlanNode, item: int) -> ItemInput:
    stored = stored_list(t, planned)
    if stored is not None:
        return stored
    items = slices(t, planned)
    if items is None:
        raise InvariantBroken("a map's list has gone", where=f"{t.run.head.run_id}/{planned.definition.id}")
    return ItemInput(value=items[item])


def stored_list(t: Transition, planned: PlanNode) -> ItemInput | None:
    """Where the list of a map is stored; None when its items are at hand."""
    over = planned.definition.map
    if over is None or not isinstance(over.over, Output):
        return None
    result = _result(t, over.over.node)
    if result.stored is None:
        return None
    return ItemInput(stored=result.stored, path=over.over.path, node=over.over.node)


def slices(t: Transition, planned: PlanNode) -> list[msgspec.Raw] | None:
    """The items of a map whose list is at hand; None when there is no list where the definition says."""
    name = planned.definition.id
    known = t.run.slices.get(name)
    if known is None:
        value = mapped_value(t, planned)
        known = None if value is None else items_at(value, ())
        if known is not None:
            t.run.slices[name] = known
    return known


def mapped_value(t: Transition, planned: PlanNode) -> msgspec.Raw | None:
    """What a node maps over, encoded; None when nothing is at that place, or the value is stored elsewhere."""
    over = planned.definition.map
    if over is None:
        return None
    match over.over:
        case Literal(value=value):
            return raw(value)
        case Output(node=source, path=path):
            return value_at(_result(t, source).value, path)
        case param:
            return value_at(t.run.head.params, (param.name, *param.path))
