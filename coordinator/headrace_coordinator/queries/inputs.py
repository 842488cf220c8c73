"""What a node of a run reads: the value of each of its task's parameters, as an attempt gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from headrace_coordinator.engine.state import Node
from headrace_coordinator.engine.values import items_at, value_at
from headrace_coordinator.queries.runs import FullRun, load_run
from headrace_coordinator.queries.values import as_json
from headrace_coordinator.store.port import Reader
from headrace_protocol.codec import raw
from headrace_protocol.definition import (
    Binding,
    Item,
    ListOf,
    Literal,
    MapOver,
    NodeDefinition,
    ObjectOf,
    Output,
    Param,
    Path,
)
from headrace_protocol.errors import Conflict, NotFound, RequestError
from headrace_protocol.interval import Interval
from headrace_protocol.messages import Stored

Fetch = Callable[[Stored], Awaitable[msgspec.Raw]]
"""Reads a stored value; raises NotFound where it is gone, Unavailable."""


class _InputOf(msgspec.Struct, frozen=True, kw_only=True):
    """Which input it is."""

    run_id: str
    workflow: str
    version: str
    node: str
    item: int | None
    task: str
    queue: str
    attempt: int
    """The latest one's number; 1 where there was none."""
    scheduled_at_us: int | None
    interval: Interval | None
    trace_id: str


class NodeInput(_InputOf, frozen=True, kw_only=True):
    """What an attempt of a node, or of one item of a map, is given: encoded values by parameter. A parameter that is
    missing has its default."""

    values: dict[str, msgspec.Raw]


class NodeInputView(_InputOf, frozen=True, kw_only=True):
    """A `NodeInput` for people: what JSON cannot hold is text."""

    values: dict[str, object]


def input_view(found: NodeInput) -> NodeInputView:
    """The input with its values as JSON."""
    fields = {name: getattr(found, name) for name in _InputOf.__struct_fields__}
    return NodeInputView(**fields, values={name: as_json(value) for name, value in found.values.items()})


async def node_input(store: Reader, fetch: Fetch, run_id: str, node: str, item: int | None) -> NodeInput:
    """The input, stored values fetched. Raises NotFound, RequestError for an item that cannot be, and Conflict while
    an input is not there yet."""
    full = await load_run(store, run_id)
    definition = next((planned for planned in full.definition.nodes if planned.id == node), None)
    where = f"run {run_id}, node {node}"
    if definition is None:
        choices = ", ".join(planned.id for planned in full.definition.nodes)
        raise NotFound("there is no such node", where=f"run {run_id}", found=node, expected=choices)
    reading = _Reading(full, fetch, where)
    if definition.map is not None:
        await reading.choose(definition.map, item)
    elif item is not None:
        raise RequestError(
            "the node is no map, so it has no items",
            where=where,
            found=f"item {item}",
            expected="no item",
            fix="Leave the item out.",
        )
    values = {name: await reading.value(binding) for name, binding in definition.bindings.items()}
    head, state = full.stored.head, full.stored.nodes.get(node) or Node()
    return NodeInput(
        run_id=run_id,
        workflow=head.workflow,
        version=head.version,
        node=node,
        item=item,
        task=definition.task,
        queue=definition.options.queue,
        attempt=_attempt(state, definition, item),
        scheduled_at_us=head.scheduled_at_us,
        interval=head.interval,
        trace_id="" if head.trace is None else head.trace.trace_id,
        values={name: value for name, value in values.items() if value is not None},
    )


def _attempt(state: Node, definition: NodeDefinition, item: int | None) -> int:
    if definition.map is None or state.map is None or item is None:
        return max(state.attempt, 1)
    moving = state.map.items.get(item)
    return state.map.first_attempt if moving is None else moving.attempt


class _Reading:
    """One node's bindings. Each stored value is fetched once."""

    def __init__(self, full: FullRun, fetch: Fetch, where: str) -> None:
        self._full = full
        self._fetch = fetch
        self._where = where
        self._fetched: dict[str, msgspec.Raw] = {}
        self._item: msgspec.Raw | None = None

    async def choose(self, over: MapOver, item: int | None) -> None:
        """Take one item of a map's list."""
        found = await self.value(over.over)
        items = None if found is None else items_at(found, ())
        if items is None:
            raise Conflict(
                "the map has no list", where=self._where, found="another value", expected="a list to map over"
            )
        if item is None or item >= len(items):
            raise RequestError(
                "the map has no such item" if item is not None else "the node is a map: say which item",
                where=self._where,
                found="no item" if item is None else f"item {item}",
                expected=f"an item from 0 to {len(items) - 1}" if items else "no item: the list is empty",
                fix="Give the item's index: --item N, or ?item=N.",
            )
        self._item = items[item]

    async def value(self, binding: Binding) -> msgspec.Raw | None:
        """None where the run has no such param: the parameter's default counts."""
        match binding:
            case Literal(value=literal):
                return raw(literal)
            case Param(name=name, path=path):
                return value_at(self._full.stored.head.params or raw({}), (name, *path))
            case Output(node=node, path=path):
                return self._at(await self._result(node), node, path)
            case Item():
                return self._item
            case ListOf(items=items):
                return raw([await self.value(item) for item in items])
            case ObjectOf(fields=fields):
                return raw({name: await self.value(field) for name, field in fields.items()})

    async def _result(self, node: str) -> msgspec.Raw:
        state = self._full.stored.nodes.get(node) or Node()
        if state.result is None:
            raise Conflict(
                f"its input is not there yet: it reads the result of {node}",
                where=self._where,
                found=f"{node} is {state.state.value}",
                expected=f"{node} has succeeded",
                fix=f"Wait for {node}, or see `headrace runs explain {self._full.stored.head.run_id}`.",
            )
        stored = state.result.stored
        if stored is None:
            return state.result.value or raw(None)
        if stored.uri not in self._fetched:
            self._fetched[stored.uri] = await self._fetch(stored)
        return self._fetched[stored.uri]

    def _at(self, value: msgspec.Raw, node: str, path: Path) -> msgspec.Raw:
        found = value_at(value, path)
        if found is None:
            place = "".join(f"[{step!r}]" for step in path)
            raise Conflict(
                f"the result of {node} has nothing at {place}",
                where=self._where,
                found="nothing",
                expected=f"a value at {node}{place}",
                fix=f"Compare what the task of {node} returned with what the workflow reads of it.",
            )
        return found
