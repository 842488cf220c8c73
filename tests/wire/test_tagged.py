"""Tagged values: the test vectors of docs/protocol.md, both ways, and what is left alone."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from headrace_protocol.tagged import KINDS, resolve, tag, to_json

PAGE = Path(__file__).parents[2] / "docs/protocol.md"
_ROW = re.compile(r"^\| `(.+?)` \| `([0-9a-f ]+)` \|$", re.MULTILINE)
_SECTION = PAGE.read_text().split("<!-- vectors: tagged -->")[1].split("<!-- end: tagged -->")[0]
VECTORS = [(text, bytes.fromhex(body)) for text, body in _ROW.findall(_SECTION)]


def test_there_are_vectors_of_every_kind() -> None:
    assert {kind for kind in KINDS if any(f'"{kind}"' in text for text, _ in VECTORS)} == set(KINDS)


@pytest.mark.parametrize(("text", "body"), VECTORS)
def test_vectors(text: str, body: bytes) -> None:
    assert to_json(body).decode() == text
    read_json = resolve(msgspec.json.decode(text))
    read_msgpack = resolve(msgspec.msgpack.decode(body))
    assert repr(read_json) == repr(read_msgpack)


@pytest.mark.parametrize(
    "value",
    [
        tag("int", "1e3"),
        tag("int", " 1"),
        tag("int", "٣"),
        tag("int", "1" * 5_000),
        tag("int", 1),
        tag("float", "nan"),
        tag("bytes", "A"),
        tag("bytes", "é"),
        tag("map", [[1]]),
        tag("map", [[{"a": 1}, 2]]),
        tag("no.such", 1),
        {"$headrace": "int", "value": "1", "more": 1},
        {"$headrace": "int"},
        {"$headrace": 1, "value": "1"},
    ],
)
def test_what_is_no_tagged_value_is_left_as_it_is(value: object) -> None:
    assert resolve(value) == value
    assert resolve([{"a": value}]) == [{"a": value}]


def test_tagged_values_inside_of_others() -> None:
    inner = tag("map", [[tag("int", str(2**70)), tag("bytes", "AA==")]])
    assert resolve({"a": [inner]}) == {"a": [{2**70: b"\x00"}]}
