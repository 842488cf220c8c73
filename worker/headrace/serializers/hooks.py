"""Where msgspec asks about types that it does not know."""

from __future__ import annotations

from typing import cast, get_args, get_origin

from headrace.serializers import registry
from headrace.serializers.registry import serializer_for, serializer_of
from headrace_protocol import tagged
from headrace_protocol.definition import JsonSchema


def encode_hook(value: object) -> object:
    """Plain data for a value; raises TypeError for a type without a serializer."""
    kind = type(value)
    serializer = serializer_of(kind)
    if serializer is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} has no serializer")
    try:
        data = serializer.encode(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise
    except Exception as error:  # a user's code
        raise ValueError(
            f"{kind.__qualname__} cannot be written ({type(error).__name__}: {error})"
        ) from error
    return tagged.tag(serializer.tag, data) if serializer.tag else data


def decode_hook(form: type, data: object) -> object:
    """The value of a declared type, from plain data or from what a tagged form stood for."""
    if form is object:
        return data
    origin = cast(type, get_origin(form) or form)
    serializer = serializer_for(form)
    if serializer is None:
        if isinstance(data, origin):
            return data
        raise TypeError(f"{origin.__qualname__} has no serializer")
    if not serializer.tag:
        return registry.decoded(serializer, tagged.resolve(data, registry.reader), form)
    if tagged.kind_of(data) == serializer.tag:
        inside = cast("dict[str, object]", data)[tagged.VALUE]
        return registry.decoded(serializer, tagged.resolve(inside, registry.reader), form)
    data = tagged.resolve(data, registry.reader)
    if not isinstance(data, origin):
        raise TypeError(f"Expected `{_name(origin)}`, got `{_name(type(data))}`")
    narrow = getattr(serializer, "narrow", None)
    if narrow is not None and get_args(form):
        narrow(data, form)
    return data


def schema_hook(form: type) -> JsonSchema:
    """The schema of a type that has a serializer; raises TypeError for one that has none."""
    if form is object:
        return {"description": "any value"}
    serializer = serializer_for(form)
    if serializer is None:
        raise TypeError(
            f"{getattr(form, '__module__', '')}.{getattr(form, '__qualname__', form)} has no serializer"
        )
    return serializer.schema(form) or {"description": "any value"}  # an empty one counts as none


def _name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
