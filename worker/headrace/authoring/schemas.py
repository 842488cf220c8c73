"""JSON Schemas of parameters and results, and the strict check of values known when a workflow is defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from headrace.authoring.assignable import assignable
from headrace.authoring.typeforms import type_name
from headrace.serializers.forms import convert
from headrace.serializers.json_forms import schemas_of
from headrace.serializers.registry import serializer_of
from headrace.serializers.values import TypedValue, comparable, encode, plain_data
from headrace_protocol.definition import JsonSchema
from headrace_protocol.errors import DefinitionError, TypeMismatch


def schema_of(form: object, where: str, what: str) -> JsonSchema:
    """A self-contained schema; raises DefinitionError naming `what` and the type when it cannot be data."""
    if form in {Any, object}:
        return {}
    try:
        TypedValue(form)
        (schema,), shared = schemas_of([form])
    except (TypeError, NotImplementedError, NameError, RecursionError, ImportError) as error:
        raise _not_data(form, where, what, error) from error
    return {**schema, "$defs": shared} if shared else schema


def shared_schemas(
    forms: Mapping[str, object], where: str
) -> tuple[dict[str, JsonSchema], dict[str, JsonSchema]]:
    """Schemas by name, and the `$defs` they share."""
    for name, form in forms.items():
        schema_of(form, where, f"parameter {name!r}")
    schemas, shared = schemas_of(list(forms.values()))
    return dict(zip(forms, schemas, strict=True)), shared


def literal(value: object, form: object, where: str, takes: str) -> object:
    """`value` as plain data, when it fits `form` strictly; raises TypeMismatch, naming `takes`, otherwise.

    An instance of a class is checked by name, as a type checker does; its fields by decoding them. What JSON has no
    form for is tagged (docs/protocol.md): a definition says the same in JSON and in msgpack.
    """
    found = f"{value!r}, a {type_name(type(value))}"
    if _is_nominal(value) and not assignable(type(value), form):
        raise TypeMismatch(
            f"{takes} cannot take this value", where=where, found=found, expected=type_name(form)
        )
    try:
        encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise DefinitionError(
            f"{takes} was given a value that cannot be sent: {error}",
            where=where,
            found=found,
            expected="plain data, Structs, dataclasses, dicts, or types with a serializer",
            fix="Make the value inside the task, or send what it is made from.",
        ) from error
    if form in {Any, object}:
        return plain_data(value)
    try:
        convert(comparable(value), form)
        return plain_data(value, form)
    except msgspec.ValidationError as error:
        raise TypeMismatch(
            f"{takes} cannot take this value: {error}", where=where, found=found, expected=type_name(form)
        ) from error


def _is_nominal(value: object) -> bool:
    if isinstance(value, msgspec.Struct) or hasattr(value, "__dataclass_fields__"):
        return True
    serializer = serializer_of(cast(type, type(value)))
    return serializer is not None and bool(serializer.tag)


def _not_data(form: object, where: str, what: str, error: Exception) -> DefinitionError:
    reason = str(error).strip().splitlines()
    return DefinitionError(
        f"{what} has the type {type_name(form)}, whose values cannot be sent between tasks",
        where=where,
        found=reason[-1] if reason else type(error).__name__,
        expected="plain data, dataclasses, Structs, attrs and pydantic classes, values of numpy, pandas, polars and "
        "pyarrow, types with a serializer, and unions of those (docs/data.md lists them)",
        fix="Describe the data with a dataclass or Struct, register a serializer for the type "
        "(headrace.register_serializer), or use `object` to take any plain data.",
    )
