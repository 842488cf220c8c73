"""Attempts as spans. An attempt that went as it should is not told as a span by its worker: its record says as much."""

from __future__ import annotations

from collections.abc import Iterable

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.queries.projection import LOST
from headrace_protocol.definition import NodeDefinition, WorkflowDefinition
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.ids import attempt_key, derived_span_id
from headrace_protocol.messages import Span

SERVICE = "headrace-worker"


def attempt_spans(
    head: RunHead, definition: WorkflowDefinition, records: Iterable[AttemptRecord]
) -> dict[str, Span]:
    """The spans that workers have made of attempts, by their ids, which are derived."""
    if head.trace is None:
        return {}
    nodes = {node.id: node for node in definition.nodes}
    found = (
        _span(head, head.trace.trace_id, nodes[record.node], record)
        for record in records
        if record.node in nodes
    )
    return {span.span_id: span for span in found}


def _span(head: RunHead, trace_id: str, node: NodeDefinition, record: AttemptRecord) -> Span:
    started_us = record.started_at_us or record.queued_at_us or record.finished_at_us
    attributes: dict[str, object] = {
        "headrace.run.id": head.run_id,
        "headrace.workflow": head.workflow,
        "headrace.node": record.node,
        "headrace.task": node.task,
        "headrace.attempt": record.attempt,
        "headrace.delivery": record.delivery,
        "headrace.queue": node.options.queue,
        "headrace.worker.id": record.worker,
    }
    if record.queued_at_us and record.started_at_us:
        attributes["headrace.queue_wait_s"] = max(0, record.started_at_us - record.queued_at_us) / 1e6
    if record.item is not None:
        attributes["headrace.item"] = record.item
    if record.state in ("ignored", "lost"):
        attributes[f"headrace.{record.state}"] = True
    key = attempt_key(head.run_id, record.node, record.item, record.attempt)
    return Span(
        trace_id=trace_id,
        span_id=derived_span_id(key + _suffix(record)),
        parent_span_id=derived_span_id(f"{head.run_id}/{record.node}"),
        name=f"attempt {record.node}",
        start_us=started_us,
        end_us=max(record.finished_at_us, started_us),
        kind="consumer",
        service=SERVICE,
        attributes=attributes,
        error="" if record.error is None else _told(record.error),
    )


def _suffix(record: AttemptRecord) -> str:
    """What tells it from the span of the worker: one that was taken for lost may live on and tell of its own."""
    if record.state == "lost":
        return LOST
    return "" if record.delivery <= 1 else f"/delivery-{record.delivery}"


def _told(error: ErrorInfo) -> str:
    """As the worker says it: the type's own name, and the message."""
    return error.named if error.kind else error.message
