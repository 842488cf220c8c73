"""What msgspec says of data that does not fit a type, as place, found and expected."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from msgspec import inspect as types

SHOWN = 80
_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
_EXPECTED = re.compile(r"^Expected (.*?), got ")
_UNKNOWN = ("Invalid enum value", "Invalid value")
_ANY_KEY = object()
_MISSING = object()


class Misfit(msgspec.Struct, frozen=True):
    """Where data does not fit, what is there, and what fits."""

    message: str
    """What is wrong, without the place."""
    place: str
    """Such as `orders[3].colour`; empty for the value itself."""
    found: str
    expected: str


def misfit(error: Exception, form: object, data: object, expected: str = "") -> Misfit:
    """What an error of decoding `data` as `form` is about; `expected` is told where nothing better is known."""
    text = str(error)
    match = _PLACE.search(text)
    message = text[: match.start()] if match else text
    steps = _steps(match.group(1)) if match else []
    place = _written(steps)
    inside = _at(data, steps)
    values = _values(form, steps) if message.startswith(_UNKNOWN) else ()
    told = _EXPECTED.match(message)
    if values:
        expected = f"one of {', '.join(map(repr, values))}"
        message = f"{_shown(inside)} is none of the values allowed" if inside is not _MISSING else message
    elif told and place:
        expected = told.group(1).replace("`", "")
    found = "" if inside is _MISSING else described(inside)
    return Misfit(message, place, f"{found} at {place}" if found and place else found, expected)


def described(value: object) -> str:
    """The type and beginning of decoded data."""
    return f"{type(value).__name__} {_shown(value)}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def _steps(place: str) -> list[object]:
    return [
        name if name is not None else int(index) if index is not None else _ANY_KEY
        for name, index in ((m.group(1), m.group(2)) for m in _STEP.finditer(place))
    ]


def _written(steps: Iterable[object]) -> str:
    return "".join(map(_step, steps)).removeprefix(".")


def _step(step: object) -> str:
    if step is _ANY_KEY:
        return "[...]"
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _at(data: object, steps: Iterable[object]) -> object:
    for step in steps:
        match data, step:
            case dict(), _:
                data = data.get(step, _MISSING)
            case list() | tuple(), int() if step < len(data):
                data = data[step]
            case _:
                return _MISSING
    return data


def _values(form: object, steps: list[object]) -> tuple[object, ...]:
    """The values that an enum or a Literal at a place allows, or the tags of a union's Structs."""
    try:
        found = [types.type_info(form)]
    except (TypeError, NotImplementedError):
        return ()
    for step in steps:
        found = [inner for one in found for inner in _into(one, step)]
    if steps and not any(_allowed(one) for one in found):
        return ()
    return tuple(value for one in found for value in _allowed(one))


def _into(info: types.Type, step: object) -> list[types.Type]:
    match info:
        case types.UnionType(types=members):
            return [inner for member in members for inner in _into(member, step)]
        case types.Metadata(type=inner):
            return _into(inner, step)
        case types.StructType(tag_field=name) if step == name:
            return [info]
        case types.StructType() | types.DataclassType() | types.TypedDictType() | types.NamedTupleType():
            return _field(info, step)
        case types.DictType(key_type=key, value_type=value):
            return [key, value] if step is _ANY_KEY else [value]
        case _:
            return _element(info, step)


_Record = types.StructType | types.DataclassType | types.TypedDictType | types.NamedTupleType


def _field(info: _Record, step: object) -> list[types.Type]:
    if isinstance(step, int):
        return [info.fields[step].type] if step < len(info.fields) else []
    return [field.type for field in info.fields if field.encode_name == step]


def _element(info: types.Type, step: object) -> list[types.Type]:
    match info:
        case types.TupleType(item_types=items):
            return [items[step]] if isinstance(step, int) and step < len(items) else list(items)
        case (
            types.ListType(item_type=item)
            | types.VarTupleType(item_type=item)
            | types.SetType(item_type=item)
            | types.FrozenSetType(item_type=item)
        ):
            return [item]
        case _:
            return []


def _allowed(info: types.Type) -> tuple[object, ...]:
    match info:
        case types.UnionType(types=members):
            return tuple(value for member in members for value in _allowed(member))
        case types.Metadata(type=inner):
            return _allowed(inner)
        case types.EnumType(cls=cls):
            return tuple(member.value for member in cls)
        case types.LiteralType(values=values):
            return tuple(values)
        case types.StructType(tag=tag) if tag is not None:
            return (tag,)
        case _:
            return ()
