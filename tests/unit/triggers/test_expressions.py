"""CEL expressions: what they give, and how mistakes are told."""

import contextlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.triggers.cel.library import FUNCTIONS
from headrace_coordinator.triggers.cel.variables import Variables
from headrace_coordinator.triggers.expressions import (
    LONGEST_SOURCE,
    compile_expression,
)
from headrace_protocol.errors import ErrorCode, ExpressionError

EVENT: dict[str, object] = {
    "id": "e-1",
    "source": "/airport/JFK",
    "type": "month.landed",
    "subject": "2013-02",
    "time": "2026-01-01T06:30:00Z",
    "region": "east",
    "data": {"month": 2, "ratio": 1.5, "carriers": ["AA", "UA"], "note": None, "path": "/data/2013-02.csv"},
}
VARIABLES: dict[str, object] = {"event": EVENT}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.type", "month.landed"),
        ("event.region", "east"),
        ("event.data", EVENT["data"]),
        ("event.data.month + 1", 3),
        ("event.data.ratio * 2.0", 3.0),
        ("event.data.note", None),
        ("event.data.carriers.map(c, c + '!')", ["AA!", "UA!"]),
        ("event.data.carriers.exists(c, c == 'UA') && event.data.month > 1", True),
        ("has(event.data.missing) ? event.data.missing : 7", 7),
        ("event.data.path.split('/')", ["", "data", "2013-02.csv"]),
        ("math.greatest(event.data.month, 11)", 11),
        ("optional.of(3)", 3),
        ("[].first()", None),
        ("timestamp(event.time)", "2026-01-01T06:30:00Z"),
        ("timestamp(event.time) + duration('1h')", "2026-01-01T07:30:00Z"),
        ("duration('90s')", "PT90S"),
        ("b'ab'", "YWI="),
        ("5u", 5),
        ("{1: {'at': timestamp(event.time)}}", {"1": {"at": "2026-01-01T06:30:00Z"}}),
        ("type(event)", "map"),
    ],
)
def test_results_are_values_that_json_has(source: str, expected: object) -> None:
    result = compile_expression(source).evaluate(VARIABLES)
    assert result == expected
    assert type(result) is type(expected)
    assert msgspec.json.decode(msgspec.json.encode(result)) == expected


def test_a_condition_gives_a_bool() -> None:
    condition = compile_expression('event.type == "month.landed" && event.data.month in [1, 2]')
    assert condition.evaluate_bool(VARIABLES) is True
    assert condition.evaluate_bool({"event": EVENT | {"type": "other"}}) is False


def test_variables_are_converted_once_for_several_expressions() -> None:
    variables = Variables(VARIABLES | {"params": {"limit": 2}})
    over = compile_expression("event.data.month > params.limit", variables=("event", "params"))
    assert over.evaluate_bool(variables) is False
    assert compile_expression("event.subject").evaluate(variables) == "2013-02"


def test_python_times_are_known_in_expressions() -> None:
    event = {"time": datetime(2026, 1, 1, tzinfo=UTC)}
    assert compile_expression("event.time.getFullYear()").evaluate({"event": event}) == 2026


@pytest.mark.parametrize(
    ("source", "message", "found", "fix"),
    [
        ("event.type ==", "line 1, column 14", "end of the expression", ""),
        ("event.type = 'a'", "line 1, column 12", "= ", "Write `==`."),
        ("event.data.month > 1 and true", "line 1, column 22", "and", "Write `&&`."),
        ("event.\ntype == == 3", "line 2, column 9", "==", ""),
        ("'abc", "line 1, column 1", "'abc", ""),
        ("  ", "is empty", "2 characters", ""),
        ("1" + "+1" * LONGEST_SOURCE, "is too long", "characters", ""),
        ("[" * 200 + "]" * 200, "nests too deeply", "32 levels", ""),
        ("even.type == 'a'", "variable `even`", "character 1", "Did you mean `event`?"),
        ("params.month", "variable `params`", "character 1", ""),
        ("event.type.upper() == 'A'", "function `upper`", "character 12", "`upperAscii`"),
        ("now() > event.time", "function `now`", "character 1", ""),
    ],
)
def test_a_mistake_in_the_source_is_told_when_it_is_compiled(
    source: str, message: str, found: str, fix: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source, where="workflow report, trigger 1, where")
    error = caught.value
    assert error.code == ErrorCode.EXPRESSION_INVALID
    assert error.where == "workflow report, trigger 1, where"
    assert message in error.message
    assert found in error.found
    assert fix in error.fix
    assert error.expected


@pytest.mark.parametrize(
    ("source", "message", "found", "fix"),
    [
        ("event.data.size > 0", "reads a field", "`size`", "has("),
        ("event.data.month > 'a'", "mixes types", "No such overload", "int(x)"),
        ("event.data.ratio * 2", "mixes types", "double * int", "double(x)"),
        ("event.data.carriers[5]", "failed", "index 5 is outside of the list of 2", ""),
        ("event.data.month / 0", "failed", "divide by zero", ""),
        ("int(event.subject)", "failed", 'cannot convert string to int, with event.subject = "2013-02"', ""),
        ("9223372036854775807 + event.data.month", "failed", "overflow", ""),
        ("event.type.matches('[')", "failed", "regular expression", ""),
        ("event.type.substring(5, 2)", "failed", "less than", ""),
        ("{true: 1}", "cannot be encoded", "keys", ""),
    ],
)
def test_a_failure_on_an_event_names_the_expression_and_what_was_found(
    source: str, message: str, found: str, fix: str
) -> None:
    expression = compile_expression(source, where="trigger 1")
    with pytest.raises(ExpressionError) as caught:
        expression.evaluate(VARIABLES)
    error = caught.value
    assert error.code == ErrorCode.EXPRESSION_FAILED
    assert error.where == "trigger 1"
    assert f"`{source}` " in error.message
    assert message in error.message
    assert found in error.found
    assert fix in error.fix


def test_a_condition_that_is_no_bool_is_refused() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("event.data.month").evaluate_bool(VARIABLES)
    assert caught.value.code == ErrorCode.EXPRESSION_FAILED
    assert caught.value.found == "2 (int)"
    assert caught.value.expected == "bool"


def test_a_variable_that_cel_does_not_know_is_refused() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("event.data").evaluate({"event": {"data": object()}})
    assert "object" in caught.value.found


def test_the_place_belongs_to_the_expression_and_not_to_the_cached_program() -> None:
    first, second = (compile_expression("event.data.gone", where=place) for place in ("a", "b"))
    for expression in (first, second):
        with pytest.raises(ExpressionError, match=rf"^{expression.where}: "):
            expression.evaluate(VARIABLES)


CALLS = [
    *("size('a')", "'a'.contains('a')", "'a'.startsWith('a')", "'a'.endsWith('a')", "'a'.matches('a')"),
    *("has(event.id)", "[1].all(x, true)", "[1].exists(x, true)", "[1].exists_one(x, true)", "[1].map(x, x)"),
    *("[1].filter(x, true)", "int('1')", "uint(1)", "double(1)", "bool('true')", "string(1)", "bytes('a')"),
    *("dyn(1)", "type(1)", "timestamp(event.time)", "duration('1s')"),
    *(f"timestamp(event.time).{name}()" for name in sorted(FUNCTIONS) if name.startswith("get")),
    *(
        "'a'.charAt(0)",
        "'a'.indexOf('a')",
        "'a'.lastIndexOf('a')",
        "'a'.substring(0)",
        "'a'.replace('a', 'b')",
    ),
    *(
        "'a'.split(',')",
        "['a'].join()",
        "'a'.lowerAscii()",
        "'a'.upperAscii()",
        "'a'.trim()",
        "'a'.reverse()",
    ),
    *("'%s'.format([1])", "strings.quote('a')", "optional.of(1).hasValue()", "optional.ofNonZeroValue(1)"),
    *("optional.none().orValue(1)", "optional.of(1).value()", "optional.none().or(optional.of(1))"),
    *("optional.of(1).optMap(x, x)", "optional.of(1).optFlatMap(x, optional.of(x))", "cel.bind(x, 1, x)"),
    *("base64.encode(b'a')", "base64.decode('YQ==')", "[1].first()", "[1].last()", "[1].slice(0, 1)"),
    *("[[1]].flatten()", "[1].sort()", "[1].sortBy(x, -x)", "[1].distinct()", "lists.range(2)"),
    *("math.greatest(1, 2)", "math.least(1, 2)", "math.abs(1)", "math.sign(1)", "math.ceil(1.0)"),
    *("math.floor(1.0)", "math.round(1.0)", "math.trunc(1.0)", "math.isNaN(1.0)", "math.isInf(1.0)"),
    *("math.isFinite(1.0)", "math.sqrt(1.0)", "math.bitOr(1, 2)", "math.bitAnd(1, 2)", "math.bitXor(1, 2)"),
    *("math.bitNot(1)", "math.bitShiftLeft(1, 2)", "math.bitShiftRight(1, 2)", "sets.contains([1], [1])"),
    *("sets.equivalent([1], [1])", "sets.intersects([1], [1])"),
]


@pytest.mark.parametrize("source", CALLS)
def test_every_function_that_is_suggested_is_there(source: str) -> None:
    compile_expression(source).evaluate(VARIABLES)


def test_every_function_that_is_suggested_has_a_test() -> None:
    called = " ".join(CALLS)
    assert not [name for name in FUNCTIONS if f"{name}(" not in called]


TOKENS = [
    *("event", ".data", ".month", "(", ")", "[", "]", "{", "}", "?", ":", ",", " ", "\n", "\\", "//", "@"),
    *("1", "1u", "1.5", "1e400", "9223372036854775808", "'a'", "b'a'", "r'\\d'", "'é'", '"""', "null"),
    *("true", "+", "-", "*", "/", "%", "!", "&&", "||", "==", "<", "in", "x", "has(", "size(", "map("),
    *(".all(", "timestamp(", "duration(", "matches(", "substring(", "optional.of("),
    *(".?", "[?", "optional.none()", ".first()", ".filter(", "cel.bind(", ".orValue(", "lists.range("),
]


@given(st.lists(st.sampled_from(TOKENS), max_size=10).map("".join))
def test_any_source_gives_a_value_or_an_expression_error(source: str) -> None:
    try:
        result = compile_expression(source).evaluate(VARIABLES)
    except ExpressionError:
        return
    msgspec.msgpack.encode(result)


@pytest.mark.parametrize("part", ["+1", "||false", "*1", "-1", "[0]", ".a", ".size()", "==1", "&&true"])
def test_the_longest_chain_does_not_overflow_the_stack(part: str) -> None:
    source = "1" + part * ((LONGEST_SOURCE - 1) // len(part))
    with contextlib.suppress(ExpressionError):
        compile_expression(source).evaluate(VARIABLES)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=20,
    )
)
def test_a_value_passes_through_unchanged(value: object) -> None:
    assert compile_expression("event.data").evaluate({"event": {"data": value}}) == value


@pytest.mark.parametrize(
    ("source", "data", "found", "fix"),
    [
        ("event.data.n > 3", None, "event.data is null", "event.data != null"),
        ("event.data.n > 3", {"n": None}, "event.data.n is null", "event.data.n != null"),
        ("event.data.n > 3", {}, "no field `n`", "has(...)"),
        ("event.data.n > 3", {"n": "x"}, 'event.data.n = "x"', "int(x)"),
    ],
)
def test_what_was_wrong_with_the_event_is_said_with_its_remedy(
    source: str, data: object, found: str, fix: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_expression(source).evaluate_bool({"event": {**EVENT, "data": data}})
    assert raised.value.found.endswith(found)
    assert fix in raised.value.fix
