"""Exporters from the standard `OTEL_*` variables (https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from headrace_protocol.errors import ConfigError
from headrace_protocol.otlp.senders import SpanSender, span_sender

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter

SERVICE = "headrace-coordinator"


def _wanted(signal: str) -> bool:
    """Whether a signal is to be exported: an endpoint is named and nothing turns it off."""
    env = os.environ
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get(f"OTEL_{signal}_EXPORTER") == "none":
        return False
    return bool(
        env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or env.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        or env.get(f"OTEL_{signal}_EXPORTER") == "otlp"
    )


def span_exporter() -> SpanSender | None:
    """The OTLP exporter that the environment asks for, None when it asks for none. Raises ConfigError for a protocol
    that is not known."""
    return span_sender() if _wanted("TRACES") else None


def root_sampler() -> Callable[[str], bool]:
    """Whether a run without a traced caller is sampled, as `OTEL_TRACES_SAMPLER` says; by default all are.

    A caller's own decision always wins, so the `parentbased_` names mean the same as those without.
    Raises ConfigError for a sampler that is not of the specification.
    """
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_") or "always_on"
    if name == "always_on":
        return lambda trace_id: True
    if name == "always_off":
        return lambda trace_id: False
    share = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        if name != "traceidratio" or not 0 <= float(share) <= 1:
            raise ValueError
    except ValueError:
        raise ConfigError(
            "the sampler cannot be used",
            where="OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG",
            found=f"{name}, {share}",
            expected="always_on, always_off, or traceidratio with a share from 0 to 1",
        ) from None
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    bound = TraceIdRatioBased.get_bound_for_rate(float(share))
    return lambda trace_id: int(trace_id[16:], 16) < bound


def _metric_exporter() -> MetricExporter:
    env = os.environ
    protocol = env.get("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") or env.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    if protocol.startswith("grpc"):
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

    return Http()


def start_metrics() -> Callable[[], object]:
    """Install the meter provider, with OTLP when the environment asks for it; returns what reads its metrics."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        InMemoryMetricReader,
        MetricReader,
        PeriodicExportingMetricReader,
    )
    from opentelemetry.sdk.resources import Resource

    shown = InMemoryMetricReader()
    readers: list[MetricReader] = [shown]
    if _wanted("METRICS"):
        readers.append(PeriodicExportingMetricReader(_metric_exporter()))
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
    metrics.set_meter_provider(MeterProvider(readers, resource=resource))
    return shown.get_metrics_data
