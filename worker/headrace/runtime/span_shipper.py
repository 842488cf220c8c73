"""Finished spans over the bus, to be read without a tracing backend."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from headrace.bus import Bus
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.spans import as_span
from headrace.runtime.values import utf8
from headrace_protocol import codec, headers
from headrace_protocol.messages import Span, SpanEvent
from headrace_protocol.subjects import Subjects

FLUSH_S = 0.25
BATCH_SPANS = 256
BATCH_BYTES = 512 * 1024
WAITING_SPANS = 50_000
_HEADERS = headers.make()


def _encoded(span: Span) -> msgspec.Raw:
    """The span as it travels; attributes that cannot be encoded travel as text."""
    try:
        return codec.raw(span)
    except (TypeError, ValueError, OverflowError):
        changed = msgspec.structs.replace(
            span,
            name=utf8(span.name),
            error=utf8(span.error),
            attributes=_told(span.attributes),
            events=tuple(
                SpanEvent(utf8(event.name), event.at_us, _told(event.attributes)) for event in span.events
            ),
        )
        return codec.raw(changed)


def _told(attributes: dict[str, object]) -> dict[str, object]:
    return {utf8(name): utf8(str(value)) for name, value in attributes.items()}


class SpanShipper(SpanProcessor):
    """Ended spans on their way to the bus; they may come from any thread."""

    def __init__(self, bus: Bus, subjects: Subjects, worker: str, otherwise: str) -> None:
        """`otherwise` is the queue of spans that end outside of any attempt."""
        self._bus = bus
        self._subjects = subjects
        self._worker = worker
        self._otherwise = otherwise
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[str, ReadableSpan | Span]] = []
        self._timer: asyncio.TimerHandle | None = None

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled or len(self._waiting) >= WAITING_SPANS:
            return
        attempt = CURRENT.get()
        self._waiting.append((attempt.message.queue if attempt else self._otherwise, span))
        if len(self._waiting) == 1:
            try:
                self._loop.call_soon_threadsafe(self._schedule)
            except RuntimeError:  # an abandoned thread ends its span after the worker has stopped
                return

    def adopt(self, attempt: Attempt, spans: Sequence[Span]) -> None:
        """Spans that ended in another process."""
        self._waiting += [(attempt.message.queue, span) for span in spans]
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        queues: dict[str, list[msgspec.Raw]] = {}
        for queue, span in waiting:
            found = as_span(span) if isinstance(span, ReadableSpan) else span
            queues.setdefault(queue, []).append(_encoded(found))
        for queue, spans in queues.items():
            self._send(queue, spans)

    def _send(self, queue: str, spans: list[msgspec.Raw]) -> None:
        batch: list[msgspec.Raw] = []
        size = 0
        room = min(BATCH_BYTES, self._bus.max_payload_bytes // 2)
        for span in spans:
            weight = memoryview(span).nbytes
            if batch and (size + weight > room or len(batch) >= BATCH_SPANS):
                self._publish(queue, batch)
                batch, size = [], 0
            batch.append(span)
            size += weight
        self._publish(queue, batch)

    def _publish(self, queue: str, batch: list[msgspec.Raw]) -> None:
        body = codec.encode({"worker": self._worker, "spans": batch})
        self._bus.send(self._subjects.span(queue), body, headers=_HEADERS)
