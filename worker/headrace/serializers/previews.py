"""Previews: bounded, whatever the value is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from headrace_protocol.messages import Column, Preview

ROWS = 10
COLUMNS = 20
CELL_CHARACTERS = 60
TEXT_CHARACTERS = 1_000
PREVIEW_BYTES = 4 * 1024
_size = msgspec.msgpack.Encoder().encode


def table_preview(
    kind: str,
    shape: tuple[int, ...],
    columns: Sequence[tuple[object, object]],
    rows: Iterable[Sequence[object]],
) -> Preview:
    """The preview of a table: its first columns by (name, type), and its first rows."""
    shown = tuple(Column(cut(str(name)), cut(str(form))) for name, form in columns[:COLUMNS])
    cells = tuple(
        tuple(_cell(one) for one in row[:COLUMNS]) for _, row in zip(range(ROWS), rows, strict=False)
    )
    preview = Preview(kind=kind, shape=shape, columns=shown, rows=cells)
    while preview.rows and len(_size(preview)) > PREVIEW_BYTES:
        preview = msgspec.structs.replace(preview, rows=preview.rows[:-1])
    while preview.columns and len(_size(preview)) > PREVIEW_BYTES:
        preview = msgspec.structs.replace(preview, columns=preview.columns[:-1])
    return preview


def cut(text: str, length: int = CELL_CHARACTERS) -> str:
    """A text that every reader can take, no longer than a cell."""
    safe = text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= length else safe[: length - 1] + "…"


def _cell(value: object) -> str | None:
    return None if value is None else cut(value if isinstance(value, str) else str(value))
