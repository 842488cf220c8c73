"""What the coordinator counts and times, told to OpenTelemetry off the hot path.

Counting is adding to a dictionary; OpenTelemetry reads the sums when it exports. A histogram records at most
`RECORDED_PER_S` values a second, evenly enough for percentiles: the SDK's own bookkeeping costs as much as a
transition does.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

RECORDED_PER_S = 200
SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    300,
    900,
    3_600,
    14_400,
)
"""Where the buckets of a duration end: from a hop on the bus to a night's work."""

_meter = metrics.get_meter("headrace.coordinator")


class Count:
    """A sum for each combination of labels."""

    def __init__(self, name: str, unit: str, description: str, *labels: str, falls: bool = False) -> None:
        self._labels = labels
        self._sums: defaultdict[tuple[str, ...], int] = defaultdict(int)
        if falls:
            _meter.create_observable_up_down_counter(name, [self._observe], unit, description)
        else:
            _meter.create_observable_counter(name, [self._observe], unit, description)

    def add(self, amount: int, *labels: str) -> None:
        self._sums[labels] += amount

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(total, dict(zip(self._labels, labels, strict=True)))
            for labels, total in list(self._sums.items())
        ]


class Timing:
    """A histogram that records a bounded number of values a second."""

    def __init__(self, name: str, unit: str, description: str, buckets: Sequence[float] = SECONDS) -> None:
        self._histogram = _meter.create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=buckets
        )
        self._second = 0
        self._left = 0

    def record(self, value: float) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, RECORDED_PER_S
        if self._left:
            self._left -= 1
            self._histogram.record(value)


runs_started = Count("headrace.runs.started", "{run}", "Runs accepted", "workflow")
runs_finished = Count("headrace.runs.finished", "{run}", "Runs that ended", "state", "workflow")
tasks_finished = Count("headrace.tasks.finished", "{attempt}", "Attempts that ended", "state", "workflow")
dead_letters = Count("headrace.dead_letters", "{message}", "Messages put to the dead letters", "code")
event_verdicts = Count(
    "headrace.events.verdicts",
    "{verdict}",
    "What triggers made of events; `no_trigger`: none listens to the type",
    "verdict",
    "workflow",
)
results_deleted = Count(
    "headrace.results.deleted", "{object}", "Stored results deleted because nothing needs them", "why"
)
results_freed = Count("headrace.results.freed", "By", "What they took")
results_left = Count(
    "headrace.results.left",
    "{object}",
    "Stored results that nothing needs and that cannot be deleted from here",
)
outbox_depth = Count(
    "headrace.outbox.depth", "{message}", "Committed messages that the bus has not confirmed", falls=True
)
queue_wait = Timing("headrace.task.queue_wait", "s", "From dispatch to the start of an attempt")
run_duration = Timing("headrace.run.duration", "s", "From acceptance to the end of a run")
attempt_duration = Timing("headrace.task.duration", "s", "From the start of an attempt to its end")
batch_size = Timing(
    "headrace.turn.inputs",
    "{input}",
    "Envelopes in one turn of a shard's loop",
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
loop_held = Count("headrace.loop.held", "{time}", "Times that something held the loop for more than 250 ms")
commit_duration = Timing("headrace.turn.commit", "s", "Duration of a turn's transaction")
