"""Whatever bytes arrive, reading them ends in a message or in a ProtocolError, never in another exception."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol import codec
from headrace_protocol.cloudevent import PREFIX, STRUCTURED, decode_http, decode_nats
from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.headers import Encoding, make
from headrace_protocol.messages import Command, OutcomeBatch, StartRun, TaskMessage
from headrace_protocol.schemas import MESSAGE_TYPES
from tests.wire.frames import golden

encodings = st.sampled_from(Encoding)
kinds = st.sampled_from([*MESSAGE_TYPES, Command])
every_type = pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@every_type
def test_truncated_frames(kind: type[msgspec.Struct]) -> None:
    frame, twin = golden(kind.__name__)
    for body, encoding in ((frame, Encoding.MSGPACK), (twin.rstrip(), Encoding.JSON)):
        for length in range(len(body)):
            with pytest.raises(ProtocolError) as raised:
                codec.decode(body[:length], kind, make(encoding=encoding))
            assert raised.value.code is ErrorCode.PROTOCOL_MALFORMED


@given(kinds, st.binary(), encodings)
def test_random_bytes(kind: type[object], body: bytes, encoding: Encoding) -> None:
    with contextlib.suppress(ProtocolError):
        codec.decode(body, kind, make(encoding=encoding))


@given(st.sampled_from(MESSAGE_TYPES), st.data())
def test_frames_with_one_wrong_byte(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    body = bytearray(golden(kind.__name__)[0])
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        codec.decode(bytes(body), kind)


@given(kinds, json_values)
def test_json_of_any_shape(kind: type[object], value: object) -> None:
    with contextlib.suppress(ProtocolError):
        codec.decode(msgspec.json.encode(value), kind, make(encoding=Encoding.JSON))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\x91" * 100_000, Encoding.MSGPACK),
        (b"\xdd\xff\xff\xff\xff", Encoding.MSGPACK),
        (b"\xa1\xff", Encoding.MSGPACK),
        (b"[" * 100_000, Encoding.JSON),
        (b'"\xff"', Encoding.JSON),
        (b'"\\ud800"', Encoding.JSON),
        (b"1e999", Encoding.JSON),
        (b"", Encoding.JSON),
        (b"", Encoding.MSGPACK),
    ],
    ids=[
        "deep",
        "huge",
        "not UTF-8",
        "deep",
        "not UTF-8",
        "surrogate",
        "float",
        "empty",
        "empty",
    ],
)
def test_hostile_bodies(body: bytes, encoding: Encoding) -> None:
    for kind in (Command, StartRun, TaskMessage, OutcomeBatch):
        with pytest.raises(ProtocolError):
            codec.decode(body, kind, make(encoding=encoding))


def test_an_integer_beyond_64_bits_in_json_is_carried() -> None:
    body = b'{"run_id": "r", "type": "start_run", "workflow": "w", "params": {"n": 1' + b"0" * 40 + b"}}"
    command = codec.decode(body, StartRun, make(encoding=Encoding.JSON))
    assert msgspec.msgpack.decode(command.params) == {"n": {"$headrace": "int", "value": "1" + "0" * 40}}


@given(st.text(), st.dictionaries(st.text(), st.text()), st.binary())
def test_random_messages_as_events(subject: str, headers: dict[str, str], body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode_nats(subject, headers, body)
    with contextlib.suppress(ProtocolError):
        decode_http(headers, body)


@given(
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "time", "data", "ext", "Ext"]), json_values
    ),
    st.sampled_from([STRUCTURED, "application/cloudevents-batch+json", "application/json", ""]),
)
def test_events_of_any_shape(members: dict[str, object], content_type: str) -> None:
    body = msgspec.json.encode(members | {"specversion": "1.0"})
    with contextlib.suppress(ProtocolError):
        decode_nats("", {"Content-Type": content_type}, body)
    with contextlib.suppress(ProtocolError):
        decode_http({"Content-Type": content_type}, body)
    with contextlib.suppress(ProtocolError):
        decode_nats("", {PREFIX + name: str(value) for name, value in members.items()}, body)
