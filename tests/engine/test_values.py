"""Looking into encoded values, and putting the run's output together."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.engine.values import described, items_at, length_at, value_at
from headrace_protocol.codec import raw
from headrace_protocol.definition import Binding, ListOf, Literal, ObjectOf, Output, Param, Path
from headrace_protocol.messages import ABSENT, Result
from tests.engine.building import Driver, node, plan_of, stored

VALUE = raw({"rows": [1, [2, 3], {"x": "y"}], "n": 5, "none": None})
decode = msgspec.msgpack.decode


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), decode(VALUE)),
        (("rows",), [1, [2, 3], {"x": "y"}]),
        (("rows", 1, 0), 2),
        (("rows", 2, "x"), "y"),
        (("none",), None),
    ],
)
def test_a_place_is_found(path: Path, found: object) -> None:
    at = value_at(VALUE, path)
    assert at is not None
    assert decode(at) == found


@pytest.mark.parametrize("path", [("no",), ("rows", 9), ("rows", "x"), ("n", 0), ("n", "x"), (0,)])
def test_no_place_is_no_error(path: Path) -> None:
    assert value_at(VALUE, path) is None
    assert items_at(VALUE, path) is None
    assert length_at(VALUE, path) == -1


def test_lists_are_cut_into_items() -> None:
    assert [decode(item) for item in items_at(VALUE, ("rows",)) or []] == [1, [2, 3], {"x": "y"}]
    assert length_at(VALUE, ("rows",)) == 3
    assert length_at(VALUE, ("n",)) == -1
    assert length_at(raw("text"), ()) == -1
    assert length_at(raw(b"bytes"), ()) == -1
    assert length_at(raw([]), ()) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": 2}, "an object with the keys a, b"),
        ({}, "an object without keys"),
        ("abc", "the text 'abc'"),
        ("x" * 500, "the text '" + "x" * 79),
        (None, "null"),
        (True, "true"),
        (2.5, "the number 2.5"),
        (b"abc", "3 bytes"),
        ([1], "a list"),
    ],
)
def test_a_value_is_named(value: object, text: str) -> None:
    assert described(raw(value)) == text


def test_absent_values_hold_nothing() -> None:
    assert value_at(ABSENT, ("x",)) is None
    assert items_at(ABSENT, ()) is None


@given(st.recursive(st.none() | st.integers(-9, 9) | st.text(), lambda inner: st.lists(inner, max_size=4)))
def test_any_list_comes_apart_in_order(value: object) -> None:
    items = items_at(raw(value), ())
    assert ([decode(item) for item in items] if items is not None else None) == (
        value if isinstance(value, list) else None
    )


def output_of(binding: Binding | None, result: Result) -> Result:
    d = Driver(plan_of(node("a"), output=binding))
    d.outcome("a", result=result)
    assert d.run.head.state is RunState.SUCCEEDED
    assert d.run.head.output is not None
    return d.run.head.output


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        (None, None),
        (Output("a"), {"k": [1, 2]}),
        (Output("a", ("k", 1)), 2),
        (Output("a", ("no",)), None),
        (Literal([1]), [1]),
        (Param("box", ("rows", 0)), 1),
        (Param("x", ("no",)), None),
        (ListOf((Output("a", ("k",)), Literal(None), Param("x"))), [[1, 2], None, 7]),
        (ObjectOf({"deep": ListOf((ObjectOf({"a": Output("a")}),))}), {"deep": [{"a": {"k": [1, 2]}}]}),
    ],
)
def test_an_output_is_put_together(binding: Binding | None, expected: object) -> None:
    output = output_of(binding, Result(raw({"k": [1, 2]})))
    assert output.stored is None
    assert decode(output.value) == expected


def test_a_stored_output_stays_where_it_is() -> None:
    assert output_of(Output("a"), stored("nats://r/1")) == stored("nats://r/1")
    composed = output_of(ListOf((Output("a", ("k",)), Literal(1))), stored("nats://r/1"))
    place = {"uri": "nats://r/1", "size_bytes": 100_000, "digest": "d" * 32}
    assert decode(composed.value) == [{"stored": place, "path": ["k"]}, 1]


@pytest.mark.parametrize("result", [None, Result()])
def test_a_success_without_a_result_is_nothing(result: Result | None) -> None:
    d = Driver(plan_of(node("a"), node("b", "a"), output=Output("a")))
    d.outcome("a", result=result)
    assert d.sent[-1].inputs == {"a": Result(raw(None))}
    d.done("b")
    assert d.run.head.output == Result(raw(None))


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (Result(raw({"rows": {"a": 1}})), "an object with the keys a, at the result of a['rows']"),
        (Result(raw({"no": 1})), "nothing, at the result of a['rows']"),
        (stored("nats://r/1"), "a large value that is no list, at the result of a['rows']"),
    ],
)
def test_a_map_over_no_list_says_what_it_found(result: Result, found: str) -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a", ("rows",)))))
    d.outcome("a", result=result, counts=(-1,))
    error = d.run.nodes["m"].error
    assert d.run.head.state is RunState.FAILED
    assert error is not None
    assert (error.where, error.found, error.expected) == ("node m", found, "a list")
    assert error.message == "a map needs a list, and the result of a['rows'] is not one"
