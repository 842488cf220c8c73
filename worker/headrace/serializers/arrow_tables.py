"""Arrow tables and record batches, as Arrow IPC streams (https://arrow.apache.org/docs/format/Columnar.html)."""

from __future__ import annotations

import pyarrow as pa

from headrace.serializers.port import Serializer
from headrace.serializers.previews import ROWS, table_preview
from headrace.serializers.registry import install
from headrace_protocol.definition import JsonSchema
from headrace_protocol.messages import Preview


class Tables(Serializer[pa.Table]):
    """Whole tables; chunks are kept as they are."""

    tag = "arrow.table"

    def encode(self, value: pa.Table) -> bytes:
        return write_stream(value.schema, value.to_batches())

    def decode(self, data: object, form: object) -> pa.Table:
        return read_stream(data)

    def schema(self, form: object) -> JsonSchema:
        return {"description": "An Arrow table, as an IPC stream.", "type": "object"}

    def preview(self, value: pa.Table) -> Preview:
        return preview_of(value, "pyarrow.Table")


class Batches(Serializer[pa.RecordBatch]):
    """One record batch."""

    tag = "arrow.batch"

    def encode(self, value: pa.RecordBatch) -> bytes:
        return write_stream(value.schema, [value])

    def decode(self, data: object, form: object) -> pa.RecordBatch:
        table = read_stream(data)
        batches = table.to_batches()
        if len(batches) > 1:
            raise ValueError(f"Expected one record batch, got {len(batches)}")
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

    def schema(self, form: object) -> JsonSchema:
        return {"description": "An Arrow record batch, as an IPC stream.", "type": "object"}

    def preview(self, value: pa.RecordBatch) -> Preview:
        return preview_of(pa.Table.from_batches([value]), "pyarrow.RecordBatch")


def write_stream(schema: pa.Schema, batches: list[pa.RecordBatch]) -> bytes:
    """An IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def read_stream(data: object) -> pa.Table:
    """The table of an IPC stream; raises TypeError or ValueError for bytes that are none."""
    if not isinstance(data, bytes):
        raise TypeError(f"Expected the bytes of an Arrow IPC stream, got `{type(data).__name__}`")
    try:
        return pa.ipc.open_stream(data).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"not an Arrow IPC stream: {error}") from error


def preview_of(table: pa.Table, kind: str) -> Preview:
    """Schema and first rows."""
    columns = [(field.name, field.type) for field in table.schema]
    first = table.slice(0, ROWS)
    rows = [[column[index].as_py() for column in first.columns] for index in range(first.num_rows)]
    return table_preview(kind, table.shape, columns, rows)


install(Tables(), (pa.Table,))
install(Batches(), (pa.RecordBatch,))
