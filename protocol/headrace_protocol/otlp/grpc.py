"""OTLP over gRPC. The exporter sends a message and not its bytes: it is made of them just before."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult


class GrpcSender(OTLPSpanExporter):
    """See `headrace_protocol.otlp.senders.SpanSender`."""

    def send(self, request: bytes) -> bool:
        message = ExportTraceServiceRequest.FromString(request)
        return self._export(message) is SpanExportResult.SUCCESS

    def _translate_data(self, data: ExportTraceServiceRequest) -> ExportTraceServiceRequest:  # type: ignore[override]
        return data

    def _count_data(self, data: ExportTraceServiceRequest) -> int:  # type: ignore[override]
        return sum(len(scope.spans) for found in data.resource_spans for scope in found.scope_spans)
