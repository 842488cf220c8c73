"""Encoded values: places inside them, lengths, strict decoding."""

from datetime import date

import msgspec
import pytest

from headrace import task
from headrace.runtime.values import (
    InputInvalid,
    NoSuchPlace,
    ResultInvalid,
    TaskCodec,
    at,
    elements,
    fields,
    length,
    raw,
)
from headrace_protocol.errors import ErrorCode


class Point(msgspec.Struct):
    x: int
    y: int = 0


@task
def shift(point: Point, by: int = 1) -> Point:
    return Point(point.x + by, point.y + by)


@task
def anything(value: object) -> list[object]:
    return [value]


@task
def born(day: date) -> date:
    return day


def test_places() -> None:
    value = raw({"a": [{"b": 7}]})
    assert at(value, ()) == value
    assert at(value, ("a", 0, "b")) == raw(7)
    assert fields(value).keys() == {"a"}
    assert elements(raw([1, 2])) == [raw(1), raw(2)]


@pytest.mark.parametrize("path", [("b",), ("a", 1), ("a", "b"), (0,), ("a", 0, "b", "c")])
def test_places_that_are_not_there(path: tuple[str | int, ...]) -> None:
    with pytest.raises(NoSuchPlace):
        at(raw({"a": [{"b": 7}]}), path)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 65_535, 65_536])
def test_length(size: int) -> None:
    assert length(raw([None] * size)) == size


@pytest.mark.parametrize("value", [None, 1, "text", b"bytes", {}, {"a": 1}, 1.5])
def test_length_of_what_is_no_list(value: object) -> None:
    assert length(raw(value)) == -1


def test_a_call() -> None:
    produced = TaskCodec(shift).call({"point": raw({"x": 1}), "by": raw(2)}, ((), ("x",)))
    assert produced.raw == raw({"x": 3, "y": 2})
    assert produced.counts == (-1, -1)


def test_defaults_and_unknown_parameters() -> None:
    codec = TaskCodec(shift)
    assert codec.arguments({"point": raw({"x": 1}), "new": raw(1)}) == {"point": Point(1)}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"point": raw({"x": "1"})}, "parameter point"),
        ({"point": raw({})}, "parameter point"),
        ({"point": raw({"x": 1}), "by": raw(1.5)}, "parameter by"),
        ({"by": raw(1)}, "parameter point"),
        ({"point": msgspec.Raw(b"\xff\xff\xff")}, "parameter point"),
    ],
)
def test_strict(given: dict[str, msgspec.Raw], where: str) -> None:
    with pytest.raises(InputInvalid) as raised:
        TaskCodec(shift).arguments(given)
    assert where in raised.value.where
    assert raised.value.found
    assert raised.value.expected


def test_object_takes_anything() -> None:
    assert TaskCodec(anything).call({"value": raw({"a": [1]})}, ()).raw == raw([{"a": [1]}])


def test_dates_survive() -> None:
    assert TaskCodec(born).call({"day": raw(date(2024, 2, 29))}, ()).raw == raw("2024-02-29")


@pytest.mark.parametrize("value", [None, {"x": 1}, Point("one")])  # type: ignore[arg-type]
def test_results_are_checked(value: object) -> None:
    codec = TaskCodec(shift)
    if value == {"x": 1}:
        assert codec.produced(value, ()).raw == raw({"x": 1})
        return
    with pytest.raises(ResultInvalid):
        codec.produced(value, ())


@pytest.mark.parametrize("value", [[lambda: 1], [object()], ["\ud800"]])
def test_what_cannot_be_encoded(value: object) -> None:
    with pytest.raises(ResultInvalid) as raised:
        TaskCodec(anything).produced(value, ())
    assert raised.value.code is ErrorCode.TASK_RESULT_INVALID


def test_a_list_that_holds_itself() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ResultInvalid):
        TaskCodec(anything).produced(endless, ())
