"""Every attempt as a span, with the user's own spans under it.

The attempt's span id is derived from the attempt, so the coordinator knows it without being told, and a
worker that died leaves no riddle: a redelivery is another span beside the first. Finished spans go to an
OTLP endpoint when the standard OTEL_* variables name one, and over the bus to be read without a tracing
backend.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from functools import partial

import msgspec
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import AttributeValue

from headrace.bus import Bus
from headrace.runtime.attempt import CURRENT, Attempt, Produced
from headrace.runtime.attempt_span import AttemptSpan
from headrace.runtime.failures import text_of
from headrace.runtime.middleware import CallNext
from headrace.runtime.spans import active_span, as_span, links_of, provider, remote_context
from headrace.runtime.telemetry import otlp_wanted
from headrace.runtime.values import utf8
from headrace_protocol import codec, headers
from headrace_protocol.errors import ConfigError
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Span
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.worker")

FLUSH_S = 0.25
BATCH_SPANS = 256
BATCH_BYTES = 512 * 1024
WAITING_SPANS = 50_000
_HEADERS = headers.make()
_SCOPE = InstrumentationScope("headrace.worker")


def otlp_exporter() -> SpanExporter:
    """By OTEL_EXPORTER_OTLP_TRACES_PROTOCOL or OTEL_EXPORTER_OTLP_PROTOCOL; `http/protobuf` unless set."""
    name = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    match name:
        case "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

            return Grpc()
        case "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

            return Http()
        case _:
            raise ConfigError(
                "an OTLP protocol that is not known here",
                where="OTEL_EXPORTER_OTLP_PROTOCOL",
                found=name,
                expected="http/protobuf or grpc",
            )


def _encoded(span: Span) -> msgspec.Raw:
    """The span as it travels; attributes that cannot be encoded travel as text."""
    try:
        return codec.raw(span)
    except (TypeError, ValueError, OverflowError):
        told = {utf8(name): utf8(str(value)) for name, value in span.attributes.items()}
        changed = msgspec.structs.replace(span, name=utf8(span.name), error=utf8(span.error), attributes=told)
        return codec.raw(changed)


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
        for span in spans:
            weight = memoryview(span).nbytes
            if batch and (size + weight > BATCH_BYTES or len(batch) >= BATCH_SPANS):
                self._publish(queue, batch)
                batch, size = [], 0
            batch.append(span)
            size += weight
        self._publish(queue, batch)

    def _publish(self, queue: str, batch: list[msgspec.Raw]) -> None:
        body = codec.encode({"worker": self._worker, "spans": batch})
        self._bus.send(self._subjects.span(queue), body, headers=_HEADERS)


class Tracing:
    """The middleware that makes the attempt's span, and the exporters behind it."""

    def __init__(self, shipper: SpanShipper | None, worker: str, *, otlp: bool = True) -> None:
        """`otlp`: export to the endpoint that the environment names, if any; raises ConfigError for an OTLP
        protocol that is not known."""
        tracers, self._fanout = provider()
        self._worker = worker
        self._shipper = shipper
        self._listeners: list[SpanProcessor] = [shipper] if shipper else []
        self._otlp = BatchSpanProcessor(otlp_exporter()) if otlp and otlp_wanted() else None
        if self._otlp is not None:
            self._listeners.append(self._otlp)
        self._sampler = tracers.sampler
        self._resource = tracers.resource
        self._service = str(tracers.resource.attributes.get(SERVICE_NAME, ""))
        self._fanout.listeners += self._listeners

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Produced:
        span = self._span(attempt)
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            return await call_next(attempt)
        except asyncio.CancelledError:
            span.set_status(StatusCode.ERROR, attempt.stop or "cancelled")
            raise
        except BaseException as error:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {text_of(error)}")
            raise
        finally:
            otel_context.detach(token)
            span.end()

    def _span(self, attempt: Attempt) -> trace.Span:
        message, trace_id = attempt.message, int(attempt.trace_id, 16)
        sampled = self._is_sampled(message.trace, trace_id)
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        state = (
            TraceState.from_header([message.trace.state]) if message.trace and message.trace.state else None
        )
        context = SpanContext(trace_id, int(attempt.span_id, 16), False, flags, state)
        if not sampled:
            return NonRecordingSpan(context)
        return AttemptSpan(
            context,
            f"attempt {message.node}",
            attempt.started_at_us,
            self._attributes(attempt),
            partial(self._ended, attempt),
        )

    def _is_sampled(self, parent: TraceContext | None, trace_id: int) -> bool:
        if parent is not None and isinstance(self._sampler, ParentBased):
            return parent.sampled
        context = remote_context(parent) if parent is not None else None
        decision = self._sampler.should_sample(context, trace_id, "attempt").decision
        return decision is Decision.RECORD_AND_SAMPLE

    def _ended(self, attempt: Attempt, ended: AttemptSpan) -> None:
        parent = attempt.message.trace
        span = Span(
            trace_id=attempt.trace_id,
            span_id=attempt.span_id,
            name=ended.name,
            start_us=ended.start_us,
            end_us=ended.end_us,
            parent_span_id=parent.span_id if parent else "",
            kind="consumer",
            service=self._service,
            attributes=dict(ended.attributes),
            error=ended.error,
            links=tuple(links_of(ended.links)),
        )
        if self._shipper is not None:
            self._shipper.adopt(attempt, (span,))
        if self._otlp is not None:
            self._otlp.on_end(self._readable(span, ended.events))

    def _attributes(self, attempt: Attempt) -> dict[str, AttributeValue]:
        message = attempt.message
        found: dict[str, AttributeValue] = {
            "headrace.run.id": message.run_id,
            "headrace.workflow": message.workflow,
            "headrace.node": message.node,
            "headrace.task": message.task,
            "headrace.attempt": message.attempt,
            "headrace.delivery": attempt.delivery,
            "headrace.queue": message.queue,
            "headrace.queue_wait_s": max(0, attempt.started_at_us - message.queued_at_us) / 1e6,
            "headrace.worker.id": self._worker,
        }
        if message.item is not None:
            found["headrace.item"] = message.item
        return found

    def adopt(self, attempt: Attempt, spans: Sequence[Span]) -> None:
        """Pass on spans that ended in a warm process."""
        if self._shipper is not None:
            self._shipper.adopt(attempt, spans)
        if self._otlp is not None:
            for span in spans:
                self._otlp.on_end(self._readable(span))

    def _readable(self, span: Span, events: Sequence[Event] = ()) -> ReadableSpan:
        trace_id, sampled = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
        parent = int(span.parent_span_id or "0", 16)
        return ReadableSpan(
            span.name,
            SpanContext(trace_id, int(span.span_id, 16), False, sampled),
            SpanContext(trace_id, parent, False, sampled) if parent else None,
            self._resource,
            {name: value for name, value in span.attributes.items() if isinstance(value, str | int | float)},
            events,
            kind=SpanKind[span.kind.upper()],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.start_us * 1_000,
            end_time=span.end_us * 1_000,
            instrumentation_scope=_SCOPE,
        )

    def active(self) -> TraceContext | None:
        return active_span()

    def flush(self) -> None:
        if self._shipper is not None:
            self._shipper.flush()

    async def close(self) -> None:
        for listener in self._listeners:
            self._fanout.listeners.remove(listener)
        if self._otlp is not None:  # it waits for its endpoint: not on the loop
            await asyncio.to_thread(self._otlp.shutdown)
