"""Tables, arrays and other values that are shown rather than printed."""

from __future__ import annotations

from headrace.cli import output
from headrace_protocol.messages import Preview


def preview_lines(preview: Preview) -> list[str]:
    """The type and shape, then the first rows of a table, or the first elements of an array."""
    shape = " × ".join(f"{length:,}" for length in preview.shape)
    lines = ["  ".join(part for part in (preview.kind, shape, preview.dtype) if part)]
    if preview.text:
        lines.append(_safe(preview.text))
    if preview.columns:
        lines += [
            output.dim(", ".join(f"{_safe(one.name)}: {_safe(one.type)}" for one in preview.columns)),
            *output.table(
                [_safe(one.name) for one in preview.columns],
                [["-" if cell is None else _safe(cell) for cell in row] for row in preview.rows],
            ),
        ]
        if (hidden := preview.shape[0] - len(preview.rows)) > 0:
            lines.append(output.dim(f"{hidden:,} more rows"))
    return lines


def _safe(text: str) -> str:
    """Without what a terminal would act on."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
