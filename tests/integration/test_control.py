"""Stopping and repeating: cancel, timeout, deadline, retries, what a failure blocks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.shared import events_of, node, pages, small_cluster, still_works, written
from tests.support.cluster import Cluster, eventually


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("control")) as started:
        yield started


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


async def cancel(cluster: Cluster, run_id: str) -> None:
    answer = await cluster.api.post(f"/runs/{run_id}/cancel", json={"by": "a test", "reason": "enough"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "cancelled"


@pytest.mark.parametrize("workflow", ["long_async", "long_thread"])
async def test_cancel_stops_the_work(cluster: Cluster, mark: Path, workflow: str) -> None:
    run_id = await cluster.start_run(workflow, mark=str(mark))
    await written(mark, "started")
    await cancel(cluster, run_id)
    await written(mark, "stopped")
    run = await cluster.run(run_id)
    assert run["state"] == "cancelled"
    assert run["error"]["code"] == "run.cancelled"
    assert "a test: enough" in run["error"]["message"]
    assert {found["state"] for found in run["nodes"]} == {"cancelled"}


async def test_cancel_ends_the_process(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("long_process", mark=str(mark))
    await written(mark, "pid")
    pid = int(mark.read_text().split()[-1])
    os.kill(pid, 0)
    await cancel(cluster, run_id)

    async def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    await eventually(gone, 30)


async def test_the_outcome_of_a_cancelled_attempt_is_recorded_and_ignored(
    cluster: Cluster, mark: Path
) -> None:
    run_id = await cluster.start_run("long_thread", mark=str(mark))
    await written(mark, "started")
    await cancel(cluster, run_id)

    async def ignored() -> bool:
        attempts = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
        return [one["state"] for one in attempts] == ["ignored"]

    await eventually(ignored, 30)
    assert (await cluster.run(run_id))["state"] == "cancelled"
    assert [event["kind"] for event in await events_of(cluster, run_id)][-1] == "outcome.ignored"


async def test_a_finished_run_cannot_be_cancelled(cluster: Cluster) -> None:
    run_id = await cluster.start_run("quick", number=1)
    await cluster.finished(run_id)
    answer = await cluster.api.post(f"/runs/{run_id}/cancel", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "request.conflict")
    assert (await cluster.run(run_id))["state"] == "succeeded"


async def test_a_cancelled_map_stops_its_items(cluster: Cluster, mark: Path) -> None:
    """Those too that were still in the queue, which no cancel reaches."""
    run_id = await cluster.start_run("held_items", count=30, mark=str(mark), gate=str(mark) + "-gate")
    await written(mark, "started", times=10)
    await cancel(cluster, run_id)
    await still_works(cluster)

    async def settled() -> bool:
        workers = (await cluster.api.get("/workers")).json()["workers"]
        return not any(held["run_id"] == run_id for worker in workers for held in worker["held"])

    await eventually(settled, 30)
    attempts = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
    assert {one["state"] for one in attempts if one["node"] == "waits_item"} <= {"ignored"}


@pytest.mark.parametrize("workflow", ["short_async", "short_thread", "short_process"])
async def test_a_task_times_out(cluster: Cluster, mark: Path, workflow: str) -> None:
    run = await cluster.finished(await cluster.start_run(workflow, mark=str(mark)))
    assert run["state"] == "failed"
    assert run["error"]["code"] == "task.timeout"


async def test_a_deadline_stops_what_runs(cluster: Cluster, mark: Path) -> None:
    run = await cluster.finished(await cluster.start_run("late_running", mark=str(mark)))
    assert (run["state"], run["error"]["code"]) == ("failed", "run.deadline")
    assert 3e6 <= run["finished_at_us"] - run["created_at_us"] < 25e6
    await written(mark, "stopped")


async def test_a_deadline_ends_what_waits_in_a_queue(cluster: Cluster) -> None:
    run = await cluster.finished(await cluster.start_run("late_queued", number=1))
    assert (run["state"], run["error"]["code"]) == ("failed", "run.deadline")


async def test_retries_with_growing_backoff(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("retried", kind="value", mark=str(mark))
    run = await cluster.finished(run_id)
    assert run["state"] == "failed"
    assert run["error"]["kind"] == "builtins.ValueError"
    assert [line.split()[2] for line in mark.read_text().splitlines()] == ["1", "2", "3"]
    attempts = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
    assert [(one["attempt"], one["state"]) for one in attempts] == [(n, "failed") for n in (1, 2, 3)]
    pauses = [two["started_at_us"] - one["finished_at_us"] for one, two in pairwise(attempts)]
    assert pauses[0] >= 10_000
    assert pauses[1] >= 20_000


async def test_a_retry_that_succeeds(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("retried", kind="value", mark=str(mark), until=2)
    run = await cluster.finished(run_id)
    assert run["output"]["value"] == 2
    kinds = [event["kind"] for event in await events_of(cluster, run_id)]
    assert kinds.count("node.retrying") == 1
    assert kinds.count("node.dispatched") == 2


@pytest.mark.parametrize(
    ("workflow", "kind", "attempts"),
    [
        ("picky", "connection", 3),
        ("picky", "value", 1),
        ("gives_up", "value", 3),
        ("gives_up", "key", 1),
        ("retried", "fail", 1),
    ],
)
async def test_which_errors_are_tried_again(
    cluster: Cluster, mark: Path, workflow: str, kind: str, attempts: int
) -> None:
    run = await cluster.finished(await cluster.start_run(workflow, kind=kind, mark=str(mark)))
    assert run["state"] == "failed"
    assert len(mark.read_text().splitlines()) == attempts
    if kind == "fail":
        assert run["error"]["code"] == "task.gave_up"
        assert run["error"]["details"] == {"path": "orders.csv"}


async def test_a_task_chooses_when_it_is_tried_again(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("retried", kind="later", mark=str(mark), until=2)
    assert (await cluster.finished(run_id))["state"] == "succeeded"
    first, second = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
    assert second["started_at_us"] - first["finished_at_us"] >= 200_000


async def test_what_a_failure_blocks(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("branches", mark=str(mark))
    run = await cluster.finished(run_id)
    assert run["state"] == "failed"
    assert {found["node"]: found["state"] for found in run["nodes"]} == {
        "wrong": "failed",
        "behind": "upstream_failed",
        "last": "upstream_failed",
        "other": "succeeded",
    }
    assert (await node(cluster, run_id, "wrong"))["error"]["message"].endswith("not that")
    told = (await cluster.api.get(f"/runs/{run_id}/explain")).json()
    assert [(reason["kind"], reason["node"]) for reason in told["reasons"]] == [
        ("failed", "wrong"),
        ("upstream_failed", "behind"),
        ("upstream_failed", "last"),
    ]


async def test_a_retry_outlives_the_coordinator(tmp_path: Path, mark: Path) -> None:
    """I10: the timer is in the store."""
    async with small_cluster(tmp_path) as cluster:
        run_id = await cluster.start_run("retried", kind="much later", mark=str(mark), until=2)

        async def retrying() -> bool:
            return (await node(cluster, run_id, "raises"))["state"] == "retrying"

        await eventually(retrying, 30)
        cluster.kill_coordinator()
        await cluster.start_coordinator()
        assert (await cluster.finished(run_id))["state"] == "succeeded"
        first, second = await pages(cluster, f"/runs/{run_id}/attempts", "attempts")
        assert second["started_at_us"] - first["finished_at_us"] >= 5_000_000
        assert mark.read_text().count("much later") == 2


async def test_a_cancelled_run_is_retried_by_the_worker_that_saw_it_cancelled(
    cluster: Cluster, mark: Path
) -> None:
    run_id = await cluster.start_run("long_async", mark=str(mark))
    await written(mark, "started")
    await cancel(cluster, run_id)
    await written(mark, "stopped")
    answer = await cluster.api.post(f"/runs/{run_id}/retry", json={"by": "a test", "reason": "once more"})
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    await written(mark, "started", times=2)
    assert (await cluster.run(run_id))["retries"] == 1
    kinds = [event["kind"] for event in await events_of(cluster, run_id)]
    assert kinds.count("run.retried") == 1
    await cancel(cluster, run_id)


async def test_a_failed_run_is_retried_and_succeeds(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("retried", kind="value", mark=str(mark), until=4)
    assert (await cluster.finished(run_id))["state"] == "failed"
    preview = (await cluster.api.post("/runs/retry", json={"where": {"q": run_id}, "preview": True})).json()
    assert preview["run_ids"] == [run_id]
    done = (await cluster.api.post("/runs/retry", json={"run_ids": [run_id]})).json()
    assert (done["done"], done["failed"]) == ([run_id], [])
    run = await cluster.finished(run_id)
    assert (run["state"], run["error"], run["retries"]) == ("succeeded", None, 1)
    again = await cluster.api.post(f"/runs/{run_id}/retry")
    assert (again.status_code, again.json()["found"]) == (409, "succeeded")
    overview = (await cluster.api.get("/overview")).json()
    assert overview["runs"]["retried"] >= 1
    assert overview["tasks"]["succeeded"] >= 1
    assert overview["queue_wait"][0]["queue"] == "default"


async def test_a_queue_tells_when_it_last_moved(cluster: Cluster) -> None:
    await cluster.finished(await cluster.start_run("quick", number=1))
    queue = (await cluster.api.get("/queues/default")).json()
    (shown,) = [one for one in queue["priorities"] if one["priority"] == "normal"]
    assert shown["last_delivered_us"] > 1_700_000_000_000_000
    assert queue["workers"][0]["state"] == "live"
    assert "quick" in {one["workflow"] for one in queue["used_by"]}
    assert queue["wait"]["count"] >= 1
    assert (await cluster.api.get("/queues/nope")).status_code == 404


async def test_one_stream_tells_of_a_run_and_its_log(cluster: Cluster) -> None:
    url = "/live?topics=runs&topics=workers&topics=queues&after=h0-l0-e0-d0"
    seen: set[str] = set()
    async with cluster.api.stream("GET", url, timeout=30) as stream:
        async for text in stream.aiter_lines():
            if text.startswith("event: "):
                seen.add(text.removeprefix("event: "))
            if {"hello", "runs", "workers", "queues"} <= seen:
                break
