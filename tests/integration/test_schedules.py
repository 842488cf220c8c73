"""Schedules of a real coordinator: they fire on time, once, and go on where they were after a kill -9."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headrace import load
from headrace_coordinator.api.services import wall_clock_us
from headrace_protocol.codec import encode
from headrace_protocol.definition import CronTrigger, EveryTrigger
from tests.integration.shared import WORKFLOWS
from tests.support.cluster import Cluster, eventually

QUICK = load(str(WORKFLOWS)).workflows["quick"].definition
SECOND_US = 1_000_000


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Without workers: that runs are started is enough."""
    async with Cluster(tmp_path) as started:
        yield started


async def deploy(cluster: Cluster, *triggers: CronTrigger | EveryTrigger) -> None:
    definition = msgspec.structs.replace(QUICK, name="clocked", triggers=triggers)
    answer = await cluster.api.put(
        "/workflows/clocked", content=encode(definition), headers={"content-type": "application/msgpack"}
    )
    assert answer.is_success, answer.text


async def fires(cluster: Cluster) -> list[dict[str, Any]]:
    """The schedule's runs, oldest first, with what their heads say."""
    runs = (await cluster.api.get("/runs", params={"limit": 500})).json()["runs"]
    return [await cluster.run(run["run_id"]) for run in reversed(runs)]


async def after(cluster: Cluster, count: int, within_s: float = 30.0) -> list[dict[str, Any]]:
    async def there() -> bool:
        runs = (await cluster.api.get("/runs", params={"limit": 500})).json()["runs"]
        return len(runs) >= count

    await eventually(there, within_s, lambda: f"no {count} runs")
    return await fires(cluster)


def times_of(runs: list[dict[str, Any]]) -> list[int]:
    return [run["scheduled_at_us"] for run in runs]


async def in_step(cluster: Cluster, count: int, since_us: int = 0) -> list[dict[str, Any]]:
    """So many runs one after the other, each for the second after the last one's and within that second. A machine
    that is held up for longer than a second misses fire times, and makes up for the last one."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found.clear()
        for run in await fires(cluster):
            at_us = run["scheduled_at_us"]
            if found and at_us - found[-1]["scheduled_at_us"] != SECOND_US:
                found.clear()
            if at_us > since_us and run["created_at_us"] - at_us < SECOND_US:
                found.append(run)
            else:
                found.clear()
            if len(found) == count:
                return True
        return False

    await eventually(there, 50, lambda: f"no {count} runs in step")
    return found


async def test_every_second(cluster: Cluster) -> None:
    await deploy(cluster, EveryTrigger(id="tick", every_s=1.0, params={"number": 1}))
    runs = await in_step(cluster, 4)
    for run in [*runs, *await fires(cluster)]:
        assert run["trigger"] == "every:tick"
        assert run["scheduled_at_us"] % SECOND_US == 0
        assert run["created_at_us"] >= run["scheduled_at_us"]
        fire_us = run["scheduled_at_us"]
        assert run["interval"] == {"start_us": fire_us - SECOND_US, "end_us": fire_us}


async def test_missed_times_are_made_up_for_once(cluster: Cluster) -> None:
    """A coordinator that was away for some seconds starts one run for all of them, then goes on."""
    await deploy(cluster, EveryTrigger(id="tick", every_s=1.0, params={"number": 1}))
    await after(cluster, 2)
    cluster.kill_coordinator()
    killed_us = wall_clock_us()
    await seconds_pass(killed_us, 4)
    await cluster.start_coordinator()
    await in_step(cluster, 2, killed_us)
    times = times_of(await fires(cluster))
    assert len(set(times)) == len(times)
    later = [at for at in times if at > killed_us]
    assert later[0] - killed_us >= 3 * SECOND_US


async def seconds_pass(since_us: int, seconds: int) -> None:
    """Only the wall clock can tell: fire times are read from it."""

    async def passed() -> bool:
        return wall_clock_us() >= since_us + seconds * SECOND_US + SECOND_US // 5

    await eventually(passed, seconds + 30)


async def test_no_fire_time_starts_two_runs(cluster: Cluster) -> None:
    await deploy(cluster, EveryTrigger(id="tick", every_s=0.5, params={"number": 1}))
    for count in (2, 4, 6):
        await after(cluster, count)
        cluster.kill_coordinator()
        await cluster.start_coordinator()
    times = times_of(await after(cluster, 8))
    assert len(set(times)) == len(times)
    assert times == sorted(times)


async def test_a_cron_trigger_is_deployed_changed_and_removed(cluster: Cluster) -> None:
    await deploy(cluster, CronTrigger(id="c", expression="* * * * * *", params={"number": 1}))
    runs = await after(cluster, 2)
    assert {run["trigger"] for run in runs} == {"cron:c"}
    assert all(at % SECOND_US == 0 for at in times_of(runs))
    half_a_year_on = (datetime.now(UTC).month + 5) % 12 + 1
    await deploy(cluster, CronTrigger(id="c", expression=f"0 0 1 {half_a_year_on} *", params={"number": 1}))
    await quiet(cluster)
    await deploy(cluster, CronTrigger(id="c", expression="* * * * * *", params={"number": 2}))
    count = len(await fires(cluster))
    newest = (await after(cluster, count + 1))[-1]
    assert newest["params"]["number"] == 2
    await deploy(cluster)
    await quiet(cluster)
    cluster.kill_coordinator()
    await cluster.start_coordinator()
    await quiet(cluster)


async def quiet(cluster: Cluster) -> None:
    """Two fire times of the schedule that is gone pass, and nothing starts."""
    before = len(await fires(cluster))
    await seconds_pass(wall_clock_us(), 2)
    assert len(await fires(cluster)) == before
