"""From the bindings of a task message to one encoded value per parameter."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.results import InputLost, ResultStore
from headrace.runtime.values import InputInvalid, NoSuchPlace, Raw, at, elements, fields, kind_of, raw
from headrace_protocol.definition import Binding, Item, ListOf, Literal, ObjectOf, Output, Param
from headrace_protocol.messages import ABSENT, Result, TaskMessage


class _Absent(Exception):
    """The run has no such param."""


class Inputs:
    """What the bindings of one message may read. Stored results are fetched when a binding reads them."""

    def __init__(self, message: TaskMessage, store: ResultStore) -> None:
        self._message = message
        self._store = store
        self._params: Mapping[str, Raw] | None = None
        self._together: dict[str, Mapping[str, Raw]] = {}
        """What the coordinator stored as one object, by the name that it has in the message."""

    async def resolve(self) -> dict[str, Raw]:
        """Encoded values by parameter; a param that the run does not have leaves its parameter out, so that
        the function's default counts. Raises InputInvalid or InputLost."""
        values: dict[str, Raw] = {}
        for name, binding in self._message.bindings.items():
            try:
                values[name] = await self._value(binding)
            except _Absent:
                continue
            except NoSuchPlace as error:
                raise InputInvalid(
                    f"the binding cannot be followed: {error}",
                    where=f"node {self._message.node}, parameter {name}",
                    found=str(error),
                    expected=str(binding),
                    fix="Deploy the workflow with the same code that the workers have.",
                ) from error
        return values

    async def _value(self, binding: Binding) -> Raw:
        match binding:
            case Output(node=node, path=(str(first), *rest)) if node.startswith("$"):
                if node not in self._together:
                    self._together[node] = fields(await self._output(node))
                return at(self._together[node][first], tuple(rest))
            case Output(node=node, path=path):
                return at(await self._output(node), path)
            case Literal(value=value):
                return raw(value)
            case Param(name=name, path=path):
                return at(self._param(name), path)
            case Item():
                return await self._item()
            case ListOf(items=items):
                return raw([await self._value(item) for item in items])
            case ObjectOf(fields=members):
                return raw({key: await self._value(member) for key, member in members.items()})

    def _param(self, name: str) -> Raw:
        if self._params is None:
            given = self._message.params
            self._params = fields(given) if given != ABSENT else {}
        if name not in self._params:
            raise _Absent(name)
        return self._params[name]

    async def _output(self, node: str) -> Raw:
        result = self._message.inputs.get(node)
        if result is None:
            raise NoSuchPlace(f"the message has no result of node {node}")
        return await self._load(result, node)

    async def _load(self, result: Result, node: str) -> Raw:
        if result.stored is None:
            return result.value if result.value != ABSENT else raw(None)
        try:
            return Raw(await self._store.get(result.stored))
        except InputLost as error:
            error.node = node
            raise

    async def _item(self) -> Raw:
        given, index = self._message.item_input, self._message.item
        if given is None:
            raise NoSuchPlace("the message has no item")
        if given.stored is None:
            return given.value
        path = given.path
        try:
            items = await self._store.items(given.stored, lambda body: elements(at(body, path)), repr(path))
        except InputLost as error:
            error.node = given.node
            raise
        if index is None or not 0 <= index < len(items):
            raise NoSuchPlace(f"item {index} of a list of {len(items)}: {kind_of(raw(index))}")
        return items[index]
