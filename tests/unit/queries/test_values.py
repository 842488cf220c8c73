"""Any value of a user's task can be shown, and any text that is not a cursor is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.queries.cursors import (
    number_cursor,
    parse_number_cursor,
    parse_run_cursor,
    run_cursor,
)
from headrace_coordinator.queries.values import as_json, view_of
from headrace_coordinator.store.port import RunCursor
from headrace_protocol.codec import raw
from headrace_protocol.errors import RequestError
from headrace_protocol.messages import Result, Stored

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(0, 9) | st.text() | st.booleans() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_can_be_shown(value: object) -> None:
    msgspec.json.encode({"value": as_json(raw(value))})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None]}, b'{"a":[1,null]}'),
        (b"\x00", b'{"$headrace":"bytes","value":"AA=="}'),
        (
            [float("nan"), -float("inf")],
            b'[{"$headrace":"float","value":"NaN"},{"$headrace":"float","value":"-Infinity"}]',
        ),
        ([2**64 - 1, 2**53 + 1, -(2**63)], b"[18446744073709551615,9007199254740993,-9223372036854775808]"),
        ({(1, "a"): 2}, b'{"$headrace":"map","value":[[[1,"a"],2]]}'),
        (datetime(2013, 1, 1, tzinfo=UTC), b'"2013-01-01T00:00:00Z"'),
    ],
)
def test_values_as_json(value: object, shown: bytes) -> None:
    assert msgspec.json.encode(as_json(raw(value))) == shown


def test_what_json_cannot_hold_is_shown_as_text() -> None:
    assert "Ext" in str(as_json(raw(msgspec.msgpack.Ext(7, b"x"))))


def test_absent_and_broken_values() -> None:
    assert as_json(msgspec.Raw()) is None
    assert as_json(msgspec.Raw(b"\xc1")) == "b'\\xc1'"


def test_a_stored_result_is_told_by_its_place() -> None:
    view = view_of(Result(stored=Stored("nats://bucket/key", 123, "ab")))
    assert view.stored is not None
    assert (view.value, view.stored.uri, view.size_bytes) == (None, "nats://bucket/key", 123)


@given(st.integers(0, 2**59), st.text("abcdefgh0123456789", min_size=1, max_size=30))
def test_cursors_come_back(number: int, run_id: str) -> None:
    assert parse_run_cursor(run_cursor(number, run_id)) == RunCursor(number, run_id)
    assert parse_number_cursor(number_cursor(number)) == number


@given(st.text(max_size=30))
def test_other_texts_are_no_cursors(text: str) -> None:
    for parse in (parse_run_cursor, parse_number_cursor):
        with suppress(RequestError):
            parse(text)
