"""History as spans: what the coordinator adds to the trace of a run.

    publisher → trigger → run → task → attempt → the user's own spans
                ^^^^^^^   ^^^   ^^^^

The three underlined are ours. Their ids are derived, so the same history gives the same spans after any
restart, and sending them twice is harmless.
"""

from __future__ import annotations

from headrace_coordinator.engine.state import RunHead, RunState
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.ids import attempt_key, derived_span_id
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, Span

SERVICE = "headrace-coordinator"
LOST = "/lost"
"""Ends the name of a lost attempt's span: its worker may live on, and tell of its own."""
RUN_ENDS = frozenset({"run.succeeded", "run.failed", "run.cancelled"})
NODE_ENDS = frozenset({"node.succeeded", "node.failed", "node.cancelled", "node.upstream_failed"})
LOSSES = frozenset({"node.lost", "item.lost"})
ENDS = RUN_ENDS | NODE_ENDS | LOSSES | {"run.created"}
"""Kinds of events with which a span ends."""


def spans_of(head: RunHead, batch: LifecycleBatch) -> list[Span]:
    """The spans that end with the events of a batch. `head` is the run as it is after them, or later.

    A node that was never ready has no span: nothing happened to it.
    """
    found = [_span_of(head, event) for event in batch.events if event.kind in ENDS]
    return [span for span in found if span is not None]


def run_span(head: RunHead, end_us: int, state: RunState, error: ErrorInfo | None) -> Span | None:
    """The span of the whole run, under the trigger's (or the publisher's). The head may be ahead of its end: somebody
    may have ordered that the run goes on."""
    if head.trace is None:
        return None
    attributes: dict[str, object] = {
        **_run_attributes(head),
        "headrace.workflow.version": head.version,
        "headrace.trigger": head.trigger,
        "headrace.run.state": state.value,
    }
    if head.event_id:
        attributes |= {"cloudevents.event_id": head.event_id, "cloudevents.event_source": head.event_source}
    return Span(
        trace_id=head.trace.trace_id,
        span_id=head.trace.span_id,
        parent_span_id=head.parent_span_id or head.publisher_span_id,
        name=f"run {head.workflow}",
        start_us=head.created_at_us,
        end_us=max(end_us, head.created_at_us),
        service=SERVICE,
        attributes=attributes,
        error=run_error(state, error),
    )


def trigger_span(head: RunHead) -> Span | None:
    """From the moment the coordinator saw what starts the run until the run was committed."""
    if head.trace is None or not head.parent_span_id or head.parent_span_id == head.publisher_span_id:
        return None
    start_us = head.received_at_us or head.created_at_us
    attributes = _run_attributes(head)
    if head.scheduled_at_us is not None:
        attributes["headrace.scheduled_at_us"] = head.scheduled_at_us
    if head.event_id:
        attributes |= {"cloudevents.event_id": head.event_id, "cloudevents.event_source": head.event_source}
    return Span(
        trace_id=head.trace.trace_id,
        span_id=head.parent_span_id,
        parent_span_id=head.publisher_span_id,
        name=f"trigger {head.trigger}",
        start_us=start_us,
        end_us=max(head.created_at_us, start_us),
        kind="consumer" if head.event_id else "internal",
        service=SERVICE,
        attributes=attributes,
    )


def node_span(
    head: RunHead,
    node: str,
    *,
    ready_at_us: int,
    end_us: int,
    attempts: int,
    queue_wait_s: float | None = None,
    error: str = "",
) -> Span | None:
    """The span of one task of the run: from its last dependency met to its end."""
    if head.trace is None or not ready_at_us:
        return None
    attributes: dict[str, object] = {
        "headrace.run.id": head.run_id,
        "headrace.workflow": head.workflow,
        "headrace.node": node,
        "headrace.attempts": attempts,
    }
    if queue_wait_s is not None:
        attributes["headrace.queue_wait_s"] = queue_wait_s
    return Span(
        trace_id=head.trace.trace_id,
        span_id=derived_span_id(f"{head.run_id}/{node}"),
        parent_span_id=head.trace.span_id,
        name=f"task {node}",
        start_us=ready_at_us,
        end_us=max(end_us, ready_at_us),
        service=SERVICE,
        attributes=attributes,
        error=error,
    )


def lost_span(head: RunHead, event: LifecycleEvent) -> Span | None:
    """The span of an attempt that was lost with its worker, which cannot tell of it any more."""
    if head.trace is None:
        return None
    key = attempt_key(head.run_id, event.node, event.item, event.attempt)
    start_us = _time(event, "started_at_us") or _time(event, "queued_at_us") or event.at_us
    attributes: dict[str, object] = {
        **_run_attributes(head),
        "headrace.node": event.node,
        "headrace.attempt": event.attempt,
        "headrace.lost": True,
        "headrace.worker.id": event.data.get("worker", ""),
    }
    if event.item is not None:
        attributes["headrace.item"] = event.item
    return Span(
        trace_id=head.trace.trace_id,
        span_id=derived_span_id(key + LOST),
        parent_span_id=derived_span_id(f"{head.run_id}/{event.node}"),
        name=f"attempt {event.node}",
        start_us=start_us,
        end_us=max(event.at_us, start_us),
        kind="consumer",
        service=SERVICE,
        attributes=attributes,
        error=event.error.message if event.error is not None else "lost",
    )


def run_error(state: RunState, error: ErrorInfo | None) -> str:
    """What a run's span says of its error; empty for a run that succeeded or still runs."""
    if state in {RunState.FAILED, RunState.CANCELLED}:
        return error.message if error is not None else state.value
    return ""


def _run_attributes(head: RunHead) -> dict[str, object]:
    return {"headrace.run.id": head.run_id, "headrace.workflow": head.workflow}


def _span_of(head: RunHead, event: LifecycleEvent) -> Span | None:
    if event.kind == "run.created":
        return trigger_span(head)
    if event.kind in RUN_ENDS:
        return run_span(head, event.at_us, RunState(event.kind.removeprefix("run.")), event.error)
    if event.kind in LOSSES:
        return lost_span(head, event)
    queued_us, started_us = _time(event, "queued_at_us"), _time(event, "started_at_us")
    wait_s = max(0, started_us - queued_us) / 1e6 if queued_us and started_us else None
    error = event.error.message if event.error is not None else event.kind.removeprefix("node.")
    return node_span(
        head,
        event.node,
        ready_at_us=_time(event, "ready_at_us"),
        end_us=event.at_us,
        attempts=event.attempt,
        queue_wait_s=wait_s,
        error="" if event.kind == "node.succeeded" else error,
    )


def _time(event: LifecycleEvent, name: str) -> int:
    value = event.data.get(name)
    return value if isinstance(value, int) else 0
