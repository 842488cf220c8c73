"""The rules of evolution: what a reader does with frames of older and newer writers."""

import msgspec
import pytest

from headrace_protocol import PROTOCOL_VERSION, codec, headers
from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.headers import Encoding, make
from headrace_protocol.messages import CancelRun, Command, OutcomeBatch, StartRun, TaskMessage
from headrace_protocol.schemas import MESSAGE_TYPES
from tests.wire.frames import FRAMES, RUN, golden

every_type = pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)


def document(name: str) -> dict[str, object]:
    return msgspec.msgpack.decode(golden(name)[0], type=dict[str, object])


@every_type
def test_unknown_fields_are_ignored(kind: type[msgspec.Struct]) -> None:
    newer = document(kind.__name__) | {"from_the_future": {"deep": [1, {"er": None}]}}
    assert codec.decode(codec.encode(newer), kind) == FRAMES[kind.__name__]


def test_unknown_fields_of_nested_messages_are_ignored() -> None:
    newer = document("OutcomeBatch")
    for outcome in newer["outcomes"]:
        outcome["from_the_future"] = 1
    assert codec.decode(codec.encode(newer), OutcomeBatch) == FRAMES["OutcomeBatch"]


@every_type
def test_older_frames_without_a_field_decode_to_its_default(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        if field.required:
            continue
        older = document(kind.__name__)
        del older[field.encode_name]
        decoded = getattr(codec.decode(codec.encode(older), kind), field.name)
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        assert decoded == default


@every_type
def test_a_missing_required_field_is_malformed(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        if not field.required:
            continue
        broken = document(kind.__name__)
        del broken[field.encode_name]
        with pytest.raises(ProtocolError, match=field.encode_name) as raised:
            codec.decode(codec.encode(broken), kind)
        assert raised.value.code is ErrorCode.PROTOCOL_MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize(
    ("kind", "newer"),
    [
        (Command, {"type": "pause_run", "run_id": RUN}),
        (TaskMessage, document("TaskMessage") | {"bindings": {"x": {"bind": "secret", "name": "y"}}}),
        (TaskMessage, document("TaskMessage") | {"isolation": "wasm"}),
        (OutcomeBatch, {"outcomes": [document("OutcomeBatch")["outcomes"][0] | {"state": "paused"}]}),
    ],
    ids=["command", "binding", "isolation", "state"],
)
def test_an_unknown_tag_or_enum_member_is_an_unknown_kind(
    kind: type[object], newer: object, encoding: Encoding
) -> None:
    body = codec.encode(newer) if encoding is Encoding.MSGPACK else msgspec.json.encode(newer)
    with pytest.raises(ProtocolError) as raised:
        codec.decode(body, kind, make(encoding=encoding), where="here")
    assert raised.value.code is ErrorCode.PROTOCOL_UNKNOWN_KIND
    assert raised.value.where == "here"


def test_a_command_without_or_with_a_senseless_tag_is_malformed() -> None:
    for broken in ({"run_id": RUN}, {"type": 3, "run_id": RUN}):
        with pytest.raises(ProtocolError) as raised:
            codec.decode(codec.encode(broken), Command)
        assert raised.value.code is ErrorCode.PROTOCOL_MALFORMED


def test_commands_are_told_apart_by_their_tag() -> None:
    assert isinstance(codec.decode(golden("StartRun")[0], Command), StartRun)
    assert isinstance(codec.decode(golden("CancelRun")[0], Command), CancelRun)


@pytest.mark.parametrize("version", [str(PROTOCOL_VERSION + 1), "1.0", "", "²", "9" * 5_000, "-1"])
def test_a_newer_or_senseless_protocol_version_is_refused(version: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        codec.decode(golden("CancelRun")[0], CancelRun, make() | {headers.VERSION: version})
    assert raised.value.code is ErrorCode.PROTOCOL_VERSION


def test_an_encoding_that_is_neither_msgpack_nor_json_is_refused() -> None:
    with pytest.raises(ProtocolError, match="encoding"):
        codec.decode(b"", CancelRun, {headers.CONTENT_TYPE: "application/x-protobuf"})


def test_json_may_name_its_character_set() -> None:
    sent = {headers.CONTENT_TYPE: "Application/JSON; charset=utf-8"}
    assert codec.decode(golden("CancelRun")[1], CancelRun, sent) == FRAMES["CancelRun"]
