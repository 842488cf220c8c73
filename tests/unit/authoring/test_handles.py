from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import msgspec
import pytest

from headrace import DefinitionError, HandleUsedAsValue, task, workflow
from headrace.authoring.binding import Edge
from headrace.authoring.handles import Handle, Reference, reference
from headrace_protocol.definition import Output, Param


class Part(msgspec.Struct, rename="camel"):
    part_name: str
    weights: list[float]

    @property
    def heaviest(self) -> float:
        return max(self.weights)


class Row(msgspec.Struct, array_like=True):
    first: int
    second: str


class Tagged(msgspec.Struct, array_like=True, tag=True):
    first: int


@dataclass
class Point:
    x: int
    inner: Part


class Pair(NamedTuple):
    left: int
    right: str


class Keys(TypedDict):
    month: int


def handle(form: object) -> Any:
    return Handle(Reference(Output("validate"), form, owner=None))


@pytest.mark.parametrize(
    ("step", "form", "path", "expected"),
    [
        (lambda h: h.part_name, Part, ("partName",), str),
        (lambda h: h.weights[3], Part, ("weights", 3), float),
        (lambda h: h.second, Row, (1,), str),
        (lambda h: h.first, Tagged, (1,), int),
        (lambda h: h.inner.part_name, Point, ("inner", "partName"), str),
        (lambda h: h.right, Pair, (1,), str),
        (lambda h: h["month"], Keys, ("month",), int),
        (lambda h: h["a"]["b"], dict[str, dict[str, int]], ("a", "b"), int),
        (lambda h: h[0], list[int], (0,), int),
        (lambda h: h[1], tuple[int, str], (1,), str),
        (lambda h: h[7], tuple[int, ...], (7,), int),
        (lambda h: h.anything["goes"][0], Any, ("anything", "goes", 0), Any),
        (lambda h: h.x, Point, ("x",), int),
    ],
)
def test_steps_extend_the_path_and_the_type(
    step: Callable[[Any], Handle], form: object, path: tuple[object, ...], expected: object
) -> None:
    held = reference(step(handle(form)))
    assert held.binding == Output("validate", path)  # type: ignore[arg-type]
    assert held.type == expected


@pytest.mark.parametrize(
    ("step", "form", "message", "expected"),
    [
        (lambda h: h.wieghts, Part, "Part has no field 'wieghts'", "part_name, weights"),
        (lambda h: h.y, Point, "Point has no field 'y'", "x, inner"),
        (lambda h: h["moth"], Keys, "Keys has nothing at 'moth'", "month"),
        (lambda h: h[2], tuple[int, str], "nothing at 2", "0 to 1"),
        (lambda h: h[-1], list[int], "nothing at -1", "counted from the start"),
        (lambda h: h["a"], list[int], "nothing at 'a'", "an index"),
        (lambda h: h[0], int, "int has nothing at 0", "cannot be indexed"),
        (lambda h: h[0], dict[int, str], "nothing at 0", "a str"),
        (lambda h: h.month, dict[str, int], "no field 'month'", "no fields"),
        (lambda h: h.part_name, Part | None, "None has no field", "no fields"),
    ],
)
def test_a_wrong_step_names_the_type_and_what_it_has(
    step: Callable[[Any], Handle], form: object, message: str, expected: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        step(handle(form))
    assert expected in caught.value.expected
    assert caught.value.where.startswith("test_handles.py:")


@pytest.mark.parametrize(
    "step", [lambda h: h.heaviest, lambda h: h.weights[0:2], lambda h: h.part_name.upper()]
)
def test_code_of_the_value_needs_the_value(step: Callable[[Any], object]) -> None:
    with pytest.raises(HandleUsedAsValue):
        step(handle(Part))


OPERATIONS: list[Callable[[Any], object]] = [
    bool,
    lambda h: not h,
    lambda h: h and 1,
    iter,
    list,
    lambda h: [*h],
    len,
    str,
    format,
    lambda h: f"{h}",
    lambda h: f"{h:>3}",
    lambda h: f"{h}",
    print,
    int,
    float,
    complex,
    operator.index,
    round,
    math.floor,
    lambda h: h == 1,
    lambda h: h != 1,
    lambda h: h == 1,
    lambda h: h < 1,
    lambda h: h >= 1,
    lambda h: 1 in h,
    lambda h: h in [1, 2],
    lambda h: h + 1,
    lambda h: 1 + h,
    lambda h: h - 1,
    lambda h: 2 * h,
    lambda h: h / 2,
    lambda h: h // 2,
    lambda h: h % 2,
    lambda h: h**2,
    lambda h: -h,
    abs,
    lambda h: h | 1,
    lambda h: ~h,
    lambda h: h(),
    range,
    lambda h: [1, 2][h],
    lambda h: h.__await__(),
    lambda h: setattr(h, "x", 1),
    lambda h: operator.setitem(h, 0, 1),
    sum,
    sorted,
    reversed,
    ", ".join,
    bytes,
    open,
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_use_as_a_value_says_what_where_and_what_instead(operation: Callable[[Any], object]) -> None:
    with pytest.raises(HandleUsedAsValue) as caught:
        operation(handle(list[int]))
    error = caught.value
    assert "the handle validate was" in error.message
    assert error.where.startswith("test_handles.py:")
    assert error.found.endswith("`, where validate is list[int], the result of node validate")
    assert "task" in error.fix or "Pass validate as it is" in error.fix


def test_a_condition_in_a_workflow_names_its_line() -> None:
    @task
    def count() -> int:
        return 1

    with pytest.raises(HandleUsedAsValue) as caught:

        @workflow
        def branching(month: int) -> int:
            if count():
                return count()
            return month

    assert caught.value.code == "definition.handle_as_value"
    assert "the handle count was used as a condition" in str(caught.value)
    assert caught.value.found == "`if count():`, where count is int, the result of node count"
    _, line, column = caught.value.where.split(":")
    text = Path(__file__).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert text[int(column) - 1 :] == "if count():"


@pytest.mark.parametrize("form", [tuple[int, str], Pair])
def test_a_tuple_of_known_length_is_unpacked(form: object) -> None:
    left, right = handle(form)
    assert [reference(part).binding for part in (left, right)] == [
        Output("validate", (0,)),
        Output("validate", (1,)),
    ]
    assert [reference(part).type for part in (left, right)] == [int, str]
    first, *rest = handle(form)
    assert (reference(first).type, [reference(part).type for part in rest]) == (int, [str])
    assert len(handle(form)) == len([*handle(form)]) == 2
    assert reference(handle(form)[1]).type is str


@pytest.mark.parametrize("form", [tuple[int, ...], tuple, list[int], tuple[int] | None, Any, int])
def test_other_handles_are_not(form: object) -> None:
    with pytest.raises(HandleUsedAsValue, match="iterated over"):
        _left, _right = handle(form)
    with pytest.raises(HandleUsedAsValue, match="len"):
        len(handle(form))


def unpack_three(held: Any) -> None:
    _a, _b, _c = held


def unpack_one(held: Any) -> None:
    (_a,) = held


def unpack_three_or_more(held: Any) -> None:
    _a, _b, *_rest, _c = held


@pytest.mark.parametrize(
    ("unpack", "names", "expected"),
    [
        (unpack_three, "3 names", "2 names"),
        (unpack_one, "1 names", "2 names"),
        (unpack_three_or_more, "at least 3 names", "at most 2 names"),
    ],
)
def test_as_many_names_as_parts(unpack: Callable[[Any], None], names: str, expected: str) -> None:
    with pytest.raises(DefinitionError, match=f"into {names}, but it has 2 parts") as caught:
        unpack(handle(tuple[int, str]))
    assert caught.value.expected == expected


def test_repr_is_safe_and_tells_what_it_is() -> None:
    assert repr(handle(Part).weights[0]) == "<handle validate.weights[0]: float>"
    assert repr(Handle(Reference(Param("month"), int, None))) == "<handle month: int>"


def test_names_that_debuggers_ask_for_are_no_fields() -> None:
    held = handle(Any)
    assert not hasattr(held, "_repr_html_")
    assert not hasattr(held, "__array__")
    assert {held: 1}[held] == 1
    assert isinstance(held, Handle)
    assert copy.copy(Edge(None, "", "")) == Edge(None, "", "")
