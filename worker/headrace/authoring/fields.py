"""Steps into a type: what `handle.name` and `handle[key]` are, and where they are in the encoded value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, get_args, get_type_hints, is_typeddict

import msgspec

from headrace.authoring.assignable import assignable, typed_dict_fields
from headrace.authoring.typeforms import (
    arguments_as,
    class_of,
    members,
    plain,
    substitute,
    type_name,
    union_of,
)
from headrace_protocol.definition import PathStep
from headrace_protocol.errors import DefinitionError, HandleUsedAsValue

Step = tuple[PathStep, object]
"""Where the part is in the encoded value, and its type."""


def attribute(form: object, name: str, handle: str, where: str) -> Step:
    """The step `handle.name`; raises DefinitionError that names the type and its fields."""
    return _in_every_member(form, partial(_attribute, name=name, handle=handle, where=where), where)


def element(form: object, key: object, handle: str, where: str) -> Step:
    """The step `handle[key]`; raises DefinitionError when the type has no such key or index."""
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise HandleUsedAsValue(
            f"{handle} cannot be indexed with a {type(key).__name__} while the workflow is being defined",
            where=where,
            found=f"{handle}[{key!r}]",
            expected="a key, or an index counted from the start",
            fix="Pass the handle to a task that takes the part it needs.",
        )
    return _in_every_member(form, partial(_element, key=key, handle=handle, where=where), where)


def _in_every_member(form: object, step: Callable[[object], Step], where: str) -> Step:
    steps = [step(member) for member in members(form)]
    if len({place for place, _ in steps}) > 1:
        raise DefinitionError(
            f"the members of {type_name(form)} keep this part in different places",
            where=where,
            fix="Pass the whole value to a task.",
        )
    return steps[0][0], union_of(found for _, found in steps)


def _attribute(form: object, *, name: str, handle: str, where: str) -> Step:
    form = plain(form)
    if form is Any or isinstance(form, TypeVar):
        return name, Any
    known = _fields(form)
    if name in known:
        return known[name]
    if hasattr(class_of(form), name):
        raise HandleUsedAsValue(
            f"{handle}.{name} is not data but code of {type_name(form)}, which needs the value",
            where=where,
            found=f"{handle}.{name}",
            expected=_listed(known),
            fix=f"Use .{name} inside a task, and pass the handle to that task.",
        )
    raise DefinitionError(
        f"{type_name(form)} has no field {name!r}",
        where=where,
        found=f"{handle}.{name}",
        expected=_listed(known),
        fix=f'Write {handle}["{name}"].' if _is_mapping(form) else "Correct the field's name.",
    )


def _element(form: object, *, key: str | int, handle: str, where: str) -> Step:
    form = plain(form)
    if form is Any or isinstance(form, TypeVar):
        return key, Any
    origin = class_of(form)
    expected = f"{type_name(form)} cannot be indexed"
    if is_typeddict(origin) and isinstance(key, str):
        known = typed_dict_fields(form)
        if key in known:
            return key, known[key]
        expected = ", ".join(known)
    elif _is_mapping(form):
        expected = "a key that is a str"
        key_type, value_type = arguments_as(form, Mapping) or (str, Any)
        if isinstance(key, str) and assignable(str, key_type):
            return key, value_type
    elif origin is tuple and isinstance(key, int):
        return key, _tuple_part(form, key, handle, where)
    elif origin is not None and issubclass(origin, Sequence) and not issubclass(origin, str | bytes):
        expected = "an index counted from the start"
        if isinstance(key, int) and key >= 0:
            return key, (arguments_as(form, Sequence) or (Any,))[0]
    raise DefinitionError(
        f"{type_name(form)} has nothing at {key!r}",
        where=where,
        found=f"{handle}[{key!r}]",
        expected=expected,
    )


def _tuple_part(form: object, index: int, handle: str, where: str) -> object:
    parts = get_args(form)
    if not parts and index >= 0:
        return Any
    if parts[-1:] == (Ellipsis,) and index >= 0:
        return parts[0]
    if Ellipsis not in parts and 0 <= index < len(parts):
        return parts[index]
    raise DefinitionError(
        f"{type_name(form)} has nothing at {index}",
        where=where,
        found=f"{handle}[{index}]",
        expected="an index counted from the start"
        if Ellipsis in parts
        else f"an index from 0 to {len(parts) - 1}",
    )


def _fields(form: object) -> dict[str, Step]:
    """Field names, each with the step it has in the encoded value."""
    origin = class_of(form)
    if origin is None or is_typeddict(origin):
        return {}
    if issubclass(origin, msgspec.Struct):
        return _struct_fields(form, origin)
    if dataclasses.is_dataclass(origin):
        hints = get_type_hints(origin)
        filled = dict(zip(getattr(origin, "__parameters__", ()), get_args(form), strict=False))
        return {
            field.name: (field.name, substitute(plain(hints[field.name]), filled))
            for field in dataclasses.fields(origin)
        }
    if hasattr(origin, "__pydantic_fields__"):
        return {name: (name, field.annotation) for name, field in origin.__pydantic_fields__.items()}
    if hasattr(origin, "__attrs_attrs__"):
        hints = get_type_hints(origin)
        return {field.name: (field.name, hints.get(field.name, Any)) for field in origin.__attrs_attrs__}
    names: tuple[str, ...] = getattr(origin, "_fields", ())
    if issubclass(origin, tuple) and names:
        hints = get_type_hints(origin)
        return {name: (index, hints.get(name, Any)) for index, name in enumerate(names)}
    return {}


def _struct_fields(form: object, origin: type[msgspec.Struct]) -> dict[str, Step]:
    config = origin.__struct_config__
    first = 1 if config.tag is not None else 0
    found = msgspec.structs.fields(form)  # type: ignore[arg-type]
    return {
        field.name: (first + index if config.array_like else field.encode_name, field.type)
        for index, field in enumerate(found)
    }


def _is_mapping(form: object) -> bool:
    origin = class_of(form)
    return origin is not None and (issubclass(origin, Mapping) or is_typeddict(origin))


def _listed(known: Mapping[str, Step]) -> str:
    return f"one of {', '.join(known)}" if known else "nothing: it has no fields"
