"""polars: frames and series as Arrow IPC streams, by polars alone."""

from __future__ import annotations

import io

import polars as pl

from headrace.serializers.port import Serializer
from headrace.serializers.previews import COLUMNS, ROWS, table_preview
from headrace.serializers.registry import install
from headrace_protocol.definition import JsonSchema
from headrace_protocol.messages import Preview


class Frames(Serializer[pl.DataFrame]):
    """Frames."""

    tag = "polars.frame"

    def encode(self, value: pl.DataFrame) -> bytes:
        objects = [name for name, form in value.schema.items() if form == pl.Object]
        if objects:
            raise ValueError(
                f"columns of Python objects cannot be sent: {', '.join(objects)}; cast them first"
            )
        written = io.BytesIO()
        value.write_ipc_stream(written)
        return written.getvalue()

    def decode(self, data: object, form: object) -> pl.DataFrame:
        if not isinstance(data, bytes):
            raise TypeError(f"Expected the bytes of an Arrow IPC stream, got `{type(data).__name__}`")
        try:
            return pl.read_ipc_stream(io.BytesIO(data))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ValueError(f"not an Arrow IPC stream: {error}") from error

    def schema(self, form: object) -> JsonSchema:
        return {"description": "A polars DataFrame, as an Arrow IPC stream.", "type": "object"}

    def preview(self, value: pl.DataFrame) -> Preview:
        columns = list(value.schema.items())[:COLUMNS]
        rows = value[:, :COLUMNS].head(ROWS).rows()
        return table_preview("polars.DataFrame", value.shape, columns, rows)


class SeriesSerializer(Serializer[pl.Series]):
    """A frame of one column."""

    tag = "polars.series"

    def encode(self, value: pl.Series) -> bytes:
        return Frames().encode(value.to_frame())

    def decode(self, data: object, form: object) -> pl.Series:
        frame = Frames().decode(data, None)
        if frame.width != 1:
            raise ValueError(f"Expected one column, got {frame.width}")
        return frame.to_series()

    def schema(self, form: object) -> JsonSchema:
        return {"description": "A polars Series, as an Arrow IPC stream.", "type": "object"}

    def preview(self, value: pl.Series) -> Preview:
        rows = [[one] for one in value.head(ROWS)]
        return table_preview("polars.Series", value.shape, [(value.name, value.dtype)], rows)


class Lazy(Serializer[pl.LazyFrame]):
    """Refused: a plan reads its files where it runs, which is another machine."""

    def encode(self, value: pl.LazyFrame) -> object:
        raise TypeError("a LazyFrame is a plan, not data: return its .collect()")

    def decode(self, data: object, form: object) -> pl.LazyFrame:
        raise TypeError("a LazyFrame is a plan, not data: take a polars.DataFrame and call .lazy()")

    def schema(self, form: object) -> JsonSchema:
        raise TypeError(
            "a LazyFrame is a plan, not data: return its .collect(), declared as polars.DataFrame"
        )


install(Frames(), (pl.DataFrame,))
install(SeriesSerializer(), (pl.Series,))
install(Lazy(), (pl.LazyFrame,))
