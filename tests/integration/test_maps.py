"""Maps, nested outputs, and many runs at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.shared import events_of, node, pages, small_cluster
from tests.support.cluster import Cluster, eventually


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("maps")) as started:
        yield started


@pytest.mark.parametrize("count", [0, 1, 100, 2_500])
async def test_results_keep_the_order_of_the_items(cluster: Cluster, count: int) -> None:
    run_id = await cluster.start_run("mapped", count=count)
    run = await cluster.finished(run_id, 50)
    assert run["output"]["value"] == [n * n for n in range(count)]
    attempts = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
    assert sorted(one["item"] for one in attempts if one["node"] == "square") == list(range(count))


async def test_the_window_bounds_what_is_in_motion(cluster: Cluster, tmp_path: Path) -> None:
    """The workflow's own window is 100; a thousand items are never in motion at once."""
    run_id = await cluster.start_run("mapped", count=1_000)
    seen: list[int] = []

    async def over() -> bool:
        run = await cluster.run(run_id)
        progress = next(one for one in run["nodes"] if one["node"] == "square").get("map")
        if progress:
            seen.append(progress["in_motion"])
        return run["state"] != "running"

    await eventually(over, 50)
    assert seen
    assert max(seen) <= 100


async def test_an_item_that_fails(cluster: Cluster) -> None:
    run_id = await cluster.start_run("one_wrong", count=200, wrong=120)
    run = await cluster.finished(run_id)
    assert run["state"] == "failed"
    assert "120 is not welcome" in run["error"]["message"]
    assert run["error"]["where"] == "picky_square[120]"
    assert (await node(cluster, run_id, "picky_square"))["state"] == "failed"
    failed = [event for event in await events_of(cluster, run_id) if event["kind"] == "item.failed"]
    assert [event["item"] for event in failed] == [120]


async def test_outputs_inside_lists_and_objects(cluster: Cluster) -> None:
    run = await cluster.finished(await cluster.start_run("nested", number=5))
    assert run["output"]["value"] == {"one": 6, "both": [6, {"two": 7, "fixed": "text"}], "given": 5}


async def test_two_hundred_runs_at_once(cluster: Cluster) -> None:
    started = await asyncio.gather(*(cluster.start_run("quick", number=n) for n in range(200)))
    assert len(set(started)) == 200
    runs = await asyncio.gather(*(cluster.finished(run_id, 50) for run_id in started))
    assert [run["output"]["value"] for run in runs] == [n + 1 for n in range(200)]
