"""Structs to bytes and back. msgpack is what we send; JSON is accepted everywhere.

A JSON body is decoded, encoded as msgpack and decoded again with the wanted type, so that values kept
undecoded (`msgspec.Raw`) are msgpack inside Headrace whatever the sender chose. JSON is the rare path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from headrace_protocol import tagged
from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.headers import Encoding, encoding_of
from headrace_protocol.misfits import misfit

T = TypeVar("T")

_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[object, msgspec.msgpack.Decoder[Any]] = {}
NOTHING = msgspec.Raw(b"\xc0")
"""The msgpack encoding of None."""


def _decoder(kind: object) -> msgspec.msgpack.Decoder[Any]:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.msgpack.Decoder(kind)
    return decoder


def encode(message: object) -> bytes:
    """A message as msgpack."""
    return _ENCODER.encode(message)


def raw(value: object) -> msgspec.Raw:
    """A value as msgpack that other messages can carry without decoding it."""
    try:
        return msgspec.Raw(_ENCODER.encode(value))
    except OverflowError:  # an integer beyond 64 bits: tagged
        data = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))
        return msgspec.Raw(_ENCODER.encode(tagged.for_msgpack(data)))


def decode(body: bytes, kind: type[T], headers: Mapping[str, str] | None = None, *, where: str = "") -> T:
    """Decode a message of a known type, in the encoding that its headers state.

    Raises ProtocolError (`protocol.malformed`, `protocol.version`, `protocol.unknown_kind`).
    """
    encoding = encoding_of(headers)
    try:
        if encoding is Encoding.JSON:
            body = tagged.from_json(body)
        message: T = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        # What msgspec says of an unknown tag of a union, and of an unknown member of an enum.
        unknown = str(error).startswith(("Invalid value", "Invalid enum value"))
        wrong = misfit(error, kind, _decoded(body), getattr(kind, "__name__", str(kind)))
        raise ProtocolError(
            f"a message does not fit its type: {wrong.message}",
            where=where,
            found=wrong.found or f"{len(body)} bytes of {encoding.value}",
            expected=wrong.expected,
            code=ErrorCode.PROTOCOL_UNKNOWN_KIND if unknown else ErrorCode.PROTOCOL_MALFORMED,
        ) from error
    except (ValueError, OverflowError, RecursionError) as error:
        # ValueError covers msgspec's own and bytes that are not UTF-8.
        raise ProtocolError(
            f"a message cannot be decoded: {error}",
            where=where,
            found=f"{len(body)} bytes starting with {body[:16]!r}",
            expected=f"{getattr(kind, '__name__', kind)} as {encoding.value}",
        ) from error
    return message


def _decoded(body: bytes) -> object:
    try:
        found: object = msgspec.msgpack.decode(body)
    except (ValueError, RecursionError):
        return None
    return found
