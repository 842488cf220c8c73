"""Exports the coordinator's spans over OTLP, from the history, once committed and at least once."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from headrace_coordinator.queries.projection import spans_of
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.store.port import Store
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.telemetry.setup import SERVICE
from headrace_protocol.messages import LifecycleBatch, Span

log = logging.getLogger("headrace.telemetry")

CURSOR = "telemetry.exported"
PAGE = 500
LINGER_S = 0.2
RETRY_S = (1.0, 5.0, 15.0)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_KINDS = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER, "server": SpanKind.SERVER}


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """A span of ours as the SDK's exporters take it."""
    trace_id = int(span.trace_id, 16)
    parent = None
    if span.parent_span_id:
        parent = SpanContext(trace_id, int(span.parent_span_id, 16), is_remote=True, trace_flags=_SAMPLED)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
        parent=parent,
        resource=resource,
        attributes={k: v for k, v in span.attributes.items() if isinstance(v, str | bool | int | float)},
        links=[
            Link(SpanContext(int(link.trace_id, 16), int(link.span_id, 16), is_remote=True))
            for link in span.links
        ],
        kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
        start_time=span.start_us * 1_000,
        end_time=span.end_us * 1_000,
    )


class TraceExporter:
    """Follows the history and hands its spans to an SDK exporter."""

    def __init__(self, exporter: SpanExporter, store: Store, changes: Changes, clock: Clock) -> None:
        self._exporter = exporter
        self._store = store
        self._changes = changes
        self._clock = clock
        self._resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
        self._position = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._position = await self._store.cursor(CURSOR)
        self._task = asyncio.create_task(self._follow(), name="trace exporter")

    async def stop(self) -> None:
        """Export what is committed, then end; a backend that does not answer is not waited for."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await asyncio.wait_for(self._export_pages(), 3.0)
        except TimeoutError:
            log.warning("the last spans could not be exported; the next start exports them")
        await asyncio.to_thread(self._exporter.shutdown)

    async def _follow(self) -> None:
        async with self._changes.listen() as changes:
            await self._export_pages()
            async for _ in changes:
                await self._clock.sleep(LINGER_S)
                await self._export_pages()

    async def _export_pages(self) -> None:
        while self._position < self._changes.position:
            batches = await self._store.history(None, self._position, PAGE)
            if not batches:
                return
            await self._export(await self._spans(batches))
            self._position = batches[-1].position
            await self._store.commit(Transaction(cursors={CURSOR: self._position}))

    async def _spans(self, batches: list[LifecycleBatch]) -> list[Span]:
        runs = {run_id: await self._store.run(run_id) for run_id in {batch.run_id for batch in batches}}
        spans: list[Span] = []
        for batch in batches:
            stored = runs[batch.run_id]
            if stored is not None and (stored.head.trace is None or stored.head.trace.sampled):
                spans += spans_of(stored.head, batch)
        return spans

    async def _export(self, spans: Sequence[Span]) -> None:
        readables = [readable(span, self._resource) for span in spans]
        attempt = 0
        while readables:
            result = await asyncio.to_thread(self._exporter.export, readables)
            if result is SpanExportResult.SUCCESS:
                return
            await self._clock.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1
