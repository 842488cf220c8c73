"""Spans as the rows of a waterfall: depth, offset, length, and which of them the run's length rests on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from headrace_protocol.messages import Span


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of the waterfall."""

    span_id: str
    parent_span_id: str
    depth: int
    name: str
    service: str
    offset_s: float
    """From the start of the trace."""
    duration_s: float
    status: str
    """`ok`, `error`, `lost` (an attempt, with its worker) or `running`."""
    critical: bool
    """On the critical path: the run would have ended earlier if this had been shorter."""
    queue_wait_s: float | None
    node: str
    attempts: int | None
    error: str


def waterfall(spans: Sequence[Span], open_ids: Collection[str], root: str) -> list[Row]:
    """Rows in the order in which they are drawn: parents first, siblings by start.

    A span whose parent is not known stands at the left. The critical path is that of the span `root`.
    """
    if not spans:
        return []
    by_id = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = {}
    tops: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start_us, one.span_id)):
        known = span.parent_span_id in by_id and span.parent_span_id != span.span_id
        (children.setdefault(span.parent_span_id, []) if known else tops).append(span)
    critical = _critical(by_id.get(root), children)
    origin_us = min(span.start_us for span in spans)
    rows: list[Row] = []
    stack = [(span, 0) for span in reversed(tops)]
    while stack:
        span, depth = stack.pop()
        rows.append(_row(span, depth, origin_us, span.span_id in open_ids, span.span_id in critical))
        stack += [(child, depth + 1) for child in reversed(children.get(span.span_id, ()))]
    return rows


def _critical(root: Span | None, children: dict[str, list[Span]]) -> set[str]:
    """Walk back from the end of each span: the child that ended last is what its parent waited for, then the
    one that ended last before that child began, and so on."""
    path: set[str] = set()
    stack = [] if root is None else [(root, root.end_us)]
    while stack:
        span, until_us = stack.pop()
        path.add(span.span_id)
        for child in sorted(children.get(span.span_id, ()), key=lambda one: one.end_us, reverse=True):
            if child.end_us <= until_us and child.span_id not in path:
                stack.append((child, child.end_us))
                until_us = child.start_us
    return path


def _row(span: Span, depth: int, origin_us: int, running: bool, critical: bool) -> Row:
    wait = span.attributes.get("headrace.queue_wait_s")
    attempts = span.attributes.get("headrace.attempts")
    failed = "lost" if span.attributes.get("headrace.lost") else "error"
    status = failed if span.error else "ok"
    return Row(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        depth=depth,
        name=span.name,
        service=span.service,
        offset_s=(span.start_us - origin_us) / 1e6,
        duration_s=max(0, span.end_us - span.start_us) / 1e6,
        status="running" if running else status,
        critical=critical,
        queue_wait_s=float(wait) if isinstance(wait, int | float) else None,
        node=str(span.attributes.get("headrace.node", "")),
        attempts=attempts if isinstance(attempts, int) else None,
        error=span.error,
    )
