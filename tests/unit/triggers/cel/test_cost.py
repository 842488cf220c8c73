"""No expression and no event holds the loop: what could is refused, at deploy or before it is evaluated."""

import contextlib
import time
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace_coordinator.triggers.cel.bound import Bound
from headrace_coordinator.triggers.cel.cost import LIMIT
from headrace_coordinator.triggers.cel.variables import DEEPEST, Variables
from headrace_coordinator.triggers.expressions import compile_expression
from headrace_protocol.errors import ErrorCode, ExpressionError

ITEMS = [{"sku": f"tea-{number}", "n": number} for number in range(2000)]
EVENT: dict[str, object] = {"type": "stock", "data": {"items": ITEMS, "text": "a" * 50_000}}
SLOW_S = 1.0
"""A hundred times what is aimed at, because tests share their machine."""


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    begun = time.perf_counter()
    yield
    assert time.perf_counter() - begun < SLOW_S


def nested(macro: str, depth: int, body: str = "true") -> str:
    for level in range(depth):
        body = f"{macro}(x{level}, {body})"
    return body


@pytest.mark.parametrize(
    "source",
    [
        nested("[1, 2].all", 24),
        nested("[1, 2].map", 24, "1"),
        nested("event.data.items.exists", 8, "false"),
        nested("[1].filter", 12) + ".size() > 0 && " + nested("[1, 2, 3].all", 12),
        "cel.bind(a, event.text + event.text, " + "cel.bind(a, a + a, " * 23 + "a" + ")" * 24,
        "lists.range(10000000)",
        "lists.range(event.data.n)",
        "event.text.matches(event.pattern)",
        r"event.text.matches('\\pL{1000}')",
        "event.text.matches('((a{100}){10}){10}')",
    ],
)
def test_what_costs_too_much_on_any_event_is_refused_at_deploy(source: str) -> None:
    with quickly(), pytest.raises(ExpressionError) as caught:
        compile_expression(source, where="workflow stock, trigger 1, where")
    error = caught.value
    assert error.code == ErrorCode.EXPRESSION_INVALID
    assert error.where == "workflow stock, trigger 1, where"
    assert "costs too much at line 1, column" in error.message
    assert error.found
    assert str(LIMIT) in error.expected
    assert error.fix


@pytest.mark.parametrize(
    "source",
    [
        "(" * 2000 + "1" + ")" * 2000,
        "[" * 2000 + "]" * 2000,
        "size(" * 500 + "''" + ")" * 500,
        "event" + ".a" * 2000,
        "event" + "[0]" * 1000,
        "1" + " + 1" * 1000,
        "{1: " * 500 + "1" + "}" * 500,
        "-(" * 1000 + "1" + ")" * 1000,
        "true ? (" * 300 + "1" + ") : 1" * 300,
        nested("[1].all", 100),
    ],
)
def test_what_nests_too_deeply_is_refused_at_deploy(source: str) -> None:
    with quickly(), pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert caught.value.code == ErrorCode.EXPRESSION_INVALID


@pytest.mark.parametrize(
    "source",
    [
        *("event." * 12 + "a", "(" * 12 + "1" + ")" * 12, "[" * 12 + "1" + "]" * 12),
        *(
            "string(" * 12 + "1" + ")" * 12,
            "1" + " + 1" * 23,
            "true" + " && true" * 31,
            "false" + " || true" * 31,
        ),
        *("[" + "1, " * 31 + "1]", "!" * 24 + "true", "true ? 1 : " * 24 + "0", "1" + " == 1" * 23),
        "event.data.items.all(x, event.data.items.exists(y, y.n == x.n))",
    ],
)
def test_what_the_language_definition_asks_for_compiles(source: str) -> None:
    compile_expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "event.data.items.all(x, event.data.items.exists(y, x.n + y.n < 0))",
        "event.data.items.exists(x, event.data.items.exists(y, y.sku == x.sku && x.n != y.n))",
        "event.data.items.map(x, event.data.items)",
        "event.data.items.map(x, event.data.items.map(y, y.n))",
        "event.data.items.all(x, x in event.data.items)",
        "event.data.items.all(x, event.data.text.contains(x.sku))",
        "event.data.text.contains(event.data.text + 'b')",
        "event.data.text.replace('a', event.data.text)",
        "sets.contains(event.data.items, event.data.items)",
        "event.data.items.map(x, event.data.text.split('a'))",
    ],
)
def test_what_costs_too_much_on_an_event_is_not_begun(source: str) -> None:
    expression = compile_expression(source, where="trigger 1")
    variables = Variables({"event": EVENT})
    with quickly(), pytest.raises(ExpressionError) as caught:
        expression.evaluate(variables)
    error = caught.value
    assert error.code == ErrorCode.EXPRESSION_FAILED
    assert error.where == "trigger 1"
    assert "too long on this event" in error.message
    assert "longest list of 2000" in error.found
    assert str(LIMIT) in error.expected
    assert error.fix


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.type == 'stock'", True),
        ("event.data.items.exists(x, x.sku == 'tea-1999')", True),
        ("event.data.items.all(x, x.n >= 0 && has(x.sku) && x.sku.startsWith('tea'))", True),
        ("event.data.items.exists(x, x.sku.contains('1999'))", True),
        ("event.data.items.filter(x, x.n >= 1000).size()", 1000),
        ("event.data.items.map(x, x.n)[1999]", 1999),
        ("event.data.items.map(x, x.n).exists(n, n == 1999)", True),
        ("size(event.data.text)", 50_000),
        ("event.data.text.contains('b')", False),
        ("event.data.text.matches('^a+$')", True),
        ("event.data.items.exists(x, x.n == 3) && event.data.items.exists(x, x.n == 4)", True),
    ],
)
def test_what_reads_a_large_event_once_is_evaluated(source: str, expected: object) -> None:
    with quickly():
        assert compile_expression(source).evaluate({"event": EVENT}) == expected


def test_a_large_value_passes_through_whatever_its_size() -> None:
    data = {"items": ITEMS * 20}
    assert compile_expression("event.data.items").evaluate({"event": {"data": data}}) == data["items"]


def test_more_iterations_than_the_evaluator_takes_are_an_error() -> None:
    with quickly(), pytest.raises(ExpressionError, match="too many steps"):
        compile_expression("event.all(x, x == 1)").evaluate({"event": [1] * 11_000})


@pytest.mark.parametrize("depth", [DEEPEST, 100_000])
def test_an_event_that_nests_too_deeply_is_refused(depth: int) -> None:
    value: object = 1
    for _ in range(depth):
        value = [value]
    with quickly(), pytest.raises(ExpressionError, match="levels of lists and maps"):
        compile_expression("event.data == 1").evaluate({"event": {"data": value}})


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "\0"])
def test_a_text_that_would_be_misread_is_refused(text: str) -> None:
    for event in ({"data": text}, {text: 1}, {"data": [{"a": [text]}]}):
        with pytest.raises(ExpressionError, match="does not know"):
            compile_expression("event.type == 'a'").evaluate({"event": event})


def test_null_stays() -> None:
    """The library gives away references to None that it does not own."""
    expression = compile_expression("[null, {'a': null}, event.data]")
    for _ in range(20_000):
        assert expression.evaluate({"event": {"data": None}}) == [None, {"a": None}, None]


@given(st.lists(st.integers(-5, 5), max_size=200), st.integers(-5, 5))
@settings(max_examples=60)
def test_lists_of_any_length_are_mapped_and_filtered(values: list[int], least: int) -> None:
    variables = {"event": {"data": values, "least": least}}
    mapped = compile_expression("event.data.map(x, x * event.least)").evaluate(variables)
    assert mapped == [value * least for value in values]
    kept = compile_expression("event.data.filter(x, x > event.least).map(x, [x])").evaluate(variables)
    assert kept == [[value] for value in values if value > least]


def test_maps_of_any_length_are_mapped_by_their_keys() -> None:
    data = {f"k{number}": number for number in range(100)}
    keys = compile_expression("event.filter(k, event[k] > 49)").evaluate({"event": data})
    assert isinstance(keys, list)
    assert sorted(keys) == sorted(key for key, value in data.items() if value > 49)


PARTS = ["event.data.items", "[1, 2, 3]", "event.data.text", "event.data.items.map(y, y.n)", "event.data"]
BODIES = ["x == 1", "x in event.data.items", "event.data.items.exists(y, y == x)", "size(string(x)) > 2"]


@given(
    st.sampled_from(PARTS),
    st.sampled_from(["all", "exists", "filter", "map"]),
    st.lists(st.sampled_from(BODIES)),
)
@settings(max_examples=60, deadline=2000)
def test_whatever_is_evaluated_ends_soon(iterated: str, macro: str, bodies: list[str]) -> None:
    source = f"{iterated}.{macro}(x, {' || '.join(bodies[:4]) or 'true'})"
    variables = Variables({"event": EVENT})
    with quickly(), contextlib.suppress(ExpressionError):
        msgspec.json.encode(compile_expression(source).evaluate(variables))


def test_a_bound_grows_with_its_symbols() -> None:
    bound = (Bound.of("total") + 2.0) * Bound.of("longest") * 3.0
    assert bound.terms == {("longest", "total"): 3.0, ("longest",): 6.0}
    assert bound.replace("longest", Bound.of("total") + 1.0).terms == {
        ("total", "total"): 3.0,
        ("total",): 9.0,
        (): 6.0,
    }
