"""Spans to the bytes of an `ExportTraceServiceRequest`.

Field numbers are those of opentelemetry-proto's trace.proto, common.proto and resource.proto; a tag is the number
and the wire type (https://protobuf.dev/programming-guides/encoding/). Names and values come again and again: what
has been encoded is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from struct import Struct

from headrace_protocol.messages import Span, SpanEvent, SpanLink

_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_FROM_ELSEWHERE = frozenset({"server", "consumer"})
PARENT_KNOWN, PARENT_REMOTE = 0x100, 0x200
"""Of `SpanFlags`: whether the parent is in another process, and that this can be told."""

_HEAD = Struct("<BBBQBQBBI")
"""kind, start_time_unix_nano, end_time_unix_nano, flags."""
_TIME = Struct("<BQ")
_DOUBLE = Struct("<Bd")
_FLAGS = Struct("<BI")
_ATTRIBUTE_OF_RESOURCE, _ATTRIBUTE_OF_EVENT, _ATTRIBUTE_OF_SPAN = b"\x0a", b"\x1a", b"\x4a"
_UINT64 = (1 << 64) - 1
_INT64 = 1 << 63
_SHORT = 128
"""Characters of a text that is worth remembering."""


class Origin:
    """Where spans come from: resource and instrumentation scope, encoded once."""

    def __init__(self, resource: Mapping[str, object], scope: str = "") -> None:
        self._resource = _field(b"\x0a", _attributes(_ATTRIBUTE_OF_RESOURCE, resource))
        self._scope = _field(b"\x0a", _field(b"\x0a", _text(scope)) if scope else b"")

    def request(self, spans: Iterable[bytes]) -> bytes:
        """An `ExportTraceServiceRequest` of encoded spans. Two requests, one behind the other, are one request."""
        return _field(b"\x0a", self._resource + _field(b"\x12", self._scope + b"".join(spans)))


def encode_span(span: Span) -> bytes:
    """A span as a member of `ScopeSpans`."""
    kind, parent = span.kind, span.parent_span_id
    remote = PARENT_REMOTE if parent and kind in _FROM_ELSEWHERE else 0
    pieces = [
        b"\x0a\x10",
        bytes.fromhex(span.trace_id),
        b"\x12\x08",
        bytes.fromhex(span.span_id),
        _name(span.name),
        _HEAD.pack(
            0x30,
            _KINDS.get(kind, 1),
            0x39,
            span.start_us * 1_000 & _UINT64,
            0x41,
            span.end_us * 1_000 & _UINT64,
            0x85,
            0x01,
            PARENT_KNOWN | remote,
        ),
    ]
    if parent:
        pieces += (b"\x22\x08", bytes.fromhex(parent))
    for name, value in span.attributes.items():
        pieces.append(
            _scalar(_ATTRIBUTE_OF_SPAN, name, value)
            if (type(value) is str and len(value) < _SHORT) or type(value) is int
            else _attribute(_ATTRIBUTE_OF_SPAN, name, value)
        )
    if span.events:
        pieces += [_field(b"\x5a", _event(event)) for event in span.events]
    if span.links:
        pieces += [_field(b"\x6a", _link(link)) for link in span.links]
    pieces.append(
        _field(b"\x7a", _field(b"\x12", _text(span.error)) + b"\x18\x02") if span.error else b"\x7a\x00"
    )
    return _field(b"\x12", b"".join(pieces))


def _event(event: SpanEvent) -> bytes:
    time = _TIME.pack(0x09, event.at_us * 1_000 & _UINT64)
    return time + _field(b"\x12", _text(event.name)) + _attributes(_ATTRIBUTE_OF_EVENT, event.attributes)


def _link(link: SpanLink) -> bytes:
    ids = b"\x0a\x10" + bytes.fromhex(link.trace_id) + b"\x12\x08" + bytes.fromhex(link.span_id)
    return ids + _FLAGS.pack(0x35, PARENT_KNOWN | PARENT_REMOTE)


@lru_cache(1_024)
def _name(name: str) -> bytes:
    return _field(b"\x2a", _text(name))


def _attributes(tag: bytes, attributes: Mapping[str, object]) -> bytes:
    return b"".join(_attribute(tag, name, value) for name, value in attributes.items())


def _attribute(tag: bytes, name: str, value: object) -> bytes:
    return _field(tag, _key(name) + _field(b"\x12", _value(value)))


_scalar = lru_cache(4_096, typed=True)(_attribute)
"""Typed: 1 and True are equal, and encoded differently."""


@lru_cache(1_024)
def _key(name: str) -> bytes:
    return _field(b"\x0a", _text(name))


def _value(value: object) -> bytes:
    """An `AnyValue`; what has no form there becomes text."""
    match value:
        case None:
            return b""
        case bool():
            return b"\x10\x01" if value else b"\x10\x00"
        case int() if -_INT64 <= value < _INT64:
            return b"\x18" + _varint(value & _UINT64)
        case float():
            return _DOUBLE.pack(0x21, value)
        case bytes():
            return _field(b"\x3a", value)
        case list() | tuple():
            return _field(b"\x2a", b"".join(_field(b"\x0a", _value(member)) for member in value))
        case dict():
            members = (_attribute(b"\x0a", str(name), member) for name, member in value.items())
            return _field(b"\x32", b"".join(members))
        case _:
            return _field(b"\x0a", _text(str(value)))


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no place in protobuf
        return text.encode("utf-8", "replace")


def _field(tag: bytes, body: bytes) -> bytes:
    """A field that has a length."""
    length = len(body)
    return tag + (_ONE_BYTE[length] if length < 128 else _varint(length)) + body


_ONE_BYTE = [bytes((number,)) for number in range(128)]


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
