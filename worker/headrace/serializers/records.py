"""The fields of records: dataclasses, Structs, attrs classes, NamedTuples and TypedDicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast, get_args, get_type_hints, is_typeddict

import msgspec

from headrace.authoring.assignable import required_keys, typed_dict_fields
from headrace.authoring.typeforms import class_of, plain, substitute


class Member(msgspec.Struct, frozen=True):
    """A field of a record."""

    name: str
    written: str
    required: bool


def record_fields(form: object) -> dict[str, tuple[Member, object]] | None:
    """The fields of a record with their types, type arguments filled in; None for what is none."""
    origin = class_of(form)
    if origin is None:
        return None
    if is_typeddict(origin):
        needed = required_keys(origin)
        return {
            name: (Member(name, name, name in needed), one) for name, one in typed_dict_fields(form).items()
        }
    if issubclass(origin, msgspec.Struct):
        found = msgspec.structs.fields(cast(Any, form))
        return {one.name: (Member(one.name, one.encode_name, one.required), one.type) for one in found}
    required = _fields_by_need(origin)
    if required is None:
        return None
    hints = get_type_hints(origin, include_extras=True)
    filled = dict(zip(getattr(origin, "__parameters__", ()), get_args(form), strict=False))
    return {
        name: (Member(name, name, needed), substitute(hints.get(name, Any), filled))
        for name, needed in required.items()
    }


def _fields_by_need(origin: type) -> dict[str, bool] | None:
    """Names of the fields that the class is made from, and whether it needs them."""
    if dataclasses.is_dataclass(origin):
        return {one.name: _needed(one) for one in dataclasses.fields(origin) if one.init}
    if is_attrs(origin):
        import attrs

        return {one.name: one.default is attrs.NOTHING for one in attrs.fields(origin) if one.init}
    names: tuple[str, ...] = getattr(origin, "_fields", ())
    if issubclass(origin, tuple) and names:
        defaults: Mapping[str, object] = getattr(origin, "_field_defaults", {})
        return {name: name not in defaults for name in names}
    return None


def keys_of(form: object) -> frozenset[str] | None:
    """The keys that an object of a record may have; None for what is not written as an object with known keys."""
    origin = class_of(plain(form))
    config = getattr(origin, "__struct_config__", None)
    listed = origin is not None and issubclass(origin, tuple) and not is_typeddict(origin)
    fields = None if listed or (config is not None and config.array_like) else record_fields(plain(form))
    return None if fields is None else frozenset(member.written for member, _ in fields.values())


def _needed(field: dataclasses.Field[object]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def is_attrs(kind: type) -> bool:
    return hasattr(kind, "__attrs_attrs__")
