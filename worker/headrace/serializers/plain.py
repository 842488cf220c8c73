"""Types of the standard library that msgpack has no form for. None of them has a tag: their data says what it is."""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from pathlib import PurePath
from types import GenericAlias
from typing import cast, get_args, get_origin
from zoneinfo import ZoneInfo

from headrace.serializers.port import Serializer
from headrace.serializers.registry import install
from headrace_protocol.definition import JsonSchema


class Text(Serializer[object]):
    """Values that a text says exactly."""

    def __init__(
        self, write: Callable[..., str], read: Callable[[type, str], object], schema: JsonSchema
    ) -> None:
        self._write = write
        self._read = read
        self._schema = schema

    def encode(self, value: object) -> str:
        return self._write(value)

    def decode(self, data: object, form: object) -> object:
        if not isinstance(data, str):
            raise TypeError(f"Expected `str`, got `{type(data).__name__}`")
        return self._read(cast(type, form), data)

    def schema(self, form: object) -> JsonSchema:
        return {"type": "string", **self._schema}


class Complex(Serializer[complex]):
    """`[real, imaginary]`."""

    def encode(self, value: complex) -> list[float]:
        exact = complex.__complex__(value)
        return [exact.real, exact.imag]

    def decode(self, data: object, form: object) -> complex:
        if isinstance(data, int | float) and not isinstance(data, bool):
            return complex(data)
        if isinstance(data, list) and len(data) == 2 and all(isinstance(part, int | float) for part in data):
            return complex(*data)
        raise TypeError("Expected `[real, imaginary]`")

    def schema(self, form: object) -> JsonSchema:
        pair: JsonSchema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return {"anyOf": [{"type": "number"}, pair]}


class Container(Serializer[object]):
    """Containers that are made from a list or dict of their elements."""

    def __init__(self, plain: type, make: Callable[..., object], arguments: Callable[..., object]) -> None:
        """`arguments` gives the plain form for the type arguments of a declared one."""
        self._plain = plain
        self._make = make
        self._arguments = arguments

    def encode(self, value: object) -> object:
        return cast(Callable[[object], object], self._plain)(value)

    def decode(self, data: object, form: object) -> object:
        from headrace.serializers.forms import convert

        kind = cast(type, get_origin(form) or form)
        return self._make(kind, convert(data, self._form(form)))

    def schema(self, form: object) -> JsonSchema:
        from headrace.serializers.json_forms import inline_schema

        return inline_schema(self._form(form))

    def _form(self, form: object) -> object:
        given = get_args(form)
        return self._arguments(*given) if given else self._plain


def _default_dict(kind: type, data: dict[object, object]) -> object:
    made = kind(None)
    made.update(data)
    return made


class Builtin(Serializer[object]):
    """Subclasses of built-in types: the plain value travels, and the class is made from it."""

    def __init__(self, base: type, exact: Callable[..., object], fields: str = "") -> None:
        """`fields` names the arguments of the class, where it is not made from one value."""
        self._base = base
        self._exact = exact
        self._fields = fields.split()

    def encode(self, value: object) -> object:
        return self._exact(value)

    def decode(self, data: object, form: object) -> object:
        from headrace.serializers.forms import convert

        kind = cast(type, get_origin(form) or form)
        plain = convert(data, self._base)
        if self._fields:
            return kind(**{name: getattr(plain, name) for name in self._fields})
        return kind(plain)

    def schema(self, form: object) -> JsonSchema:
        from headrace.serializers.json_forms import inline_schema

        return inline_schema(self._base)


_DATE = "year month day"
_TIME = "hour minute second microsecond tzinfo fold"
_DELTA = "days seconds microseconds"


def _exactly(base: type, fields: str) -> Callable[..., object]:
    """The plain value with the fields of an instance of a subclass."""
    names = fields.split()
    return lambda value: base(**{name: getattr(value, name) for name in names})


def _make(kind: type, given: object) -> object:
    return kind(given)


def _fraction(kind: type, text: str) -> object:
    try:
        return kind(text)
    except ZeroDivisionError as error:
        raise ValueError(f"not a fraction: {text!r}") from error


def _zone(kind: type, text: str) -> object:
    try:
        return kind(text)
    except (LookupError, OSError) as error:
        raise ValueError(f"not a time zone of this machine: {text!r}") from error


def _zone_key(value: ZoneInfo) -> str:
    if value.key is None:
        raise ValueError("a time zone without a name cannot be sent")
    return value.key


_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
)

install(Text(str, _make, {"format": "path"}), (PurePath,))
install(Text(str, _make, {}), _ADDRESSES)
install(Text(_zone_key, _zone, {}), (ZoneInfo,))
install(Text(str, _fraction, {"pattern": r"^-?\d+(/\d+)?$"}), (Fraction,))
install(Complex(), (complex,))
install(Container(list, _make, lambda item: GenericAlias(list, (item,))), (deque,))
install(Container(dict, _make, lambda key, value: GenericAlias(dict, (key, value))), (OrderedDict,))
install(Container(dict, _default_dict, lambda key, value: GenericAlias(dict, (key, value))), (defaultdict,))
install(Container(dict, _make, lambda key: GenericAlias(dict, (key, int))), (Counter,))
install(Builtin(str, str.__str__), (str,))
install(Builtin(int, int.__int__), (int,))
install(Builtin(float, float.__float__), (float,))
install(Builtin(bytes, lambda value: bytes(memoryview(value))), (bytes,))
install(Builtin(bytearray, bytes), (bytearray,))
install(Builtin(list, list), (list,))
install(Builtin(dict, dict), (dict,))
install(Builtin(set, list), (set,))
install(Builtin(frozenset, list), (frozenset,))
install(Builtin(datetime, _exactly(datetime, f"{_DATE} {_TIME}"), f"{_DATE} {_TIME}"), (datetime,))
install(Builtin(date, _exactly(date, _DATE), _DATE), (date,))
install(Builtin(time, _exactly(time, _TIME), _TIME), (time,))
install(Builtin(timedelta, _exactly(timedelta, _DELTA), _DELTA), (timedelta,))
