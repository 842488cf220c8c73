"""Message headers: protocol version, encoding, trace context, message id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from headrace_protocol import PROTOCOL_VERSION
from headrace_protocol.errors import ErrorCode, ProtocolError

VERSION = "Headrace-Version"
CONTENT_TYPE = "Content-Type"
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
MESSAGE_ID = "Nats-Msg-Id"
EXPECTED_LAST_ID = "Nats-Expected-Last-Msg-Id"
"""The stream refuses the message unless the last one that it took has this id."""
REPLY_TO = "Headrace-Reply-To"
"""Where a command's reply is wanted: JetStream takes the NATS reply subject for its own acknowledgement."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""Versions after 00 may append fields, each after a dash."""
_VERSION = re.compile(r"[0-9]{1,9}")


class Encoding(StrEnum):
    """How a message's body is encoded."""

    MSGPACK = "application/msgpack"
    JSON = "application/json"


class TraceContext(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A W3C trace context (https://www.w3.org/TR/trace-context/), taken apart."""

    trace_id: str
    span_id: str
    sampled: bool = True
    state: str = ""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse_traceparent(value: str | None, state: str | None = None) -> TraceContext | None:
    """The trace context in a `traceparent` header; None when there is none or it is invalid (the W3C rule:
    an invalid context is ignored and a new trace starts)."""
    fields = _TRACEPARENT.fullmatch((value or "").strip())
    if fields is None:
        return None
    version, trace_id, span_id, flags, more = fields.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    kept = state if state and state.isascii() and state.isprintable() else ""
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1), kept)


_ASSUMED = {VERSION: "1", CONTENT_TYPE: Encoding.MSGPACK.value}
"""What a reader takes for granted where nothing is stated."""


def _unless_assumed(stated: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in stated.items() if value != _ASSUMED[name]}


_OURS = {
    encoding: _unless_assumed({VERSION: str(PROTOCOL_VERSION), CONTENT_TYPE: encoding.value})
    for encoding in Encoding
}


def make(
    *, encoding: Encoding = Encoding.MSGPACK, message_id: str = "", trace: TraceContext | None = None
) -> dict[str, str]:
    """The headers of a message of ours. What is assumed anyway is left out."""
    headers = _OURS[encoding].copy()
    if message_id:
        headers[MESSAGE_ID] = message_id
    if trace is not None:
        headers[TRACEPARENT] = trace.traceparent
        if trace.state:
            headers[TRACESTATE] = trace.state
    return headers


def encoding_of(headers: Mapping[str, str] | None) -> Encoding:
    """The encoding that the headers state, msgpack when they state none.

    Raises ProtocolError for a newer protocol version or an encoding that is neither msgpack nor JSON.
    """
    if not headers:
        return Encoding.MSGPACK
    version = headers.get(VERSION, "1")
    content_type = headers.get(CONTENT_TYPE, Encoding.MSGPACK)
    if version == "1" and content_type == Encoding.MSGPACK:
        return Encoding.MSGPACK
    if _VERSION.fullmatch(version) is None or int(version) > PROTOCOL_VERSION:
        raise ProtocolError(
            "a message speaks a protocol version that is not known here",
            where=VERSION,
            found=version,
            expected=f"at most {PROTOCOL_VERSION}",
            code=ErrorCode.PROTOCOL_VERSION,
        )
    content_type = content_type.split(";")[0].strip().lower()
    try:
        return Encoding(content_type)
    except ValueError:
        raise ProtocolError(
            "a message has an encoding that is not known here",
            where=CONTENT_TYPE,
            found=content_type,
            expected="application/msgpack or application/json",
        ) from None
