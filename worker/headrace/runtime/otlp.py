"""Spans on their way to an OTLP endpoint: the user's as the SDK has them, ours encoded by ourselves.

Both wait in the SDK's own batch processor, whose `OTEL_BSP_*` variables hold for all of them, and leave in one
request.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from headrace_protocol.messages import Span
from headrace_protocol.otlp.encode import Origin, encode_span
from headrace_protocol.otlp.senders import SpanSender, span_sender

_SCOPE = "headrace.worker"
_SAMPLED = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Ours(ReadableSpan):
    """A span of ours in the SDK's queue, which asks it only whether it is sampled."""

    def __init__(self, span: Span) -> None:
        self.span = span

    @property
    def context(self) -> SpanContext:
        return _SAMPLED


class _Exporter(SpanExporter):
    """Called in the batch processor's thread."""

    def __init__(self, sender: SpanSender, origin: Origin) -> None:
        self._sender = sender
        self._origin = origin

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        ours = [encode_span(span.span) for span in spans if isinstance(span, _Ours)]
        request = self._origin.request(ours) if ours else b""
        if len(ours) < len(spans):
            theirs = [span for span in spans if not isinstance(span, _Ours)]
            request += encode_spans(theirs).SerializePartialToString()
        return SpanExportResult.SUCCESS if self._sender.send(request) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._sender.shutdown()


class OtlpExport(BatchSpanProcessor):
    """The batch processor, which takes our spans as well."""

    def __init__(self, resource: Resource) -> None:
        """Raises ConfigError for an unknown OTLP protocol."""
        super().__init__(_Exporter(span_sender(), Origin(resource.attributes, _SCOPE)))

    def add(self, span: Span) -> None:
        self.on_end(_Ours(span))
