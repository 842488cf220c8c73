"""OTLP over gRPC. The exporter wants a message and not its bytes: it is made of them just before it is sent."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult


class GrpcSender(OTLPSpanExporter):
    """See `headrace_protocol.otlp.senders.SpanSender`."""

    def send(self, request: bytes) -> bool:
        return self._export(request) is SpanExportResult.SUCCESS  # type: ignore[arg-type]

    def _translate_data(self, data: bytes) -> ExportTraceServiceRequest:  # type: ignore[override]
        request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(data)
        return request

    def _count_data(self, data: bytes) -> int:  # type: ignore[override]
        return len(self._translate_data(data).resource_spans)
