"""Looking into encoded values without decoding more than the way to the place asked for."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run
from headrace_protocol.codec import NOTHING, encode, raw
from headrace_protocol.definition import Binding, Item, ListOf, Literal, ObjectOf, Output, Param, Path
from headrace_protocol.errors import InvariantBroken
from headrace_protocol.messages import Result
from headrace_protocol.misfits import described

_LIST = msgspec.msgpack.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


def value_at(value: msgspec.Raw, path: Path) -> msgspec.Raw | None:
    """The encoded value at a place; None when there is no such place."""
    for step in path:
        try:
            value = _LIST.decode(value)[step] if isinstance(step, int) else _OBJECT.decode(value)[step]
        except (msgspec.DecodeError, IndexError, KeyError):
            return None
    return value


def described_raw(value: msgspec.Raw) -> str:
    """The type and beginning of an encoded value, for people."""
    try:
        return described(msgspec.msgpack.decode(value))
    except (msgspec.DecodeError, RecursionError):
        return "bytes that cannot be decoded"


def items_at(value: msgspec.Raw, path: Path) -> list[msgspec.Raw] | None:
    """The elements of the list at a place; None when there is no list."""
    found = value_at(value, path)
    try:
        return None if found is None else _LIST.decode(found)
    except msgspec.DecodeError:
        return None


def length_at(value: msgspec.Raw, path: Path) -> int:
    """Length of the list at a place, -1 when there is none."""
    items = items_at(value, path)
    return -1 if items is None else len(items)


def resolve_output(plan: Plan, run: Run) -> Result:
    """The run's output: one node's result as it is, or a value put together from several.

    Inside a composed output a stored result appears as the description of where it is stored.
    """
    binding = plan.definition.output
    if binding is None:
        return Result(NOTHING)
    if isinstance(binding, Output) and not binding.path:
        result = run.nodes[binding.node].result
        return Result(NOTHING) if result is None else result
    return Result(raw(_composed(binding, run)))


def _composed(binding: Binding, run: Run) -> object:
    match binding:
        case Literal(value=value):
            return value
        case Param(name=name, path=path):
            return value_at(run.head.params, (name, *path)) or NOTHING
        case Output(node=name, path=path):
            result = run.nodes[name].result
            if result is None:
                return None
            if result.stored is not None:
                return {"stored": result.stored, "path": path}
            return value_at(result.value, path) or NOTHING
        case ListOf(items=items):
            return [_composed(item, run) for item in items]
        case ObjectOf(fields=fields):
            return {name: _composed(field, run) for name, field in fields.items()}
        case Item():
            raise InvariantBroken("an output binding names a map's item", where=run.head.run_id)


def empty_list() -> Result:
    """The result of a map over nothing."""
    return Result(msgspec.Raw(encode([])))
