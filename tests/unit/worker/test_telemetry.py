"""When spans are wanted, by the standard variables."""

import pytest

from headrace.runtime.telemetry import otlp_wanted, tracing_wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
TRACES = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}


@pytest.mark.parametrize(
    ("variables", "otlp", "any_at_all"),
    [
        ({}, False, False),
        (ENDPOINT, True, True),
        (TRACES, True, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp"}, True, True),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, True, False),
    ],
)
def test_wanted(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], otlp: bool, any_at_all: bool
) -> None:
    for name in (*ENDPOINT, *TRACES, "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert otlp_wanted() is otlp
    assert tracing_wanted(keep_spans=False) is any_at_all
    assert tracing_wanted(keep_spans=True) is (variables.get("OTEL_SDK_DISABLED") != "true")
