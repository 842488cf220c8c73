"""An overview adds up what the tallies hold, and tells waits within a tenth."""

import pytest

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.overview import SPANS, Window, show_overview
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import (
    OLD_TALLY_S,
    TALLY_AGE_S,
    TALLY_S,
    Tally,
    TallyKind,
    Transaction,
)
from headrace_coordinator.store.waits import quantile_s, wait_step
from tests.conformance.store.samples import head, letter

NOW_S = 1_700_000_030


async def store_of(*tallies: Tally) -> MemoryStore:
    store = MemoryStore()
    await store.open()
    runs = [
        head("r1", state=RunState.FAILED, finished_at_us=1, created_at_us=(NOW_S - 60) * 1_000_000),
        head("r2", created_at_us=NOW_S * 1_000_000),
        head("r3", state=RunState.FAILED, finished_at_us=1, created_at_us=1),
    ]
    await store.commit(Transaction(runs=runs, tallies=list(tallies), dead_letters=[letter()]))
    return store


async def test_what_happened_in_the_window() -> None:
    minute = NOW_S // 60 * 60
    store = await store_of(
        Tally(minute, TallyKind.RUN, "w", "succeeded", 3),
        Tally(minute - 60, TallyKind.RUN, "w", "succeeded", 2),
        Tally(minute - 60, TallyKind.RUN, "v", "failed", 1),
        Tally(minute - 7_200, TallyKind.RUN, "w", "succeeded", 100),
        Tally(minute, TallyKind.TASK, "w", "failed", 4),
        Tally(minute, TallyKind.WAIT, "data", wait_step(1_000_000), 9),
        Tally(minute, TallyKind.WAIT, "data", wait_step(60_000_000), 1),
    )
    found = await show_overview(store, Window.HOUR, None, Moment(NOW_S * 1_000_000))
    assert (found.runs, found.tasks) == ({"succeeded": 5, "failed": 1}, {"failed": 4})
    assert len(found.series) == 60
    assert found.series[-1].runs == {"succeeded": 3}
    assert found.series[-2].runs == {"succeeded": 2, "failed": 1}
    assert (found.running.count, found.dead_letters.count) == (1, 1)
    assert [run.run_id for run in found.failures] == ["r1"]
    assert [run.run_id for run in found.recent] == ["r2", "r1", "r3"]
    (wait,) = found.queue_wait
    assert (wait.queue, wait.count) == ("data", 10)
    assert wait.p50_s == pytest.approx(1.0, rel=0.1)
    assert wait.p95_s == pytest.approx(60.0, rel=0.1)
    only = await show_overview(store, Window.HOUR, "v", Moment(NOW_S * 1_000_000))
    assert (only.runs, only.recent) == ({"failed": 1}, ())


@pytest.mark.parametrize("window", Window)
def test_buckets_are_as_coarse_as_what_is_kept_and_fill_the_window(window: Window) -> None:
    length_s, bucket_s = SPANS[window]
    kept_s = TALLY_S if length_s + TALLY_S <= TALLY_AGE_S else OLD_TALLY_S
    assert (length_s % bucket_s, bucket_s % kept_s) == (0, 0)


def test_quantiles() -> None:
    assert quantile_s({}, 0.5) is None
    for wait_us in (0, 1, 7, 1_500, 3_333_333, 86_400_000_000):
        found = quantile_s({wait_step(wait_us): 1}, 0.95)
        assert found == pytest.approx(max(1, wait_us) / 1e6, rel=0.1)
