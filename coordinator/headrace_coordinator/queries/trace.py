"""The trace of a run: our spans and the workers', and the rows of its waterfall.

The coordinator's spans come from the run as it is stored, which says the same as its history (`projection`)
and stays small when a map has a million items; those of attempts from their records, unless the worker has told
more. Spans that are not finished end now and say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import NODE_FINISHED, NodeState, RunState
from headrace_coordinator.queries.attempts import attempt_spans
from headrace_coordinator.queries.projection import node_span, run_span, trigger_span
from headrace_coordinator.queries.runs import FullRun
from headrace_coordinator.queries.waterfall import Row, waterfall
from headrace_coordinator.store.port import StoredRun
from headrace_protocol.ids import derived_span_id
from headrace_protocol.messages import Span

ROWS_SHOWN = 2_000


class TraceView(msgspec.Struct, frozen=True, kw_only=True):
    """The trace of a run, drawn and as spans."""

    run_id: str
    trace_id: str
    sampled: bool
    """False: the publisher asked for this trace not to be exported; it is drawn all the same."""
    duration_s: float
    rows: tuple[Row, ...]
    omitted: int
    """Rows that are not shown because there are too many."""
    spans: tuple[Span, ...]


def trace_view(
    full: FullRun,
    kept: Iterable[Span],
    now_us: int,
    items: Sequence[AttemptRecord] = (),
    max_rows: int = ROWS_SHOWN,
) -> TraceView:
    """The trace of a run. `kept` are the workers' spans of the same trace id, `items` the attempts of its maps' items,
    or as many of them as there are rows."""
    head = full.stored.head
    spans, open_ids = assemble(full, kept, now_us, items)
    maps = (node.map.done for node in full.stored.nodes.values() if node.map is not None)
    unread = max(0, sum(maps) - len(items))
    rows = waterfall(spans, open_ids, root="" if head.trace is None else head.trace.span_id)
    start_us = min((span.start_us for span in spans), default=0)
    end_us = max((span.end_us for span in spans), default=0)
    return TraceView(
        run_id=head.run_id,
        trace_id="" if head.trace is None else head.trace.trace_id,
        sampled=head.trace is not None and head.trace.sampled,
        duration_s=(end_us - start_us) / 1e6,
        rows=tuple(rows[:max_rows]),
        omitted=max(0, len(rows) - max_rows) + unread,
        spans=tuple(spans),
    )


def assemble(
    full: FullRun, kept: Iterable[Span], now_us: int, items: Sequence[AttemptRecord] = ()
) -> tuple[list[Span], frozenset[str]]:
    """The spans of a run, each once, ordered by start; and the ids of those that are not finished."""
    ours, open_ids = _coordinator_spans(full, now_us)
    merged = attempt_spans(full.stored.head, full.definition, [*full.attempts, *items])
    merged |= {span.span_id: span for span in _of_run(full.stored, kept, merged)}
    merged |= {span.span_id: span for span in ours}
    return sorted(merged.values(), key=lambda span: (span.start_us, -span.end_us, span.span_id)), open_ids


def _coordinator_spans(full: FullRun, now_us: int) -> tuple[list[Span], frozenset[str]]:
    head = full.stored.head
    ended_us = head.finished_at_us
    found = [trigger_span(head), run_span(head, ended_us or now_us, head.state, head.error)]
    open_ids = {head.trace.span_id} if head.trace is not None and head.state is RunState.RUNNING else set()
    waits = {
        record.node: max(0, record.started_at_us - record.queued_at_us) / 1e6
        for record in full.attempts
        if record.started_at_us and record.queued_at_us and record.state != "ignored"
    }
    for name, node in full.stored.nodes.items():
        finished = node.state in NODE_FINISHED
        if node.state is NodeState.UPSTREAM_FAILED:
            continue
        error = node.error.message if node.error is not None else node.state.value
        span = node_span(
            head,
            name,
            ready_at_us=node.ready_at_us,
            end_us=(node.finished_at_us or ended_us or now_us) if finished else now_us,
            attempts=node.attempt,
            queue_wait_s=waits.get(name),
            error=error if finished and node.state is not NodeState.SUCCEEDED else "",
        )
        found.append(span)
        if span is not None and not finished:
            open_ids.add(span.span_id)
    return [span for span in found if span is not None], frozenset(open_ids)


def _of_run(stored: StoredRun, kept: Iterable[Span], attempts: Collection[str]) -> list[Span]:
    """The spans that belong to this run: one event may start several runs in one trace. `attempts` are the ids of
    those whose records are known."""
    head = stored.head
    spans = {span.span_id: span for span in kept}
    known = {*attempts, *(derived_span_id(f"{head.run_id}/{name}") for name in stored.nodes)}
    if head.trace is not None:
        known.add(head.trace.span_id)
    belongs: dict[str, bool] = dict.fromkeys(known, True)
    for span_id, span in spans.items():
        path: list[str] = []
        at, answer = span_id, False
        while at:
            if at in belongs:
                answer = belongs[at]
                break
            here = spans.get(at)
            if here is None or at in path:
                break
            path.append(at)
            if here.attributes.get("headrace.run.id") == head.run_id:
                answer = True
                break
            at = here.parent_span_id
        belongs.update(dict.fromkeys(path or [span.span_id], answer))
    return [span for span_id, span in spans.items() if belongs.get(span_id)]
