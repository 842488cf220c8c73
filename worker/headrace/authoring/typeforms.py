"""Taking type annotations apart: names for people, unions, aliases, and the arguments of a generic base."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

NONE = type(None)
_ONE_ARGUMENT = (list, set, frozenset)


def plain(form: object) -> object:
    """The type without `Annotated`, `Required`, `NotRequired` and type aliases."""
    origin = get_origin(form)
    if origin in {Annotated, typing.Required, typing.NotRequired}:
        return plain(get_args(form)[0])
    if type(form).__name__ == "TypeAliasType":
        return plain(getattr(form, "__value__", form))
    return NONE if form is None else form


def members(form: object) -> tuple[object, ...]:
    """The members of a union, or the type alone."""
    form = plain(form)
    if get_origin(form) in {Union, types.UnionType}:
        return tuple(member for part in get_args(form) for member in members(part))
    return (form,)


def union_of(forms: typing.Iterable[object]) -> object:
    """The union of the types, each once; object when there are none."""
    distinct: list[object] = []
    for form in forms:
        distinct += [member for member in members(form) if member not in distinct]
    if not distinct:
        return object
    return distinct[0] if len(distinct) == 1 else Union[tuple(distinct)]  # noqa: UP007 - made at run time


def class_of(form: object) -> type | None:
    """The class behind a type: list for list[int]; None for forms that have none."""
    origin = get_origin(form) or form
    return origin if isinstance(origin, type) else None


def type_name(form: object) -> str:
    """The type as a person would write it."""
    form = plain(form)
    if form is NONE:
        return "None"
    if form is Any:
        return "Any"
    if form is Ellipsis:
        return "..."
    parts = members(form)
    if len(parts) > 1:
        return " | ".join(type_name(part) for part in parts)
    origin = get_origin(form)
    if origin is Literal:
        return f"Literal[{', '.join(repr(value) for value in get_args(form))}]"
    if origin is not None and get_args(form):
        return f"{_short(origin)}[{', '.join(type_name(part) for part in get_args(form))}]"
    return _short(form)


def both_names(first: object, second: object) -> tuple[str, str]:
    """Names of two types, with their modules where the short names are the same."""
    names = type_name(first), type_name(second)
    if names[0] != names[1]:
        return names
    return f"{_module(first)}{names[0]}", f"{_module(second)}{names[1]}"


def arguments_as(form: object, base: type) -> tuple[object, ...]:
    """What `form` passes to a generic base: (int,) for `IntPage(Page[int])` and Page; () if not known."""
    origin, given = class_of(form), get_args(form)
    if origin is None or origin is base:
        return given
    if issubclass(origin, str):
        return (str,)
    if issubclass(origin, bytes | bytearray):
        return (int,)
    if origin is tuple:
        return (tuple_element(form),) if given else ()
    if origin in _ONE_ARGUMENT or origin.__module__ == "collections.abc":
        return (
            given[:1] if issubclass(base, typing.Iterable) and not issubclass(base, typing.Mapping) else given
        )
    if origin is dict:
        return given if issubclass(base, typing.Mapping) else given[:1]
    names: tuple[object, ...] = getattr(origin, "__parameters__", ())
    filled = dict(zip(names, given, strict=False))
    for parent in getattr(origin, "__orig_bases__", origin.__bases__):
        parent_class = class_of(parent)
        if parent_class is not None and issubclass(parent_class, base):
            return arguments_as(substitute(parent, filled), base)
    return ()


def tuple_element(form: object) -> object:
    """The type of a tuple's elements, whichever it is."""
    return union_of(part for part in get_args(form) if part is not Ellipsis)


def substitute(form: object, filled: typing.Mapping[object, object]) -> object:
    """`form` with its type variables replaced; a variable that is not filled stands for anything."""
    if isinstance(form, TypeVar):
        return filled.get(form, Any)
    names: tuple[object, ...] = getattr(form, "__parameters__", ())
    if not names or isinstance(form, type):
        return form
    subscript = getattr(form, "__getitem__", None)
    if subscript is None:
        return form
    changed: object = subscript(tuple(filled.get(name, Any) for name in names))
    return changed


def _short(form: object) -> str:
    return str(getattr(form, "__qualname__", getattr(form, "__name__", None)) or form).split("<locals>.")[-1]


def _module(form: object) -> str:
    module = getattr(class_of(plain(form)) or form, "__module__", "")
    return f"{module}." if module else ""
