from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    Never,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import msgspec
import pytest

from headrace.authoring.assignable import assignable
from headrace.authoring.typeforms import both_names, type_name

T = TypeVar("T")
UserId = NewType("UserId", int)


class Base(msgspec.Struct):
    a: int


class Derived(Base):
    b: int


class Other(msgspec.Struct):
    a: int


@dataclass
class Point:
    x: int


@dataclass
class Pixel(Point):
    colour: str


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class IntPage(Page[int]):
    pass


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    HI = "hi"


class Small(TypedDict):
    a: int


class Large(TypedDict):
    a: int
    b: str


class Loose(TypedDict):
    a: NotRequired[int]


FITS = [
    (int, int),
    (int, Any),
    (int, object),
    (Any, int),
    (Never, int),
    (int, T),
    (T, int),
    (None, type(None)),
    (int, int | None),
    (None, int | None),
    (int, str | int),
    (int | str, str | int | None),
    (bool, bool),
    (int, float),
    (int, complex),
    (float, complex),
    (int | float, float),
    (Literal[1], int),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a", 1], str | int),
    (Literal[1], float),
    (UserId, UserId),
    (UserId, int),
    (UserId, float),
    (Annotated[int, "positive"], int),
    (int, Annotated[int, "positive"]),
    (list[Annotated[int, "x"]], list[int]),
    (Derived, Base),
    (Pixel, Point),
    (Colour, Colour),
    (Word, str),
    (list[int], list[int]),
    (list[int], list[float]),
    (list[int], list),
    (list, list[int]),
    (list[Any], list[int]),
    (list[int], Sequence[int]),
    (list[int], Iterable[object]),
    (list[Derived], Sequence[Base]),
    (set[int], AbstractSet[int]),
    (str, Sequence[str]),
    (str, Iterable[str]),
    (dict[str, int], Mapping[str, int]),
    (dict[str, int], Mapping[str, float]),
    (dict[str, int], Iterable[str]),
    (dict[str, int], dict),
    (tuple[int, str], tuple[int, str]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, ...], tuple[float, ...]),
    (tuple[int, str], Sequence[int | str]),
    (tuple[int, ...], Iterable[int]),
    (tuple[int, str], tuple),
    (Page[int], Page[int]),
    (Page[int], Page),
    (IntPage, Page[int]),
    (IntPage, Page[float]),
    (Large, Small),
    (Small, Loose),
    (Small, Mapping[str, object]),
    (Small, dict[str, int]),
    (list[Large], list[Small]),
    (datetime.datetime, datetime.datetime),
]

REFUSED = [
    (object, int),
    (str, int),
    (float, int),
    (int, str),
    (int, bool),
    (bool, int),
    (bool, float),
    (Literal[True], int),
    (None, int),
    (int, None),
    (int | None, int),
    (int | str, int),
    (Literal["c"], Literal["a", "b"]),
    (Literal[1], Literal[True]),
    (str, Literal["a"]),
    (int, UserId),
    (Base, Derived),
    (Base, Other),
    (Point, Pixel),
    (Point, Base),
    (Colour, str),
    (str, Word),
    (list[int], list[str]),
    (list[int], tuple[int, ...]),
    (list[int], set[int]),
    (list[int | None], list[int]),
    (Sequence[int], list[int]),
    (int, list[int]),
    (str, Sequence[int]),
    (str, list[str]),
    (dict[str, int], dict[str, str]),
    (dict[str, int], dict[int, int]),
    (dict[str, int], list[str]),
    (Mapping[str, int], dict[str, int]),
    (tuple[int, str], tuple[int, int]),
    (tuple[int, str], tuple[int]),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, str], Sequence[int]),
    (Page[int], Page[str]),
    (IntPage, Page[str]),
    (Small, Large),
    (Loose, Small),
    (dict[str, int], Small),
    (Base, Small),
    (Large, Mapping[str, int]),
    (Large, list[str]),
    (datetime.datetime, datetime.date),
]


@pytest.mark.parametrize(("source", "target"), FITS, ids=type_name)
def test_fits(source: object, target: object) -> None:
    assert assignable(source, target)


@pytest.mark.parametrize(("source", "target"), REFUSED, ids=type_name)
def test_does_not_fit(source: object, target: object) -> None:
    assert not assignable(source, target)


VALUES: list[tuple[object, object]] = [
    (1, int),
    (1, float),
    (True, bool),
    ("a", Literal["a"]),
    (UserId(3), UserId),
    (Derived(1, 2), Derived),
    (Pixel(1, "red"), Pixel),
    (Word.HI, Word),
    ([1], list[int]),
    ((1, "a"), tuple[int, str]),
    ({"a": 1}, dict[str, int]),
    ({"a": 1, "b": "x"}, Large),
    (IntPage([1]), IntPage),
    (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.datetime),
]


def decodes(value: object, target: object) -> bool:
    """Whether a parameter of a task may have this type at all, and a str is not taken apart."""
    name = type_name(target)
    undecodable = "Iterable" in name or name in {"complex", "object", "Set[int]"}
    return not undecodable and not (isinstance(value, str) and "Sequence" in name)


EDGES = [
    (value, target)
    for value, source in VALUES
    for _, target in FITS
    if assignable(source, target) and decodes(value, target)
]


@pytest.mark.parametrize(("value", "target"), EDGES, ids=str)
def test_what_fits_is_also_decoded(value: object, target: object) -> None:
    """The check may not promise what strict decoding then refuses."""
    msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=target)


def test_names_are_what_a_person_would_write() -> None:
    assert type_name(dict[str, list[int | None]]) == "dict[str, list[int | None]]"
    assert type_name(Base | None) == "Base | None"
    assert type_name(Literal["a", 1]) == "Literal['a', 1]"
    assert type_name(tuple[int, ...]) == "tuple[int, ...]"
    assert type_name(None) == "None"
    assert type_name(UserId) == "UserId"


def test_types_of_one_name_are_told_apart_by_module() -> None:
    namesake = msgspec.defstruct("Base", ["a"], module="elsewhere")
    assert both_names(Base, namesake) == (f"{__name__}.Base", "elsewhere.Base")
