"""From the arguments of a call to the bindings of a node, each checked against its parameter's type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import GenericAlias
from typing import Any, TypeVar, get_args, is_typeddict

import msgspec

from headrace.authoring.assignable import assignable, required_keys, typed_dict_fields
from headrace.authoring.handles import Handle, Reference, reference
from headrace.authoring.schemas import literal
from headrace.authoring.typeforms import (
    NONE,
    arguments_as,
    both_names,
    class_of,
    members,
    tuple_element,
    type_name,
    union_of,
)
from headrace.serializers.json_forms import read_as
from headrace.serializers.registry import serializer_for
from headrace_protocol import definition as wire
from headrace_protocol.errors import DefinitionError, TypeMismatch


class Edge(msgspec.Struct, frozen=True):
    """The receiving end of a binding, for the errors: whose graph, the user's line, what takes the value."""

    owner: object
    where: str
    takes: str

    def at(self, step: object) -> Edge:
        return msgspec.structs.replace(self, takes=f"{self.takes}[{step!r}]")


def bind(value: object, form: object, edge: Edge) -> wire.Binding:
    """The binding of `value` to something of type `form`; raises TypeMismatch naming both types."""
    if isinstance(value, Handle):
        held = own(value, edge)
        if not assignable(held.type, form):
            found, expected = both_names(held.type, form)
            raise TypeMismatch(
                f"{edge.takes} takes {expected}, but {held.label()} is {found}",
                where=edge.where,
                found=f"{found}, from {held.label()}",
                expected=f"{expected}, for {edge.takes}",
                fix=_about_none(held.type, form),
            )
        _refuse_misreading(held, form, edge)
        return held.binding
    if not holds_handle(value):
        return wire.Literal(literal(value, form, edge.where, edge.takes))
    mismatch = TypeMismatch(
        f"{edge.takes} cannot take a {type(value).__name__} of handles",
        where=edge.where,
        found=f"a {type(value).__name__}",
        expected=type_name(form),
    )
    for member in members(form):
        try:
            made = _bind_container(value, member, edge)
        except TypeMismatch as error:
            mismatch = error
        else:
            if made is not None:
                return made
    raise mismatch


def _about_none(source: object, target: object) -> str:
    """What to do where only the None of a union does not fit; empty otherwise."""
    parts = [part for part in members(source) if part is not NONE]
    if len(parts) == len(members(source)) or not all(assignable(part, target) for part in parts):
        return ""
    return "Give the parameter a type with `| None`, and decide inside the task what None means."


def _refuse_misreading(held: Reference, form: object, edge: Edge) -> None:
    """A value of one member of a union must not arrive as another one."""
    other = read_as(held.type, form)
    if other is not None:
        found, expected = both_names(held.type, form)
        raise TypeMismatch(
            f"{edge.takes} takes {expected}, and would read {held.label()}, which is {found}, as {type_name(other)}",
            where=edge.where,
            found=f"{found}, from {held.label()}",
            expected=f"{expected}, for {edge.takes}",
            fix=f"Declare what {held.label()} gives as {expected} too: its values then say which they are.",
        )


def own(handle: Handle, edge: Edge) -> Reference:
    """What the handle stands for; raises DefinitionError when it belongs to another workflow."""
    held = reference(handle)
    if held.owner is not edge.owner:
        raise DefinitionError(
            f"the handle {held.label()} belongs to another workflow",
            where=edge.where,
            found=held.label(),
            expected="a handle made in this workflow's own function",
            fix="Do not keep handles outside of the workflow function that made them.",
        )
    return held


def holds_handle(value: object) -> bool:
    """Whether a handle is anywhere in a list, tuple or dict."""
    if isinstance(value, Handle):
        return True
    if isinstance(value, Mapping):
        return any(map(holds_handle, value.values()))
    return isinstance(value, list | tuple) and any(map(holds_handle, value))


def bind_map(items: object, form: object, edge: Edge) -> wire.Param | wire.Output | wire.Literal:
    """What a task whose first parameter has type `form` is mapped over."""
    if isinstance(items, Handle):
        held = own(items, edge)
        part = item_type(held.type)
        if part is None:
            raise TypeMismatch(
                f"a task is mapped over a list, but {held.label()} is {type_name(held.type)}",
                where=edge.where,
                found=held.source(),
                expected="a list, tuple or set",
                fix="Map over the field that holds the list, or have the task return a list (to_dicts, tolist).",
            )
        if not assignable(part, form):
            found, expected = both_names(part, form)
            raise TypeMismatch(
                f"{edge.takes} takes {expected}, but the items of {held.label()} are {found}",
                where=edge.where,
                found=f"{type_name(held.type)}, from {held.label()}",
                expected=f"list[{expected}], to map over",
            )
        return held.binding
    if not isinstance(items, Iterable) or isinstance(items, str | bytes | Mapping):
        raise DefinitionError(
            "a task is mapped over a list",
            where=edge.where,
            found=type(items).__name__,
            expected="a handle of a list, or a list",
            fix="Give a list, or what a task returned that returns one.",
        )
    listed = list(items)
    if holds_handle(listed):
        raise DefinitionError(
            "a list of handles cannot be mapped over",
            where=edge.where,
            found=f"{len(listed)} handles",
            expected="one handle of a list",
            fix="Call the task once for each: [some_task(handle) for handle in handles].",
        )
    data = literal(listed, GenericAlias(list, (form,)), edge.where, f"the map over {edge.takes}")
    return wire.Literal(data)


def item_type(form: object) -> object | None:
    """The type of the items of something that can be mapped over; None when it is not a list."""
    parts: list[object] = []
    for member in members(form):
        if member is Any or isinstance(member, TypeVar):
            return Any
        origin = class_of(member)
        if origin is None or not issubclass(origin, Iterable) or issubclass(origin, str | bytes | Mapping):
            return None
        serializer = serializer_for(member)
        if serializer is not None and serializer.tag:  # an array or frame is one value to the coordinator
            return None
        if origin is tuple:
            parts.append(tuple_element(member) if get_args(member) else Any)
        else:
            parts.append((arguments_as(member, Iterable) or (Any,))[0])
    return union_of(parts)


def _bind_container(value: object, form: object, edge: Edge) -> wire.Binding | None:
    """The binding of a list, tuple or dict with handles in it; None when `form` is something else."""
    anything = form in {Any, object} or isinstance(form, TypeVar)
    origin = class_of(form)
    if isinstance(value, Mapping):
        named = {key: part for key, part in value.items() if isinstance(key, str)}
        types = _value_types(named, form, anything)
        if types is None or len(named) < len(value):
            return None
        return wire.ObjectOf({key: bind(part, types[key], edge.at(key)) for key, part in named.items()})
    if not isinstance(value, list | tuple):
        return None
    if not anything and (origin is None or not issubclass(type(value), origin)):
        return None
    parts = _element_types(value, form, anything)
    if len(parts) != len(value):
        return None
    return wire.ListOf(
        tuple(
            bind(part, wanted, edge.at(index))
            for index, (part, wanted) in enumerate(zip(value, parts, strict=True))
        )
    )


def _element_types(value: Sequence[object], form: object, anything: bool) -> Sequence[object]:
    if anything:
        return [Any] * len(value)
    if class_of(form) is tuple:
        given = get_args(form)
        if given and given[-1] is not Ellipsis:
            return given
        return [given[0] if given else Any] * len(value)
    return [(arguments_as(form, Iterable) or (Any,))[0]] * len(value)


def _value_types(names: Collection[str], form: object, anything: bool) -> dict[str, object] | None:
    origin = class_of(form)
    if origin is not None and is_typeddict(origin):
        known = typed_dict_fields(form)
        return known if required_keys(origin) <= set(names) <= set(known) else None
    if anything:
        return dict.fromkeys(names, Any)
    if origin is None or not issubclass(dict, origin):
        return None
    return dict.fromkeys(names, (get_args(form) or (Any, Any))[-1])
