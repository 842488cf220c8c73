"""The coordinator's clock is set forward and back under load (libfaketime): by the clock it reads, nothing is early;
nothing is lost, stuck or fired twice, whatever the clock does."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.campaign import Field, Plan, field
from tests.faults.invariants import judge
from tests.support.cluster import Cluster, eventually

pytestmark = pytest.mark.timeout(240)

FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
STEPS_S = (0, 3_600, 3_597, 3_599, 3_596)
"""Offsets from the true time, one after the other. Back by a little only: what waits for a time that a clock has shown
already waits for it to come again, because a timer is never early (I10)."""
STEP_EVERY_S = 1.2


async def fired(cluster: Cluster) -> set[int]:
    """The times for which the schedule has started a run."""
    return {run["scheduled_at_us"] for run in await cluster.runs() if run["workflow"] == "tick"}


@pytest.mark.skipif(not FAKETIME, reason="the package libfaketime is not installed")
async def test_the_coordinators_clock_is_set(tmp_path: Path) -> None:
    offset = tmp_path / "offset"

    def set_clock(seconds: float) -> None:
        fresh = tmp_path / "offset.new"
        fresh.write_text(f"{seconds:+.1f}\n")
        fresh.rename(offset)

    def with_that_clock(cluster: Cluster) -> None:
        set_clock(0)
        cluster.coordinator_environment = {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until the file is read again
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a clock that is set: the monotonic one is not
        }

    async def torment(field: Field) -> None:
        async def begun() -> bool:
            return bool(await field.cluster.runs())

        await eventually(begun, 30)
        for step_s in STEPS_S:
            set_clock(step_s)
            await asyncio.sleep(STEP_EVERY_S)
        field.cluster.kill_coordinator()
        set_clock(3_598)
        await field.cluster.start_coordinator()
        before = await fired(field.cluster)

        async def goes_on() -> bool:
            return len(await fired(field.cluster)) >= len(before) + 2

        await eventually(goes_on, 30)

    plan = Plan(seed=4, seconds=len(STEPS_S) * STEP_EVERY_S, runs_per_s=5)
    async with field(tmp_path / "field", plan, with_that_clock) as made:
        made.one_clock = False
        await made.torment(torment(made))
        evidence = await made.evidence()
        assert judge(evidence) == {}
        assert made.site.ended == []
        created = [run.head.created_at_us for run in evidence.runs.values()]
        assert max(created) - min(created) > 3_500_000_000, "the clock was not set"
        times = Counter(run.head.scheduled_at_us for run in evidence.runs.values())
        del times[None]
        assert set(times.values()) == {1}
