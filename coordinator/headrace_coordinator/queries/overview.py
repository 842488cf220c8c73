"""How things are going: what ran, what failed, what waits. Read from tallies and bounded lists, whatever is stored."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.statistics import COUNTED, RunCount, bounded
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import Reader, RunFilter
from headrace_coordinator.store.records import (
    OLD_TALLY_S,
    TALLY_AGE_S,
    TALLY_S,
    LetterState,
    Tally,
    TallyKind,
)
from headrace_coordinator.store.waits import quantile_s

FAILURES_SHOWN = 10
RECENT_SHOWN = 20


class Window(StrEnum):
    """How far back an overview looks."""

    QUARTER = "15m"
    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    WEEK = "7d"


SPANS: dict[Window, tuple[int, int]] = {
    Window.QUARTER: (900, 60),
    Window.HOUR: (3_600, 60),
    Window.SIX_HOURS: (21_600, 360),
    Window.DAY: (86_400, 3_600),
    Window.WEEK: (604_800, 10_800),
}
"""Length and bucket in seconds: of whole minutes as far back as tallies are kept by the minute, of hours beyond."""


class QueueWait(msgspec.Struct, frozen=True, kw_only=True):
    """How long attempts waited for a worker."""

    queue: str
    count: int
    p50_s: float | None
    p95_s: float | None


class OverviewBucket(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a span of time: words that did not occur are left out."""

    from_us: int
    runs: dict[str, int]
    """`started`, `retried`, `succeeded`, `failed`, `cancelled`."""
    tasks: dict[str, int]
    """Attempts that ended: `succeeded`, `failed`, `cancelled`, `ignored`."""
    wait_p50_s: float | None
    wait_p95_s: float | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The state of everything."""

    now_us: int
    window_s: int
    bucket_s: int
    from_us: int
    runs: dict[str, int]
    tasks: dict[str, int]
    running: RunCount
    dead_letters: RunCount
    """Open ones."""
    series: tuple[OverviewBucket, ...]
    queue_wait: tuple[QueueWait, ...]
    failures: tuple[RunSummary, ...]
    """The newest runs created in the window that failed."""
    recent: tuple[RunSummary, ...]


async def show_overview(store: Reader, window: Window, workflow: str | None, moment: Moment) -> Overview:
    """How things have been going, of everything or of one workflow."""
    now_us = moment.now_us
    window_s, bucket_s = SPANS[window]
    # The last bucket ends with the minute, or the hour, that is not over yet.
    grain_s = TALLY_S if window_s < TALLY_AGE_S else OLD_TALLY_S
    from_s = (now_us // 1_000_000) // grain_s * grain_s + grain_s - window_s
    tallies = [
        tally
        for tally in await store.tallies(from_s, bucket_s)
        if tally.kind is TallyKind.WAIT or workflow in (None, tally.name)
    ]
    chosen = RunFilter(workflow=workflow)
    running = msgspec.structs.replace(chosen, states=(RunState.RUNNING,))
    failed = msgspec.structs.replace(chosen, states=(RunState.FAILED,), created_from_us=from_s * 1_000_000)
    counts = await store.count_matching(running, COUNTED + 1)
    letters = await store.count_dead_letters(LetterState.OPEN, COUNTED + 1)
    failures = await store.runs(failed, None, FAILURES_SHOWN)
    recent = await store.runs(chosen, None, RECENT_SHOWN)
    return Overview(
        now_us=now_us,
        window_s=window_s,
        bucket_s=bucket_s,
        from_us=from_s * 1_000_000,
        runs=_sums(tallies, TallyKind.RUN),
        tasks=_sums(tallies, TallyKind.TASK),
        running=bounded(counts[RunState.RUNNING]),
        dead_letters=bounded(letters),
        series=tuple(
            _bucket(at_s, [tally for tally in tallies if tally.at_s == at_s])
            for at_s in range(from_s, from_s + window_s, bucket_s)
        ),
        queue_wait=waits_by_queue(tallies),
        failures=tuple(summary_of(head, moment) for head in failures),
        recent=tuple(summary_of(head, moment) for head in recent),
    )


def waits_by_queue(tallies: list[Tally]) -> tuple[QueueWait, ...]:
    """How long attempts waited, by queue."""
    queues = sorted({tally.name for tally in tallies if tally.kind is TallyKind.WAIT})
    return tuple(_wait(queue, [tally for tally in tallies if tally.name == queue]) for queue in queues)


def _wait(queue: str, tallies: list[Tally]) -> QueueWait:
    steps = _sums(tallies, TallyKind.WAIT)
    return QueueWait(
        queue=queue, count=sum(steps.values()), p50_s=quantile_s(steps, 0.5), p95_s=quantile_s(steps, 0.95)
    )


def _bucket(at_s: int, tallies: list[Tally]) -> OverviewBucket:
    steps = _sums(tallies, TallyKind.WAIT)
    return OverviewBucket(
        from_us=at_s * 1_000_000,
        runs=_sums(tallies, TallyKind.RUN),
        tasks=_sums(tallies, TallyKind.TASK),
        wait_p50_s=quantile_s(steps, 0.5),
        wait_p95_s=quantile_s(steps, 0.95),
    )


def _sums(tallies: list[Tally], kind: TallyKind) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for tally in tallies:
        if tally.kind is kind:
            sums[tally.state] += tally.count
    return dict(sums)
