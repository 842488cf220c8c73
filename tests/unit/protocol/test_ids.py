"""Identifiers are the same in every process, today and after an upgrade: known vectors pin them."""

import re
from base64 import b32hexencode
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol import ids


def test_known_vectors() -> None:
    assert ids.derived_run_id("default", "flights", "event:landed", "e-1") == "hk4riii2v8a2k0b794v5g7qbvk"
    assert ids.derived_trace_id("r1") == "879f7d4f97d116c24ecc94d2026c55f9"
    assert ids.derived_span_id("r1/clean/7/2") == "b1d54d524877e307"
    assert [ids.shard_of(key, 16) for key in ("r1", "r2", "ü")] == [1, 11, 5]


def test_crc_of_a_shard_is_that_of_iso_3309() -> None:
    assert ids.shard_of("123456789", 2**32) == 0xCBF43926


def test_an_attempt_is_named_by_run_node_item_and_number() -> None:
    assert ids.attempt_key("r1", "clean", None, 2) == "r1/clean/2"
    assert ids.attempt_key("r1", "clean", 0, 2) == "r1/clean/0/2"


parts = st.tuples(*[st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))] * 4)


@given(parts, parts)
def test_different_triggers_or_keys_name_different_runs(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (ids.derived_run_id(*one) == ids.derived_run_id(*other)) == (one == other)


@given(parts)
def test_run_ids_are_base32hex(names: tuple[str, ...]) -> None:
    digest = blake2b("\0".join(names).encode(), digest_size=16).digest()
    assert ids.derived_run_id(*names) == b32hexencode(digest).decode().rstrip("=").lower()


@given(parts)
def test_ids_have_the_documented_form(names: tuple[str, ...]) -> None:
    run_id = ids.derived_run_id(*names)
    assert re.fullmatch(r"[0-9a-v]{26}", run_id)
    assert re.fullmatch(r"[0-9a-f]{32}", ids.derived_trace_id(run_id))
    assert re.fullmatch(r"[0-9a-f]{16}", ids.derived_span_id(run_id))


def test_random_ids_differ() -> None:
    assert re.fullmatch(r"[0-9a-v]{26}", ids.new_run_id())
    assert len({ids.new_run_id() for _ in range(100)}) == 100
    assert re.fullmatch(r"host-7-[0-9a-f]{6}", ids.new_worker_id("host", 7))


@given(st.text(), st.integers(1, 1_024))
def test_every_key_has_a_shard(key: str, shards: int) -> None:
    assert 0 <= ids.shard_of(key, shards) < shards


def test_a_tasks_name_is_one_token_of_a_subject() -> None:
    assert ids.name_hash("pay.card") == ids.name_hash("pay.card") != ids.name_hash("pay.cash")
    assert re.fullmatch(r"[0-9a-f]{16}", ids.name_hash("a name > with.* everything"))
