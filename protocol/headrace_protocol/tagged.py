"""Values that JSON, or msgpack, cannot write by itself: one tagged form, the same in both.

A tagged value is an object `{"$headrace": KIND, "value": …}`. The kinds below are part of the protocol, and every
reader knows them; serializers of workers add kinds of their own (`npy`, `arrow.table`), whose values are bytes.

| kind | value | stands for |
|---|---|---|
| `int` | its decimal digits | an integer beyond 64 bits |
| `float` | `NaN`, `Infinity`, `-Infinity` | what JSON has no literal for; msgpack writes it as a float |
| `bytes` | Base64 (RFC 4648, section 4) | bytes in JSON; msgpack writes them as `bin` |
| `map` | a list of `[key, value]` | an object whose keys are neither strings nor numbers (in JSON) |

A tagged form means its value wherever it stands. An object with `$headrace` that is not one of these is left as it is.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping

import msgspec

KEY = "$headrace"
VALUE = "value"
MARK = b"\xa9" + KEY.encode()
"""The key as msgpack writes it: what does not hold these bytes holds no tagged value."""
INT_MIN, INT_MAX = -(2**63), 2**64 - 1
"""What msgpack's integers reach."""
FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
INT_DIGITS = 4_300
"""The longest integer, as CPython's default limit for reading decimal digits has it."""

Read = Callable[[object], object]
Reader = Callable[[str], Read | None]
"""The reader of a kind, None for an unknown one. They raise ValueError or TypeError for what is not of their kind."""

_DIGITS = re.compile(r"-?(0|[1-9][0-9]*)")
# Bytes, and floats that are no numbers, as msgpack writes them. What matches may still be something else.
_NOT_JSON = re.compile(rb"[\xc4-\xc6]|\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")
_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode


def tag(kind: str, value: object) -> dict[str, object]:
    """The tagged form."""
    return {KEY: kind, VALUE: value}


def kind_of(value: object) -> str | None:
    """The kind of a tagged form; None for anything else."""
    if isinstance(value, dict) and len(value) == 2 and VALUE in value:
        kind = value.get(KEY)
        return kind if isinstance(kind, str) else None
    return None


def _read_int(value: object) -> int:
    if isinstance(value, str) and len(value) <= INT_DIGITS and _DIGITS.fullmatch(value):
        return int(value)
    raise ValueError("not decimal digits")


def _read_float(value: object) -> float:
    if isinstance(value, str) and value in FLOATS:
        return FLOATS[value]
    raise ValueError(f"not one of {', '.join(FLOATS)}")


def _read_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError(f"not Base64: {error}") from error
    raise ValueError("not Base64")


def _read_map(value: object) -> dict[object, object]:
    if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return {_hashable(key): one for key, one in value}
    raise ValueError("not a list of pairs")


def _hashable(key: object) -> object:
    return tuple(map(_hashable, key)) if isinstance(key, list) else key


KINDS: Mapping[str, Read] = {"int": _read_int, "float": _read_float, "bytes": _read_bytes, "map": _read_map}


def protocol_reader(kind: str) -> Read | None:
    """The readers of the protocol's own kinds."""
    return KINDS.get(kind)


def resolve(data: object, reader: Reader = protocol_reader) -> object:
    """Decoded data with every tagged form of a known kind replaced by its value, from the inside out.

    A form that cannot be read is left as it is: the type that it is decoded to says what is wrong.
    """
    if isinstance(data, dict):
        inside = {key: resolve(one, reader) for key, one in data.items()}
        kind = kind_of(data)
        read = None if kind is None else reader(kind)
        if read is None:
            return inside
        try:
            return read(inside[VALUE])
        except (ValueError, TypeError):
            return inside
    if isinstance(data, list):
        return [resolve(one, reader) for one in data]
    return data


def for_msgpack(data: object) -> object:
    """Plain data with the integers tagged that msgpack cannot write."""
    match data:
        case bool():
            return data
        case int():
            return data if INT_MIN <= data <= INT_MAX else tag("int", str(data))
        case dict():
            return {key: for_msgpack(one) for key, one in data.items()}
        case list() | tuple():
            return [for_msgpack(one) for one in data]
        case _:
            return data


def for_json(data: object) -> object:
    """Plain data with everything tagged that JSON cannot write exactly, or would change."""
    match data:
        case bool() | str() | None:
            return data
        case int():
            return data if INT_MIN <= data <= INT_MAX else tag("int", str(data))
        case float():
            return data if math.isfinite(data) else tag("float", _float_name(data))
        case bytes() | bytearray() | memoryview():
            return tag("bytes", base64.b64encode(data).decode())
        case dict():
            if all(_is_name(key) for key in data):
                return {key: for_json(one) for key, one in data.items()}
            return tag("map", [[for_json(key), for_json(one)] for key, one in data.items()])
        case list() | tuple():
            return [for_json(one) for one in data]
        case _:
            return data


def to_json(body: bytes) -> bytes:
    """A msgpack value as JSON that says exactly the same; raises what msgspec raises for what cannot be decoded."""
    data = _decode(body)
    if _NOT_JSON.search(body) is None:
        try:
            return msgspec.json.encode(data)
        except TypeError:  # a key that is neither a string nor a number
            pass
    return msgspec.json.encode(for_json(data))


def from_json(body: bytes) -> bytes:
    """JSON as msgpack: integers of any length stay what they are. Raises msgspec.DecodeError, or ValueError."""
    data = msgspec.json.decode(body)
    try:
        return _encode(data)
    except OverflowError:
        return _encode(for_msgpack(data))


def long_integer(data: object, place: str = "") -> tuple[str, int] | None:
    """The first integer beyond 64 bits in decoded JSON, and its place."""
    match data:
        case bool():
            return None
        case int() if not INT_MIN <= data <= INT_MAX:
            return place, data
        case dict():
            inside = ((f"{place}.{key}" if place else str(key), one) for key, one in data.items())
        case list():
            inside = ((f"{place}[{index}]", one) for index, one in enumerate(data))
        case _:
            return None
    return next((found for where, one in inside if (found := long_integer(one, where)) is not None), None)


def _is_name(key: object) -> bool:
    """Whether JSON has a name for a key: a string, or a number that a reader can tell from its digits."""
    if isinstance(key, float):
        return math.isfinite(key)
    return isinstance(key, str | int) and not isinstance(key, bool)


def _float_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
