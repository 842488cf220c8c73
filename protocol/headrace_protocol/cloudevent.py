"""CloudEvents 1.0 (https://github.com/cloudevents/spec): trigger events, as NATS messages and HTTP requests.

An event travels in *binary* mode (attributes in `ce-` headers, the body is the data), in *structured* mode
(the whole event is a JSON object) or, over HTTP, in a *batch* (a JSON array). What is decoded has been
checked: the required attributes are there, every name and value obeys the specification, and the type can be
routed.

Two kindnesses beyond the specification, so that a publisher needs no library: a body that is a JSON object
with a `specversion` is structured whatever its content type, and binary data without a content type is JSON
when it reads as JSON.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from codecs import BOM_UTF8
from collections.abc import Mapping
from urllib.parse import quote, unquote

import msgspec

from headrace_protocol.cloudevent_attributes import (
    ATTRIBUTES,
    ExtensionValue,
    charset_of,
    check_extension,
    check_string,
    check_time,
    check_uri,
    is_json,
    is_text,
    media_type,
    wrong,
)
from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.headers import (
    CONTENT_TYPE,
    TRACEPARENT,
    TRACESTATE,
    Encoding,
    TraceContext,
    parse_traceparent,
)
from headrace_protocol.subjects import check_event_type, event_type_of

SPEC_VERSION = "1.0"
PREFIX = "ce-"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY_DATA = "application/octet-stream"
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What a header carries as it is; the rest is percent-encoded (HTTP binding 3.1.3.2)."""
_NOT_PLAIN = re.compile(f"[^{re.escape(_PLAIN)}]")


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. An attribute that is absent is the empty string, which no attribute may be."""

    id: str
    source: str
    type: str
    specversion: str = SPEC_VERSION
    subject: str = ""
    time: str = ""
    """RFC 3339, as the publisher wrote it."""
    datacontenttype: str = ""
    dataschema: str = ""
    data: object = None
    """The JSON value; text for `text/*`; bytes for any other content type."""
    extensions: dict[str, ExtensionValue] = {}

    @property
    def trace(self) -> TraceContext | None:
        """The publisher's trace context (the Distributed Tracing extension)."""
        if TRACEPARENT not in self.extensions:
            return None
        state = self.extensions.get(TRACESTATE, "")
        return parse_traceparent(str(self.extensions[TRACEPARENT]), str(state))


def check(event: CloudEvent) -> CloudEvent:
    """The event itself when it obeys the specification and can be routed; raises ProtocolError otherwise."""
    if event.specversion != SPEC_VERSION:
        raise wrong(
            "specversion",
            event.specversion,
            SPEC_VERSION,
            "Publish CloudEvents 1.0.",
            ErrorCode.PROTOCOL_VERSION,
        )
    check_string("id", event.id)
    check_string("type", event.type)
    check_uri("source", event.source)
    check_event_type(event.type)
    if event.subject:
        check_string("subject", event.subject)
    if event.datacontenttype:
        check_string("datacontenttype", event.datacontenttype)
    if event.time:
        check_time(event.time)
    if event.dataschema:
        check_uri("dataschema", event.dataschema, absolute=True)
    for name, value in event.extensions.items():
        check_extension(name, value)
    return event


def decode_nats(subject: str, headers: Mapping[str, str] | None, body: bytes) -> CloudEvent:
    """The event in a NATS message (NATS protocol binding 1.0.3).

    With a subject, `hr.<ns>.event.<type>`, the event's type must be the subject's. A `traceparent` message
    header wins over the extension: it names the hop, the extension the origin.
    """
    lower = _lower(headers)
    if media_type(lower.get("content-type", "")) == BATCH:
        raise wrong(
            CONTENT_TYPE, BATCH, f"{STRUCTURED}, or ce- headers", "Publish one message for each event."
        )
    event = _decode_one(lower, body)
    # A publisher that knows nothing of percent-encoding writes a type with a '%' as it is.
    if subject and event.type not in (expected := event_type_of(subject), subject.split(".", 3)[3]):
        raise wrong(
            "type",
            event.type,
            f"{expected}, as in the subject {subject}",
            "Publish the event on the subject of its type.",
            ErrorCode.PROTOCOL_UNROUTABLE,
        )
    return event


def decode_http(headers: Mapping[str, str], body: bytes) -> list[CloudEvent]:
    """The events in an HTTP request (HTTP protocol binding 1.0.2): one, or those of a batch."""
    lower = _lower(headers)
    if media_type(lower.get("content-type", "")) != BATCH:
        return [_decode_one(lower, body)]
    members = _json(body)
    if not isinstance(members, list):
        raise wrong("body", type(members).__name__, "a JSON array of events", f"Send {STRUCTURED}.")
    return [_member(place, member) for place, member in enumerate(members)]


def _member(place: int, member: object) -> CloudEvent:
    """One event of a batch; what is wrong with it is said with its place."""
    try:
        return _from_object(member, {})
    except ProtocolError as error:
        error.where = f"events[{place}].{error.where}"
        raise


def encode_binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers and body in binary mode. A trace context also travels as the message's own `traceparent`."""
    check(event)
    content_type, body = _encode_data(event)
    headers = {PREFIX + name: _percent_encode(value) for name, value in _attributes(event).items()}
    headers.pop(PREFIX + "datacontenttype", None)
    if content_type:
        headers[CONTENT_TYPE] = content_type
    if (trace := event.trace) is not None:
        headers[TRACEPARENT] = trace.traceparent
        if trace.state:
            headers[TRACESTATE] = trace.state
    return headers, body


def encode_structured(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers and body in structured mode (JSON event format 1.0.2)."""
    return {CONTENT_TYPE: STRUCTURED}, as_json(check(event))


def as_json(event: CloudEvent) -> bytes:
    """An event that has been checked, in the JSON event format."""
    members: dict[str, object] = dict(_attributes(event))
    if isinstance(event.data, bytes):
        members["data_base64"] = b64encode(event.data).decode()
    elif event.data is not None:
        members["data"] = event.data
    return _encode_value(members, Encoding.JSON)


def as_variables(event: CloudEvent) -> dict[str, object]:
    """The `event` that CEL expressions see: attributes (absent ones as ""), extensions and `data` by name."""
    attributes: dict[str, object] = {name: getattr(event, name) for name in ATTRIBUTES}
    return {**event.extensions, **attributes, "data": event.data}


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _decode_one(lower: Mapping[str, str], body: bytes) -> CloudEvent:
    content_type = media_type(lower.get("content-type", ""))
    if content_type == STRUCTURED:
        return _from_object(_json(body), lower)
    if content_type.startswith("application/cloudevents"):
        raise wrong(CONTENT_TYPE, content_type, STRUCTURED, "Use the JSON event format.")
    if "ce-specversion" in lower or any(name.startswith(PREFIX) for name in lower):
        return _from_headers(lower, body)
    if body.removeprefix(BOM_UTF8).lstrip()[:1] == b"{":
        members = _json(body)
        if isinstance(members, dict) and "specversion" in members:
            return _from_object(members, lower)
    raise wrong(
        "specversion",
        "neither ce- headers nor a JSON object with a specversion",
        "a CloudEvent 1.0 in binary or structured mode",
        "Send the headers ce-specversion, ce-id, ce-source and ce-type.",
    )


def _from_headers(lower: Mapping[str, str], body: bytes) -> CloudEvent:
    members: dict[str, object] = {
        name[len(PREFIX) :]: _percent_decode(name, value)
        for name, value in lower.items()
        if name.startswith(PREFIX)
    }
    if "data" in members or "data_base64" in members:
        raise wrong("data", "a ce-data header", "the data as the body", "Send the data as the body.")
    content_type = lower.get("content-type", "")
    members["datacontenttype"] = content_type or None
    return _build(members, _decode_data(content_type, body), lower)


def _from_object(members: object, lower: Mapping[str, str]) -> CloudEvent:
    if not isinstance(members, dict):
        raise wrong("body", type(members).__name__, "a JSON object", "Send one event as a JSON object.")
    members = dict(members)
    data = members.pop("data", None)
    encoded = members.pop("data_base64", None)
    if encoded is not None:
        if data is not None:
            raise wrong("data_base64", "data and data_base64", "one of the two", "Leave one of them out.")
        content_type = members.get("datacontenttype")
        data = _decode_data(content_type if isinstance(content_type, str) else BINARY_DATA, _base64(encoded))
    return _build(members, data, lower)


def _build(members: Mapping[str, object], data: object, lower: Mapping[str, str]) -> CloudEvent:
    """An event from its attributes (None: absent). The transport's trace context replaces the extension's."""
    attributes: dict[str, str] = {}
    extensions: dict[str, ExtensionValue] = {}
    for name, value in members.items():
        if value is None:
            continue
        if name not in ATTRIBUTES:
            extensions[name] = value  # type: ignore[assignment]  # `check` refuses what no extension may be
        elif isinstance(value, str) and value:
            attributes[name] = value
        else:
            check_string(name, value)
    for name in ("specversion", "id", "source", "type"):
        if name not in attributes:
            raise wrong(name, "nothing", "a non-empty string", f"Add the attribute {name}.")
    if parse_traceparent(lower.get(TRACEPARENT)) is not None:
        extensions[TRACEPARENT] = lower[TRACEPARENT].strip()
        extensions.pop(TRACESTATE, None)
        if state := lower.get(TRACESTATE):
            extensions[TRACESTATE] = state
    return check(CloudEvent(**attributes, data=data, extensions=extensions))


def _attributes(event: CloudEvent) -> dict[str, ExtensionValue]:
    present = {name: value for name in ATTRIBUTES if (value := getattr(event, name))}
    return {**present, **event.extensions}


def _percent_encode(value: ExtensionValue) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _NOT_PLAIN.search(text) is None else quote(text, safe=_PLAIN)


def _percent_decode(name: str, value: str) -> str:
    if "%" not in value and value[:1] != '"':
        return value
    # Quoted values are an older form of the binding that receivers still have to read (HTTP binding 3.1.3.2).
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise wrong(
            name.removeprefix(PREFIX), value, "percent-encoded UTF-8", "Percent-encode the header's value."
        ) from error


def _decode_data(content_type: str, body: bytes) -> object:
    kind = media_type(content_type)
    if not body:
        return None
    if is_json(kind):
        return _json(body, "data")
    if kind == Encoding.MSGPACK:
        return _value(body, Encoding.MSGPACK, "data")
    if is_text(kind):
        charset = charset_of(content_type)
        try:
            return body.decode(charset)
        except UnicodeDecodeError as error:
            fix = f"Send {charset}, or name the text's charset in its content type."
            raise wrong("data", repr(body[:16]), f"{charset}, as {content_type} says", fix) from error
    if kind:
        return body
    try:
        return _json(body, "data")
    except ProtocolError:
        return body


def _encode_data(event: CloudEvent) -> tuple[str, bytes]:
    """Content type and body of an event's data."""
    data, content_type = event.data, event.datacontenttype
    if data is None:
        return content_type, b""
    if isinstance(data, bytes):
        return content_type or BINARY_DATA, data
    kind = media_type(content_type or Encoding.JSON)
    if is_json(kind):
        return content_type or Encoding.JSON.value, _encode_value(data, Encoding.JSON)
    if kind == Encoding.MSGPACK:
        return content_type, _encode_value(data, Encoding.MSGPACK)
    if isinstance(data, str):
        return content_type, _encode_text(data, content_type)
    raise wrong("data", type(data).__name__, f"bytes or text for {kind}", "Set datacontenttype to JSON's.")


def _encode_text(text: str, content_type: str) -> bytes:
    charset = charset_of(content_type)
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        fix = "Leave the charset out of datacontenttype: text is UTF-8 then."
        raise wrong("data", repr(text[error.start : error.start + 16]), f"text in {charset}", fix) from error


def _encode_value(value: object, encoding: Encoding) -> bytes:
    try:
        if encoding is Encoding.JSON:
            return msgspec.json.encode(value)
        return msgspec.msgpack.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise wrong(
            "data", str(error), f"a value for {encoding.value}", "Convert the value before publishing it."
        ) from error


def _json(body: bytes, where: str = "body") -> object:
    return _value(body, Encoding.JSON, where)


def _value(body: bytes, encoding: Encoding, where: str) -> object:
    try:
        if encoding is Encoding.JSON:
            return msgspec.json.decode(body.removeprefix(BOM_UTF8))
        return msgspec.msgpack.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        found = f"{len(body)} bytes starting with {body[:16]!r}"
        raise wrong(where, found, encoding.value, f"Send valid {encoding.value}: {error}.") from error


def _base64(text: object) -> bytes:
    try:
        if isinstance(text, str):
            return b64decode(text, validate=True)
    except ValueError:
        pass
    raise wrong("data_base64", repr(text)[:40], "a Base64 string", "Encode the data as Base64 (RFC 4648).")
