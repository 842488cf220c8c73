"""JSON Schemas of parameters and results, and the strict check of values known when a workflow is defined."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.authoring.assignable import assignable
from headrace.authoring.typeforms import type_name
from headrace_protocol.definition import JsonSchema
from headrace_protocol.errors import DefinitionError, TypeMismatch

_REFERENCE = "#/$defs/{name}"
_KEPT = (
    bytes,
    bytearray,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)


def schema_of(form: object, where: str, what: str) -> JsonSchema:
    """A self-contained schema; raises DefinitionError naming `what` and the type when it cannot be data."""
    if form in {Any, object}:
        return {}
    try:
        return msgspec.json.schema(form, schema_hook=_schema_of_object)
    except (TypeError, NotImplementedError, NameError, RecursionError) as error:
        raise _not_data(form, where, what, error) from error


def shared_schemas(
    forms: Mapping[str, object], where: str
) -> tuple[dict[str, JsonSchema], dict[str, JsonSchema]]:
    """Schemas by name, and the `$defs` they share."""
    for name, form in forms.items():
        schema_of(form, where, f"parameter {name!r}")
    known = {name: Any if form is object else form for name, form in forms.items()}
    schemas, shared = msgspec.json.schema_components(
        known.values(), schema_hook=_schema_of_object, ref_template=_REFERENCE
    )
    return dict(zip(known, schemas, strict=True)), shared


def literal(value: object, form: object, where: str, takes: str) -> object:
    """`value` as plain data, when it fits `form` strictly; raises TypeMismatch, naming `takes`, otherwise.

    An instance of a class is checked by name, as a type checker does; its fields by decoding them.
    """
    found = f"{value!r}, a {type_name(type(value))}"
    nominal = isinstance(value, msgspec.Struct) or hasattr(value, "__dataclass_fields__")
    if nominal and not assignable(type(value), form):
        raise TypeMismatch(
            f"{takes} cannot take this value", where=where, found=found, expected=type_name(form)
        )
    try:
        data: object = msgspec.to_builtins(value, order="deterministic")
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise DefinitionError(
            f"{takes} was given a value that cannot be sent: {error}",
            where=where,
            found=found,
            expected="plain data, Structs, dataclasses or dicts",
            fix="Make the value inside the task, or send what it is made from.",
        ) from error
    if form not in {Any, object}:
        try:
            msgspec.convert(_comparable(value), form)
        except msgspec.ValidationError as error:
            raise TypeMismatch(
                f"{takes} cannot take this value: {error}", where=where, found=found, expected=type_name(form)
            ) from error
    return data


def _comparable(value: object) -> object:
    """The value with its own dates, bytes and the like kept, so that a date does not pass for a str."""
    return msgspec.to_builtins(value, builtin_types=_KEPT)


def _schema_of_object(form: type) -> dict[str, Any]:
    if form is object:
        return {"description": "any value"}
    raise TypeError(f"{form} has no schema")


def _not_data(form: object, where: str, what: str, error: Exception) -> DefinitionError:
    reason = str(error).strip().splitlines()
    return DefinitionError(
        f"{what} has the type {type_name(form)}, whose values cannot be sent between tasks",
        where=where,
        found=reason[-1] if reason else type(error).__name__,
        expected="int, float, str, bool, bytes, None, dates, Decimal, UUID, Enum, list, tuple, set, dict, "
        "msgspec.Struct, dataclass or TypedDict, and unions of those",
        fix="Describe the data with a msgspec.Struct or dataclass, or use `object` to take any plain data.",
    )
