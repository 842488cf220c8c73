"""The hashes in docs/protocol.md are those that Headrace computes."""

import re
from hashlib import blake2b

import pytest

from headrace_protocol import ids
from tests.wire.documentation import PAGE, section

ROWS = re.findall(r"\| `(\w+)` \| (.*?) \| `(.*?)` \|", section(PAGE.read_text(), "vectors", "hashes"))


def test_each_hash_has_a_vector() -> None:
    assert {row[0] for row in ROWS} == {"shard", "name_hash", "run_id", "trace_id", "span_id", "digest"}


@pytest.mark.parametrize(("name", "of", "wanted"), ROWS)
def test_vectors(name: str, of: str, wanted: str) -> None:
    words = re.findall(r"`(.*?)`", of)
    match name:
        case "shard":
            (shards,) = re.findall(r"(\d+) shards", of)
            found = str(ids.shard_of(words[0], int(shards)))
        case "name_hash":
            found = ids.name_hash(*words)
        case "run_id":
            found = ids.derived_run_id(*words)
        case "trace_id":
            found = ids.derived_trace_id(*words)
        case "span_id":
            found = ids.derived_span_id(*words)
        case _:
            found = blake2b(bytes.fromhex(words[0]), digest_size=16).hexdigest()
    assert found == wanted
