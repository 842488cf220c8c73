"""Messages that are on a bus or in a store today must be read tomorrow, byte for byte as written."""

import msgspec
import pytest

from headrace_protocol import codec
from headrace_protocol.headers import Encoding, make
from headrace_protocol.schemas import MESSAGE_TYPES
from tests.wire.frames import FRAMES, GOLDEN, golden
from tests.wire.regenerate import CONFIRMATION, main

JSON = make(encoding=Encoding.JSON)
every_type = pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)


def test_every_wire_type_has_a_golden_frame() -> None:
    names = {kind.__name__ for kind in MESSAGE_TYPES}
    assert set(FRAMES) == names
    assert {path.name for path in GOLDEN.iterdir()} == {
        f"{n}.{end}" for n in names for end in ("hex", "json")
    }


@every_type
def test_todays_encoder_writes_the_golden_bytes(kind: type[msgspec.Struct]) -> None:
    assert codec.encode(FRAMES[kind.__name__]).hex() == golden(kind.__name__)[0].hex()


@every_type
def test_todays_decoder_reads_the_golden_bytes(kind: type[msgspec.Struct]) -> None:
    frame, _ = golden(kind.__name__)
    assert codec.decode(frame, kind) == FRAMES[kind.__name__]
    assert codec.decode(frame, kind, make()) == FRAMES[kind.__name__]


@every_type
def test_todays_decoder_reads_the_golden_json_as_the_same_message(kind: type[msgspec.Struct]) -> None:
    frame, twin = golden(kind.__name__)
    assert codec.encode(codec.decode(twin, kind, JSON)) == frame


@every_type
def test_golden_frames_set_every_field(kind: type[msgspec.Struct]) -> None:
    document = msgspec.msgpack.decode(golden(kind.__name__)[0])
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= set(document)


def test_golden_frames_are_not_written_without_the_confirmation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert CONFIRMATION in capsys.readouterr().err
