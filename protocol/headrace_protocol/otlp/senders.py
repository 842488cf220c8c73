"""Who takes requests that are encoded already: the SDK's own exporters, one for each protocol."""

from __future__ import annotations

import os
from typing import Protocol

from headrace_protocol.errors import ConfigError

_PROTOCOL = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class SpanSender(Protocol):
    """Sends requests, one at a time, and waits for the answer: not on the loop.

    What the other `OTEL_EXPORTER_OTLP_*` variables say of endpoint, headers, certificates, compression and timeouts
    is the exporter's to read, and so is trying again.
    """

    def send(self, request: bytes) -> bool:
        """Whether the endpoint has taken an encoded `ExportTraceServiceRequest`."""
        ...

    def shutdown(self) -> None: ...


def span_sender() -> SpanSender:
    """By the protocol that the environment names, `http/protobuf` unless it does. Raises ConfigError for one that is
    not known here."""
    name = next((found for found in map(os.environ.get, _PROTOCOL) if found), "http/protobuf")
    match name:
        case "grpc":
            from headrace_protocol.otlp.grpc import GrpcSender

            return GrpcSender()
        case "http/protobuf":
            from headrace_protocol.otlp.http import HttpSender

            return HttpSender()
        case _:
            raise ConfigError(
                "an OTLP protocol that is not known here",
                where=" or ".join(_PROTOCOL),
                found=name,
                expected="http/protobuf or grpc",
            )
