"""How many runs there are, and when: counts and a histogram for any filter of the list of runs."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.store.port import Reader, RunFilter

COUNTED = 10_000
"""Of each state; beyond that nobody needs the number."""
DRAWN = 200_000
"""Of each state: the newest so many runs are in a histogram."""
DAY_US = 86_400_000_000


class RunCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs, or at least how many."""

    count: int
    more: bool
    """There are more than were counted."""


class RunCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by state. A state that the filter leaves out counts nothing."""

    counts: dict[RunState, RunCount]


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Runs created in a span of time, by state; states without runs are left out."""

    from_us: int
    counts: dict[RunState, int]


class RunHistogram(msgspec.Struct, frozen=True, kw_only=True):
    """When runs were created."""

    from_us: int
    before_us: int
    bucket_us: int
    buckets: tuple[Bucket, ...]
    """All of them, in order."""
    more: bool
    """There are older runs that were not counted."""


async def count_runs(store: Reader, where: RunFilter) -> RunCounts:
    """Runs that a filter finds, by state."""
    found = await store.count_matching(where, COUNTED + 1)
    return RunCounts(counts={state: bounded(found.get(state, 0)) for state in RunState})


async def run_histogram(store: Reader, where: RunFilter, buckets: int, now_us: int) -> RunHistogram:
    """When the runs that a filter finds were created: since the oldest run when the filter does not say."""
    before_us = now_us + 1 if where.created_before_us is None else where.created_before_us
    from_us = where.created_from_us
    if from_us is None:
        oldest_us = await store.oldest_run_us()
        from_us = before_us - DAY_US if oldest_us is None else oldest_us
    bucket_us = max(1, -(-(before_us - from_us) // buckets))
    bounded_where = msgspec.structs.replace(where, created_from_us=from_us, created_before_us=before_us)
    found = await store.run_histogram(bounded_where, from_us, bucket_us, DRAWN)
    drawn: list[dict[RunState, int]] = [{} for _ in range(buckets)]
    sums = dict.fromkeys(RunState, 0)
    for (number, state), count in found.items():
        drawn[number][state] = count
        sums[state] += count
    return RunHistogram(
        from_us=from_us,
        before_us=before_us,
        bucket_us=bucket_us,
        buckets=tuple(
            Bucket(from_us=from_us + number * bucket_us, counts=counts) for number, counts in enumerate(drawn)
        ),
        more=max(sums.values()) >= DRAWN,
    )


def bounded(count: int) -> RunCount:
    """A count that went one further than it tells."""
    return RunCount(count=min(count, COUNTED), more=count > COUNTED)
