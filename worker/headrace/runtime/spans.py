"""OpenTelemetry spans as our own: recorded, converted, and put under the attempt's span.

One provider serves the process: OpenTelemetry allows it to be set once. What listens to it comes and goes
with the worker (`Fanout`). A provider that the user's own module has set is kept, and listened to.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Span, SpanEvent, SpanLink

SERVICE = "headrace-worker"


class Fanout(SpanProcessor):
    """Passes ended spans on to whoever listens at the moment."""

    def __init__(self) -> None:
        self.listeners: list[SpanProcessor] = []

    def on_end(self, span: ReadableSpan) -> None:
        for listener in self.listeners:
            listener.on_end(span)


_fanout = Fanout()
_installed: TracerProvider | None = None


def provider() -> tuple[TracerProvider, Fanout]:
    """The process' tracer provider, and what its ended spans go through."""
    global _installed  # noqa: PLW0603 - OpenTelemetry's provider is global, and can be set only once
    if _installed is None:
        existing = trace.get_tracer_provider()
        if isinstance(existing, TracerProvider):
            _installed = existing
        else:
            resource = Resource.create() if _service_is_set() else Resource.create({SERVICE_NAME: SERVICE})
            _installed = TracerProvider(resource=resource)
            trace.set_tracer_provider(_installed)
        _installed.add_span_processor(_fanout)
    return _installed, _fanout


def _service_is_set() -> bool:
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )


def remote_context(span: TraceContext) -> otel_context.Context:
    """A context in which the given span is the parent of what is started."""
    flags = TraceFlags(TraceFlags.SAMPLED if span.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([span.state]) if span.state else None
    parent = SpanContext(int(span.trace_id, 16), int(span.span_id, 16), True, flags, state)
    return trace.set_span_in_context(NonRecordingSpan(parent))


def active_span() -> TraceContext | None:
    """The span that is active here, as it travels."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return TraceContext(
        format(found.trace_id, "032x"),
        format(found.span_id, "016x"),
        found.trace_flags.sampled,
        found.trace_state.to_header(),
    )


def as_span(span: ReadableSpan) -> Span:
    """A finished span as a message carries it."""
    own = span.get_span_context()
    return Span(
        trace_id=format(own.trace_id, "032x") if own else "",
        span_id=format(own.span_id, "016x") if own else "",
        name=span.name,
        start_us=(span.start_time or 0) // 1_000,
        end_us=(span.end_time or 0) // 1_000,
        parent_span_id=format(span.parent.span_id, "016x") if span.parent else "",
        kind=span.kind.name.lower(),
        service=str(span.resource.attributes.get(SERVICE_NAME, "")),
        attributes=dict(span.attributes or {}),
        error=(span.status.description or "error") if span.status.status_code is StatusCode.ERROR else "",
        links=tuple(links_of(span.links)),
        events=tuple(
            SpanEvent(event.name, event.timestamp // 1_000, dict(event.attributes or {}))
            for event in span.events
        ),
    )


def links_of(links: Sequence[Link]) -> Iterator[SpanLink]:
    for link in links:
        yield SpanLink(format(link.context.trace_id, "032x"), format(link.context.span_id, "016x"))


class SpanRecorder(SpanProcessor):
    """Keeps ended spans for its owner to take."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []
        self._lock = threading.Lock()
        provider()[1].listeners.append(self)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            with self._lock:
                self._spans.append(span)

    def take(self) -> Sequence[Span]:
        with self._lock:
            spans, self._spans = self._spans, []
        return [as_span(span) for span in spans]

    @contextmanager
    def inside(self, span: TraceContext) -> Iterator[None]:
        """Spans started inside are children of the given one."""
        token = otel_context.attach(remote_context(span))
        try:
            yield
        finally:
            otel_context.detach(token)
