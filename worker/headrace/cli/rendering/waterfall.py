"""A trace as a waterfall: one bar a span, queue wait shaded, the critical path marked."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.rendering.units import clip, duration
from headrace.cli.views import TraceRow, TraceView

MIN_BAR = 10
MAX_NAME = 40
WAIT, BUSY, OPEN = "░", "█", "▒"


def waterfall_lines(trace: TraceView, width: int, *, max_rows: int = 200) -> list[str]:
    """The waterfall, `width` characters wide."""
    rows = trace.rows[:max_rows]
    if not rows:
        return ["the trace has no spans yet"]
    labels = ["  " * row.depth + row.name for row in rows]
    label_width = min(MAX_NAME, max(len(label) for label in labels))
    bar_width = max(MIN_BAR, width - label_width - 16)
    lines = [f"trace {trace.trace_id}  {duration(trace.duration_s)}"]
    for row, label in zip(rows, labels, strict=True):
        mark = output.paint("*", "33") if row.critical else " "
        name = _cut(label, label_width).ljust(label_width)
        bar = _bar(row, trace.duration_s, bar_width)
        error = f"  {clip(row.error, 60)}" if row.error else ""
        lines.append(f"{mark} {name} {bar} {duration(row.duration_s):>9}{output.paint(error, '31')}".rstrip())
    omitted = trace.omitted + len(trace.rows) - len(rows)
    if omitted:
        lines.append(f"  … {omitted} more")
    lines.append(
        output.dim(
            f"* on the critical path   {WAIT} waiting for a worker   {BUSY} at work   {OPEN} not finished"
        )
    )
    return lines


def _cut(label: str, width: int) -> str:
    return label if len(label) <= width else label[: width - 1] + "…"


def _bar(row: TraceRow, total_s: float, width: int) -> str:
    scale = width / total_s if total_s > 0 else 0.0
    start = min(width - 1, int(row.offset_s * scale))
    length = max(1, min(width - start, round(row.duration_s * scale)))
    wait = round((row.queue_wait_s or 0.0) * scale)
    # A task's span begins when it is ready; an attempt's when a worker has it, so its wait lies before it.
    before = min(start, wait) if row.name.startswith("attempt") else 0
    inside = 0 if before else min(length - 1, wait)
    fill = OPEN if row.status == "running" else BUSY
    text = WAIT * (before + inside) + fill * (length - inside)
    colour = {"error": "31", "lost": "31", "running": "36"}.get(row.status, "33" if row.critical else "34")
    return " " * (start - before) + output.paint(text, colour) + " " * (width - start - length)
