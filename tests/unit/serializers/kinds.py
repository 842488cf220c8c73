"""The types of the edge table: one row of docs/data.md each, with values that must come back equal."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import attrs
import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic

T = TypeVar("T")


@dataclasses.dataclass
class Landed:
    month: int
    path: Path | str = "x"


@dataclasses.dataclass
class Failed:
    month: int
    reason: str = ""


class Size(msgspec.Struct):
    width: float


class Weight(msgspec.Struct):
    width: float
    kilos: Decimal = Decimal(1)


@dataclasses.dataclass
class Page(Generic[T]):
    items: list[T]


class Box(msgspec.Struct, Generic[T]):
    inside: T


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    NAME = "name"
    NUMBER = 1
    PAIR = (1, 2)


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Place(NamedTuple):
    x: int
    y: int = 0


class Options(TypedDict, total=False):
    dry: bool
    out: Path | None


class Name(str):
    pass


class Count(int):
    pass


class Order(pydantic.BaseModel):
    number: int
    day: dt.date
    sizes: set[int] = set()


@attrs.define
class Parcel:
    sender: str
    grams: int = 0


class Tree(msgspec.Struct):
    label: Path | str
    children: list[Tree] = []


Carrier = NewType("Carrier", str)
Positive = Annotated[int, msgspec.Meta(ge=1)]
BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2024, 6, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - one without a time zone is a row


class Kind(msgspec.Struct, frozen=True):
    """A row: the type as docs/data.md writes it, the form, and values of it."""

    row: str
    form: object
    values: tuple[object, ...]
    same: Callable[[Any, Any], bool] = lambda one, other: bool(one == other)


def same_array(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def same_arrays(one: list[np.ndarray[Any, Any]], other: list[np.ndarray[Any, Any]]) -> bool:
    return all(map(same_array, one, other))


def equals(one: Any, other: Any) -> bool:
    return bool(one.equals(other))


def same_bits(one: float, other: float) -> bool:
    return np.float64(one).tobytes() == np.float64(other).tobytes()


FRAME = pd.DataFrame(
    {"n": [1, 2], "t": ["a", None], "at": pd.to_datetime(["2024-01-01", None])},
    index=pd.Index([7, 9], name="row"),
)

KINDS = (
    Kind("None", type(None), (None,)),
    Kind("bool", bool, (True, False)),
    Kind("int", int, (0, -(2**63), 2**64 - 1)),
    Kind("int beyond 64 bits", int, (2**64, -(2**63) - 1, 10**300)),
    Kind("float", float, (0.1, -0.0, 1e308, 5e-324), same_bits),
    Kind("float: NaN, infinities", float, (float("nan"), float("inf"), float("-inf")), same_bits),
    Kind("str", str, ("", "é", "\0", "😀")),
    Kind("bytes", bytes, (b"", bytes(range(256)))),
    Kind("bytearray", bytearray, (bytearray(b"\xff\x00"),)),
    Kind("memoryview", memoryview, (memoryview(b"\xff\x00"),)),
    Kind("complex", complex, (1 + 2j, -0j)),
    Kind("Decimal", Decimal, (Decimal("1.10"), Decimal("-1E+400"), Decimal("Infinity"))),
    Kind("Fraction", Fraction, (Fraction(1, 3), Fraction(-5))),
    Kind("UUID", uuid.UUID, (uuid.UUID(int=7),)),
    Kind("date", dt.date, (dt.date.min, dt.date.max)),
    Kind("time", dt.time, (dt.time(1, 2, 3, 4), dt.time(1, tzinfo=dt.UTC))),
    Kind("datetime without time zone", dt.datetime, (NOON,)),
    Kind("datetime with time zone", dt.datetime, (NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=dt.UTC))),
    Kind("timedelta", dt.timedelta, (dt.timedelta(-1, 1, 1), dt.timedelta(400), dt.timedelta.max)),
    Kind("ZoneInfo", ZoneInfo, (BERLIN,)),
    Kind("Path, PurePath", Path, (Path("/a/b"), Path())),
    Kind("Path, PurePath", PurePosixPath, (PurePosixPath("a"),)),
    Kind("ipaddress", ipaddress.IPv4Address, (ipaddress.IPv4Address("10.0.0.1"),)),
    Kind("ipaddress", ipaddress.IPv6Network, (ipaddress.IPv6Network("fe80::/10"),)),
    Kind("Enum", Colour, tuple(Colour)),
    Kind("IntEnum, StrEnum", Level, tuple(Level)),
    Kind("Enum of mixed values", Mixed, tuple(Mixed)),
    Kind("Flag", Right, (Right.READ, Right.WRITE)),
    Kind("Literal", Literal["full", 1, None], ("full", 1, None)),
    Kind("list, Sequence", list[int], ([], [1, 2])),
    Kind("list, Sequence", Sequence[float], ([1.5],)),
    Kind("tuple, fixed", tuple[int, str, Path], ((1, "a", Path("b")),)),
    Kind("tuple, variadic", tuple[int, ...], ((), (1, 2, 3))),
    Kind("set, frozenset", set[str], ({"a", "b"},)),
    Kind("set, frozenset", frozenset[int], (frozenset({1, 2}),)),
    Kind("deque", deque[int], (deque([1, 2]),)),
    Kind("dict, Mapping", dict[str, int], ({"a": 1},)),
    Kind("dict, Mapping", Mapping[str, list[int]], ({"a": [1]},)),
    Kind("dict with other keys", dict[int, str], ({1: "a"},)),
    Kind("dict with other keys", dict[tuple[int, int], float], ({(1, 2): 0.5},)),
    Kind("dict with other keys", dict[dt.date, int], ({dt.date(2024, 1, 1): 1},)),
    Kind("OrderedDict, defaultdict, Counter", OrderedDict[str, int], (OrderedDict(b=1, a=2),)),
    Kind("OrderedDict, defaultdict, Counter", defaultdict[str, int], (defaultdict(int, a=1),)),
    Kind("OrderedDict, defaultdict, Counter", Counter[str], (Counter("aab"),)),
    Kind("dataclass", Failed, (Failed(1, "x"),)),
    Kind("dataclass", Landed, (Landed(1, Path("a")), Landed(2, "a"))),
    Kind("dataclass, generic", Page[int], (Page([1]),)),
    Kind("msgspec.Struct", Size, (Size(1.5),)),
    Kind("msgspec.Struct", Tree, (Tree(Path("a"), [Tree("b")]),)),
    Kind("msgspec.Struct, generic", Box[Page[str]], (Box(Page(["a"])),)),
    Kind("NamedTuple", Place, (Place(1, 2),)),
    Kind("TypedDict", Options, ({"dry": True}, {"out": Path("a")}, {"out": None})),
    Kind("attrs class", Parcel, (Parcel("me", 3),)),
    Kind("pydantic model", Order, (Order(number=1, day=dt.date(2024, 1, 1), sizes={1, 2}),)),
    Kind("NewType, Annotated", Carrier, ("AA",)),
    Kind("NewType, Annotated", Positive, (1,)),
    Kind("subclass of str, int, …", Name, (Name("a"),)),
    Kind("subclass of str, int, …", Count, (Count(3),)),
    Kind("Optional", Path | None, (Path("a"), None)),
    Kind("union of dataclasses", Landed | Failed, (Landed(1), Failed(1), Failed(1, "x"), Landed(3, Path("p")))),
    Kind("union of Structs", Size | Weight, (Size(1.0), Weight(1.0), Weight(2.0, Decimal("0.5")))),
    Kind("union of texts", Path | str, (Path("a"), "a")),
    Kind("union of texts", dt.datetime | str, (NOON, "2024-01-01T00:00:00", "x")),
    Kind("union of texts", str | bytes, ("a", b"a")),
    Kind("union of containers", list[int] | set[int] | dict[str, int], ([1], {1}, {"a": 1})),
    Kind("numpy.float64, int64, bool_, …", np.float64, (np.float64(0.1),)),
    Kind("numpy.float64, int64, bool_, …", np.float32, (np.float32(0.1),)),
    Kind("numpy.float64, int64, bool_, …", np.int64, (np.int64(-3),)),
    Kind("numpy.float64, int64, bool_, …", np.uint8, (np.uint8(255),)),
    Kind("numpy.float64, int64, bool_, …", np.bool_, (np.bool_(True),)),
    Kind("numpy.float64, int64, bool_, …", np.complex128, (np.complex128(1 + 2j),)),
    Kind("numpy.datetime64, timedelta64", np.datetime64, (np.datetime64("2024-01-01T00:00:00.123456789"),)),
    Kind("numpy.datetime64, timedelta64", np.timedelta64, (np.timedelta64(90, "s"),)),
    Kind(
        "numpy.ndarray",
        np.ndarray,
        (np.arange(6.0).reshape(2, 3), np.array(3), np.array(["a", "bc"]), np.zeros((0, 2), "datetime64[ns]")),
        same_array,
    ),
    Kind("numpy.ndarray", npt.NDArray[np.float64], (np.asfortranarray(np.eye(2)),), same_array),
    Kind("pandas.DataFrame", pd.DataFrame, (FRAME, FRAME.iloc[:0], pd.DataFrame({1: [1]})), equals),
    Kind("pandas.Series", pd.Series, (FRAME["n"], pd.Series([1.5, None], name=3)), equals),
    Kind("pandas.Timestamp, Timedelta", pd.Timestamp, (pd.Timestamp(123456789), pd.Timestamp(0, tz="UTC"))),
    Kind("pandas.Timestamp, Timedelta", pd.Timedelta, (pd.Timedelta(seconds=1),)),
    Kind("polars.DataFrame", pl.DataFrame, (pl.DataFrame({"a": [1, None], "b": [["x"], []]}), pl.DataFrame()), equals),
    Kind("polars.Series", pl.Series, (pl.Series("a", [1, 2]),), equals),
    Kind("pyarrow.Table, RecordBatch", pa.Table, (pa.table({"a": [1, None], "b": [{"x": 1}, None]}),), equals),
    Kind("pyarrow.Table, RecordBatch", pa.RecordBatch, (pa.record_batch({"a": [1, 2]}),), equals),
    Kind("object, Any, no annotation", object, ({"a": [1, None, "x", b"y", 2**70, float("inf")]},)),
    Kind("list of any of these", list[np.ndarray[Any, Any]], ([np.arange(2)],), same_arrays),
)  # fmt: skip
