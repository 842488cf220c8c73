"""pandas: frames and series as Arrow IPC streams with their index, and scalars. Needs pyarrow (`headrace[pandas]`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import cast

import pandas as pd

from headrace.serializers.port import Serializer
from headrace.serializers.previews import COLUMNS, ROWS, table_preview
from headrace.serializers.registry import install
from headrace_protocol.definition import JsonSchema
from headrace_protocol.messages import Preview

_COLUMN = "headrace.value"
"""What the one column of a series is called."""
_REFUSAL = "Arrow would change the {}; give the columns one type each (astype), and names that are texts"


class Frames(Serializer[pd.DataFrame]):
    """Frames with their index and dtypes."""

    tag = "pandas.frame"

    def encode(self, value: pd.DataFrame) -> bytes:
        written = _write(value)
        if _is_odd(value) and not _same(_read(written), value):
            raise ValueError(_REFUSAL.format("frame"))
        return written

    def decode(self, data: object, form: object) -> pd.DataFrame:
        return _read(data)

    def schema(self, form: object) -> JsonSchema:
        return {"description": "A pandas DataFrame, as an Arrow IPC stream.", "type": "object"}

    def preview(self, value: pd.DataFrame) -> Preview:
        first = value.iloc[:ROWS, :COLUMNS]
        columns = list(zip(value.columns[:COLUMNS], value.dtypes.iloc[:COLUMNS], strict=True))
        return table_preview("pandas.DataFrame", value.shape, columns, _rows(first))


class SeriesSerializer(Serializer["pd.Series"]):
    """`[name, IPC stream]`: a series is a frame of one column, and its name any plain value."""

    tag = "pandas.series"

    def encode(self, value: pd.Series) -> list[object]:
        frame = value.to_frame(_COLUMN)
        written = _write(frame)
        if _is_odd(frame) and not _same(_read(written), frame):
            raise ValueError(_REFUSAL.format("series"))
        return [value.name, written]

    def decode(self, data: object, form: object) -> pd.Series:
        if not isinstance(data, list) or len(data) != 2:
            raise TypeError("Expected `[name, IPC stream]`")
        name = tuple(data[0]) if isinstance(data[0], list) else data[0]
        return _read(data[1])[_COLUMN].rename(name)

    def schema(self, form: object) -> JsonSchema:
        return {"description": "A pandas Series, as an Arrow IPC stream.", "type": "object"}

    def preview(self, value: pd.Series) -> Preview:
        column = ("" if value.name is None else value.name, value.dtype)
        return table_preview("pandas.Series", value.shape, [column], _rows(value.iloc[:ROWS].to_frame()))


class Timestamps(Serializer[pd.Timestamp]):
    """Like a datetime where it is one; text in ISO 8601 where it has nanoseconds."""

    def encode(self, value: pd.Timestamp) -> datetime | str:
        return cast("str | datetime", value.isoformat() if value.nanosecond else value.to_pydatetime())

    def decode(self, data: object, form: object) -> pd.Timestamp:
        if not isinstance(data, str | date | datetime):
            raise TypeError(f"Expected a time, got `{type(data).__name__}`")
        return cast(pd.Timestamp, pd.Timestamp(data))

    def schema(self, form: object) -> JsonSchema:
        return {"type": "string", "format": "date-time"}


class Timedeltas(Serializer[pd.Timedelta]):
    """Like a timedelta; nanoseconds are refused."""

    def encode(self, value: pd.Timedelta) -> timedelta:
        if value.nanoseconds:
            raise ValueError("a duration finer than a microsecond cannot be sent alone; put it into a series")
        return cast(timedelta, value.to_pytimedelta())

    def decode(self, data: object, form: object) -> pd.Timedelta:
        if not isinstance(data, str | timedelta):
            raise TypeError(f"Expected a duration, got `{type(data).__name__}`")
        return cast(pd.Timedelta, pd.Timedelta(data))

    def schema(self, form: object) -> JsonSchema:
        return {"type": "string", "format": "duration"}


class Missing(Serializer[object]):
    """`pd.NA` and `pd.NaT` are None."""

    def encode(self, value: object) -> None:
        return None

    def decode(self, data: object, form: object) -> object:
        raise TypeError("declare the type with `| None` instead")


def _write(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    from headrace.serializers.arrow_tables import write_stream

    table = pa.Table.from_pandas(frame)
    return write_stream(table.schema, table.to_batches())


def _read(data: object) -> pd.DataFrame:
    from headrace.serializers.arrow_tables import read_stream

    table = read_stream(data)
    made: pd.DataFrame = table.to_pandas()
    described = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}")).get("columns", [])
    objects = {one["name"] for one in described if one.get("numpy_type") == "object"}
    for position, name in enumerate(made.columns):
        if str(name) in objects and made.dtypes.iloc[position].kind != "O":
            made.isetitem(position, made.iloc[:, position].astype(object))
    return made


def _is_odd(frame: pd.DataFrame) -> bool:
    """Whether Arrow may change something without a word: columns of Python objects, names that are no texts."""
    if any(kind.kind == "O" for kind in frame.dtypes):
        return True
    levels = frame.index.levels if isinstance(frame.index, pd.MultiIndex) else [frame.index]
    return any(level.dtype.kind == "O" for level in levels) or not all(
        isinstance(name, str) for name in frame.columns
    )


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return (
        bool(one.equals(other))
        and bool(one.columns.equals(other.columns))
        and bool(one.index.equals(other.index))
    )


def _rows(frame: pd.DataFrame) -> Iterable[list[object]]:
    missing = frame.isna()
    for index in range(len(frame)):
        yield [
            None if missing.iat[index, column] else frame.iat[index, column]
            for column in range(frame.shape[1])
        ]


install(Frames(), (pd.DataFrame,))
install(SeriesSerializer(), (pd.Series,))
install(Timestamps(), (pd.Timestamp,))
install(Timedeltas(), (pd.Timedelta,))
install(Missing(), (type(pd.NA), type(pd.NaT)))
