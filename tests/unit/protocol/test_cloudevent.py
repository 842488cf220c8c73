"""CloudEvents as the specification's examples have them, and as nobody should send them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol.cloudevent import (
    BATCH,
    STRUCTURED,
    CloudEvent,
    as_variables,
    decode_http,
    decode_nats,
    encode_binary,
    encode_structured,
)
from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.headers import TraceContext

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
OTHER = f"00-{TRACE_ID[::-1]}-{SPAN_ID[::-1]}-00"
SUBJECT = "hr.default.event.com.example.someevent"
BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "com.example.someevent",
    "ce-time": "2018-04-05T03:56:24Z",
    "ce-id": "1234-1234-1234",
    "ce-source": "/mycontext/subcontext",
    "Content-Type": "application/json; charset=utf-8",
}
# The example of the JSON event format, section 3.2.
STRUCTURED_EXAMPLE = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "subject": None,
    "id": "C234-1234-1234",
    "time": "2018-04-05T17:31:00Z",
    "comexampleextension1": "value",
    "comexampleothervalue": 5,
    "datacontenttype": "application/json",
    "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
}


def structured(**changes: object) -> bytes:
    """The example with members changed; None takes one out."""
    return msgspec.json.encode({k: v for k, v in (STRUCTURED_EXAMPLE | changes).items() if v is not None})


def test_binary_mode() -> None:
    event = decode_nats(SUBJECT, BINARY | {"ce-comexample": "a"}, b'{"n": [1]}')
    assert event == CloudEvent(
        id="1234-1234-1234",
        source="/mycontext/subcontext",
        type="com.example.someevent",
        time="2018-04-05T03:56:24Z",
        datacontenttype="application/json; charset=utf-8",
        data={"n": [1]},
        extensions={"comexample": "a"},
    )


def test_header_names_have_no_case() -> None:
    shouted = {name.upper(): value for name, value in BINARY.items()}
    assert decode_nats(SUBJECT, shouted, b"1") == decode_nats(SUBJECT, BINARY, b"1")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),  # the example of the HTTP binding, 3.1.3.2
        ('"quoted \\" name"', 'quoted " name'),
        ("100%25", "100%"),
        ("plain", "plain"),
    ],
)
def test_header_values_are_percent_decoded(header: str, value: str) -> None:
    assert decode_nats(SUBJECT, BINARY | {"ce-subject": header}, b"").subject == value


def test_structured_mode() -> None:
    event = decode_nats(SUBJECT, {"content-type": f"{STRUCTURED}; charset=UTF-8"}, structured())
    assert event.id == "C234-1234-1234"
    assert event.subject == ""
    assert event.extensions == {"comexampleextension1": "value", "comexampleothervalue": 5}
    assert event.data == STRUCTURED_EXAMPLE["data"]


@pytest.mark.parametrize("headers", [None, {}, {"Content-Type": "application/json"}, {"Nats-Msg-Id": "x"}])
def test_a_json_object_with_a_specversion_needs_no_headers(headers: dict[str, str] | None) -> None:
    assert decode_nats(SUBJECT, headers, structured()).id == "C234-1234-1234"


def test_binary_data_in_structured_mode() -> None:
    body = structured(data=None, datacontenttype="image/png", data_base64="iVBORw==")
    assert decode_nats(SUBJECT, None, body).data == b"\x89PNG"


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b"[1]", [1]),
        ("application/vnd.acme+json", b"[1]", [1]),
        ("application/msgpack", b"\x91\x01", [1]),
        ("text/csv", "a,ü".encode(), "a,ü"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        ("application/json", b"", None),
        ("", b'{"a": 1}', {"a": 1}),
        ("", b"\x00\x01", b"\x00\x01"),
    ],
)
def test_data_is_decoded_by_its_content_type(content_type: str, body: bytes, data: object) -> None:
    assert decode_nats(SUBJECT, BINARY | {"Content-Type": content_type}, body).data == data


def test_the_message_header_of_a_trace_wins_over_the_extension() -> None:
    origin = BINARY | {"ce-traceparent": OTHER, "ce-tracestate": "old=1"}
    assert decode_nats(SUBJECT, origin, b"").trace == TraceContext(
        TRACE_ID[::-1], SPAN_ID[::-1], False, "old=1"
    )
    hop = decode_nats(SUBJECT, origin | {"Traceparent": PARENT}, b"")
    assert hop.trace == TraceContext(TRACE_ID, SPAN_ID, True, "")
    stated = decode_nats(
        SUBJECT, {"traceparent": PARENT, "tracestate": "new=2"}, structured(traceparent=OTHER)
    )
    assert stated.trace == TraceContext(TRACE_ID, SPAN_ID, True, "new=2")
    assert decode_nats(SUBJECT, origin | {"traceparent": "nonsense"}, b"").extensions["traceparent"] == OTHER


def test_an_event_without_a_trace_has_none() -> None:
    assert decode_nats(SUBJECT, BINARY, b"").trace is None


def test_http_batches() -> None:
    body = b"[" + structured(id="a") + b"," + structured(id="b") + b"]"
    assert [event.id for event in decode_http({"content-type": BATCH}, body)] == ["a", "b"]
    assert decode_http({"content-type": BATCH}, b"[]") == []


def test_http_binary_and_structured() -> None:
    assert decode_http(BINARY, b"1") == [decode_nats(SUBJECT, BINARY, b"1")]
    assert decode_http({"Content-Type": STRUCTURED}, structured()) == [decode_nats("", None, structured())]


def test_what_expressions_see() -> None:
    variables = as_variables(decode_nats(SUBJECT, None, structured()))
    assert variables["type"] == "com.example.someevent"
    assert variables["subject"] == ""
    assert variables["comexampleothervalue"] == 5
    assert variables["data"] == STRUCTURED_EXAMPLE["data"]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_required_attribute_that_is_missing_is_named(name: str) -> None:
    binary = {key: value for key, value in BINARY.items() if key != f"ce-{name}"}
    for headers, body in ((binary, b""), ({"Content-Type": STRUCTURED}, structured(**{name: None}))):
        with pytest.raises(ProtocolError) as raised:
            decode_nats("", headers, body)
        assert raised.value.code is ErrorCode.PROTOCOL_MALFORMED
        assert raised.value.where == name


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"specversion": "0.3"}, "specversion", ErrorCode.PROTOCOL_VERSION),
        ({"id": ""}, "id", ErrorCode.PROTOCOL_MALFORMED),
        ({"id": 7}, "id", ErrorCode.PROTOCOL_MALFORMED),
        ({"id": "a\nb"}, "id", ErrorCode.PROTOCOL_MALFORMED),
        ({"source": "my laptop"}, "source", ErrorCode.PROTOCOL_MALFORMED),
        ({"dataschema": "/relative"}, "dataschema", ErrorCode.PROTOCOL_MALFORMED),
        ({"type": "orders..uploaded"}, "type", ErrorCode.PROTOCOL_UNROUTABLE),
        ({"type": "orders.*"}, "type", ErrorCode.PROTOCOL_UNROUTABLE),
        ({"time": "yesterday"}, "time", ErrorCode.PROTOCOL_MALFORMED),
        ({"time": "2018-04-05"}, "time", ErrorCode.PROTOCOL_MALFORMED),
        ({"time": "2018-04-05T17:31:00"}, "time", ErrorCode.PROTOCOL_MALFORMED),
        ({"time": "2018-02-30T17:31:00Z"}, "time", ErrorCode.PROTOCOL_MALFORMED),
        ({"time": "2018-04-05T24:31:00Z"}, "time", ErrorCode.PROTOCOL_MALFORMED),
        ({"comExample": "a"}, "comExample", ErrorCode.PROTOCOL_MALFORMED),
        ({"com-example": "a"}, "com-example", ErrorCode.PROTOCOL_MALFORMED),
        ({"ext": [1]}, "ext", ErrorCode.PROTOCOL_MALFORMED),
        ({"ext": 1.5}, "ext", ErrorCode.PROTOCOL_MALFORMED),
        ({"ext": 2**31}, "ext", ErrorCode.PROTOCOL_MALFORMED),
        ({"data_base64": "AA=="}, "data_base64", ErrorCode.PROTOCOL_MALFORMED),
        ({"data": None, "data_base64": "!"}, "data_base64", ErrorCode.PROTOCOL_MALFORMED),
        ({"data": None, "data_base64": 5}, "data_base64", ErrorCode.PROTOCOL_MALFORMED),
    ],
    ids=str,
)
def test_what_breaks_the_specification_is_refused_by_name(
    changes: dict[str, object], where: str, code: ErrorCode
) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_nats("", None, structured(**changes))
    assert (raised.value.where, raised.value.code) == (where, code)
    assert raised.value.found
    assert raised.value.expected


@pytest.mark.parametrize(
    "time",
    [
        "2018-04-05T17:31:00Z",
        "2018-04-05t17:31:00.123456789z",
        "2018-04-05T17:31:00.5-08:00",
        "2016-12-31T23:59:60Z",
    ],
)
def test_times_of_rfc_3339(time: str) -> None:
    assert decode_nats("", None, structured(time=time)).time == time


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"hello": "world"}'),
        ({}, b""),
        ({"Content-Type": STRUCTURED}, b"[]"),
        ({"Content-Type": STRUCTURED}, b"not json"),
        ({"Content-Type": BATCH}, b"[]"),
        ({"Content-Type": "application/cloudevents+avro"}, b""),
        (BINARY, b"not json"),
        (BINARY | {"ce-data": "x"}, b""),
        (BINARY | {"ce-subject": "%ff"}, b""),
        (BINARY | {"Content-Type": "text/plain"}, b"\xff"),
    ],
    ids=str,
)
def test_messages_that_are_no_events(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_nats("", headers, body)
    assert raised.value.fix


def test_an_event_belongs_on_the_subject_of_its_type() -> None:
    with pytest.raises(ProtocolError, match="type is wrong") as raised:
        decode_nats("hr.default.event.orders", BINARY, b"")
    assert raised.value.code is ErrorCode.PROTOCOL_UNROUTABLE
    assert raised.value.found == "com.example.someevent"


def test_what_cannot_be_encoded_is_refused() -> None:
    event = CloudEvent(id="1", source="/", type="a", data=object())
    for encode in (encode_binary, encode_structured):
        with pytest.raises(ProtocolError, match="data"):
            encode(event)
    with pytest.raises(ProtocolError, match="source"):
        encode_binary(CloudEvent(id="1", source="", type="a"))
    with pytest.raises(ProtocolError, match="data"):
        encode_binary(CloudEvent(id="1", source="/", type="a", datacontenttype="image/png", data={"a": 1}))


strings = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)
extension_names = st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True)
payloads = st.one_of(
    st.tuples(st.just("application/json"), json_values),
    st.tuples(st.just("text/plain"), strings),
    st.tuples(st.just("application/octet-stream"), st.binary(min_size=1)),
)


@st.composite
def events(draw: st.DrawFn) -> CloudEvent:
    content_type, data = draw(payloads)
    return CloudEvent(
        id=draw(strings),
        source=draw(st.sampled_from(["/a", "urn:x:y", "https://example.org/ü?q=%20", "a,b;c"])),
        type=draw(st.sampled_from(["a", "orders.uploaded", "com.example.some_event-2"])),
        subject=draw(st.just("") | strings),
        time=draw(st.sampled_from(["", "2018-04-05T17:31:00Z"])),
        datacontenttype=content_type,
        dataschema=draw(st.sampled_from(["", "https://example.org/s.json"])),
        data=data,
        extensions=draw(st.dictionaries(extension_names, strings)),
    )


@given(events())
def test_round_trip_in_binary_mode(event: CloudEvent) -> None:
    headers, body = encode_binary(event)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert decode_nats(f"hr.default.event.{event.type}", headers, body) == event
    assert decode_http(headers, body) == [event]


@given(events(), st.dictionaries(extension_names, st.integers(-(2**31), 2**31 - 1) | st.booleans()))
def test_round_trip_in_structured_mode(event: CloudEvent, more: dict[str, int | bool]) -> None:
    event = msgspec.structs.replace(event, extensions=event.extensions | more)
    headers, body = encode_structured(event)
    assert decode_nats(f"hr.default.event.{event.type}", headers, body) == event


def test_integers_and_booleans_are_text_in_headers() -> None:
    event = CloudEvent(id="1", source="/", type="a", extensions={"n": -5, "b": True})
    headers, body = encode_binary(event)
    assert decode_nats("", headers, body).extensions == {"n": "-5", "b": "true"}


def test_a_trace_also_travels_as_the_header_of_the_message() -> None:
    event = CloudEvent(id="1", source="/", type="a", extensions={"traceparent": PARENT, "tracestate": "a=1"})
    headers, _ = encode_binary(event)
    assert (headers["traceparent"], headers["tracestate"]) == (PARENT, "a=1")
    assert (headers["ce-traceparent"], headers["ce-tracestate"]) == (PARENT, "a=1")


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("text/plain; charset=iso-8859-1", "café".encode("latin-1"), "café"),
        ('text/plain;charset="UTF-16"', "café".encode("utf-16"), "café"),
        ("text/plain", "café".encode(), "café"),
        ("application/json", b'\xef\xbb\xbf{"n": 1}', {"n": 1}),
        ("", b'\xef\xbb\xbf{"n": 1}', {"n": 1}),
    ],
)
def test_text_in_the_charset_that_it_names(content_type: str, body: bytes, data: object) -> None:
    event = decode_nats(SUBJECT, BINARY | {"Content-Type": content_type}, body)
    assert event.data == data
    sent, again = encode_binary(event)
    assert decode_nats(SUBJECT, sent, again).data == data


@pytest.mark.parametrize("charset", ["nothing-known", "base64", "rot13"])
def test_a_charset_that_is_none_is_said(charset: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_nats(SUBJECT, BINARY | {"Content-Type": f"text/plain; charset={charset}"}, b"a")
    assert (raised.value.where, raised.value.found) == ("datacontenttype", charset)


def test_a_type_is_on_its_subject_encoded_or_as_it_is() -> None:
    event = {**BINARY, "ce-type": "rate.100%"}
    for subject in ("hr.default.event.rate.100%25", "hr.default.event.rate.100%"):
        assert decode_nats(subject, event, b"").type == "rate.100%"
    with pytest.raises(ProtocolError):
        decode_nats("hr.default.event.a.rate.100%", event, b"")
