"""The standard variables decide what is sampled and exported."""

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

from headrace_coordinator.telemetry.setup import root_sampler, span_exporter
from headrace_protocol.errors import ConfigError
from headrace_protocol.ids import derived_trace_id

IDS = [derived_trace_id(str(number)) for number in range(4_000)]


def share() -> float:
    sampled = root_sampler()
    return sum(map(sampled, IDS)) / len(IDS)


def test_everything_is_sampled_by_default() -> None:
    assert share() == 1


@pytest.mark.parametrize(
    ("name", "argument", "low", "high"),
    [
        ("always_off", "1", 0, 0),
        ("parentbased_always_off", "1", 0, 0),
        ("traceidratio", "0.25", 0.2, 0.3),
        ("parentbased_traceidratio", "0.25", 0.2, 0.3),
    ],
)
def test_samplers(monkeypatch: pytest.MonkeyPatch, name: str, argument: str, low: float, high: float) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert low <= share() <= high


@pytest.mark.parametrize(
    ("name", "argument"), [("sometimes", "1"), ("traceidratio", "2"), ("traceidratio", "x")]
)
def test_a_wrong_sampler_is_told(monkeypatch: pytest.MonkeyPatch, name: str, argument: str) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    with pytest.raises(ConfigError, match="sampler"):
        root_sampler()


def test_exporters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert span_exporter() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    http = span_exporter()
    assert isinstance(http, Http)
    http.shutdown()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    grpc = span_exporter()
    assert isinstance(grpc, Grpc)
    grpc.shutdown()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert span_exporter() is None
