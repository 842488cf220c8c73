"""Metrics in the text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).

Gauges of the present state are read when they are asked for. Counters and histograms are OpenTelemetry's:
what an `InMemoryMetricReader` has collected is written here, without a second registry beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from headrace_coordinator.runtime.port import Coordinator
from headrace_coordinator.store.port import Reader
from headrace_protocol.errors import Unavailable

MEDIA_TYPE = "text/plain; version=0.0.4"
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes"}


class Sample(msgspec.Struct, frozen=True):
    """One line: `suffix` follows the family's name."""

    labels: dict[str, str]
    value: float
    suffix: str = ""


class Family(msgspec.Struct, frozen=True):
    """A metric with its samples."""

    name: str
    kind: str
    """`gauge`, `counter` or `histogram`."""
    text: str
    samples: list[Sample]


async def state_of(coordinator: Coordinator, store: Reader) -> list[Family]:
    """Runs, queues and workers as they are now."""
    counts = sorted((await store.count_runs()).items())
    runs = [
        Sample({"workflow": workflow, "state": state.value}, number) for (workflow, state), number in counts
    ]
    workers: dict[str, int] = {}
    for worker in coordinator.workers():
        workers[worker.state] = workers.get(worker.state, 0) + 1
    ready = coordinator.readiness()
    families = [
        Family("headrace_runs", "gauge", "Runs by workflow and state.", runs),
        Family(
            "headrace_workers",
            "gauge",
            "Workers by state.",
            [Sample({"state": state}, number) for state, number in sorted(workers.items())],
        ),
        Family("headrace_ready", "gauge", "1 when the coordinator is ready.", [Sample({}, int(ready.ready))]),
        Family("headrace_shards_owned", "gauge", "Shards owned here.", [Sample({}, len(ready.shards))]),
    ]
    try:
        return families + await _queues(coordinator)
    except Unavailable:
        return families


async def _queues(coordinator: Coordinator) -> list[Family]:
    queues = await coordinator.queues()
    columns = (
        ("headrace_queue_pending", "Tasks that no worker has.", [one.pending for one in queues]),
        ("headrace_queue_line", "Of those, tasks in the ready lines.", [one.line for one in queues]),
        ("headrace_queue_bound", "Tasks that may be on the bus.", [one.bound for one in queues]),
        ("headrace_queue_in_flight", "Task messages on workers.", [one.in_flight for one in queues]),
        ("headrace_queue_slots", "Slots of the workers that serve the queue.", [one.slots for one in queues]),
    )
    labels = [{"queue": one.queue, "priority": one.priority} for one in queues]
    return [
        Family(
            name, "gauge", text, [Sample(label, value) for label, value in zip(labels, values, strict=True)]
        )
        for name, text, values in columns
    ]


def families_of(collected: object) -> list[Family]:
    """What OpenTelemetry's SDK collected (`MetricsData`, or None when there is nothing)."""
    from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, MetricsData, Sum

    if not isinstance(collected, MetricsData):
        return []
    metrics: list[Metric] = [
        metric
        for resource in collected.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    families: list[Family] = []
    for metric in metrics:
        data, name = metric.data, _name(metric.name, metric.unit)
        if isinstance(data, Histogram):
            samples = [sample for point in data.data_points for sample in _buckets(point)]
            families.append(Family(name, "histogram", metric.description or "", samples))
        elif isinstance(data, Sum | Gauge):
            counter = isinstance(data, Sum) and data.is_monotonic
            samples = [Sample(_labels(point.attributes), point.value) for point in data.data_points]
            full = f"{name.removesuffix('_total')}_total" if counter else name
            families.append(
                Family(full, "counter" if counter else "gauge", metric.description or "", samples)
            )
    return families


def render(families: Iterable[Family]) -> bytes:
    """The text."""
    lines: list[str] = []
    for family in families:
        if family.text:
            lines.append(f"# HELP {family.name} {_escape(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return ("\n".join(lines) + "\n").encode()


def _line(name: str, sample: Sample) -> str:
    pairs = ",".join(f'{key}="{_escape(value, quote=True)}"' for key, value in sample.labels.items())
    labels = f"{{{pairs}}}" if pairs else ""
    return f"{name}{sample.suffix}{labels} {sample.value:.12g}"


def _buckets(point: object) -> list[Sample]:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    if not isinstance(point, HistogramDataPoint):
        return []
    labels = _labels(point.attributes)
    samples: list[Sample] = []
    total = 0
    for bound, count in zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True):
        total += count
        edge = "+Inf" if bound == float("inf") else f"{bound:g}"
        samples.append(Sample({**labels, "le": edge}, total, "_bucket"))
    return [*samples, Sample(labels, point.sum, "_sum"), Sample(labels, point.count, "_count")]


def _labels(attributes: Mapping[str, object] | None) -> dict[str, str]:
    return {_NOT_IN_NAME.sub("_", key): str(value) for key, value in (attributes or {}).items()}


def _name(name: str, unit: str | None) -> str:
    suffix = _UNITS.get(unit or "", "")
    plain = _NOT_IN_NAME.sub("_", name)
    return plain if not suffix or plain.endswith(f"_{suffix}") else f"{plain}_{suffix}"


def _escape(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text
