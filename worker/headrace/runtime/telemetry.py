"""Whether anything listens to spans: asked before OpenTelemetry is imported, which takes its time."""

from __future__ import annotations

import os


def tracing_wanted(*, keep_spans: bool) -> bool:
    """By the settings and the standard variables
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return keep_spans or otlp_wanted()


def otlp_wanted() -> bool:
    """An endpoint is named, and OTEL_TRACES_EXPORTER does not say otherwise."""
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
    endpoints = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return "otlp" in exporters and any(os.environ.get(name) for name in endpoints)
