"""The edge: tasks that kill their worker, buses that are away, workers that freeze and drain, code that is replaced."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.shared import events_of
from tests.support.cluster import ACK_WAIT_S, Cluster, eventually

TASKS = Path(__file__).parent.parent / "support" / "edge_tasks.py"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path) as started:
        yield started


async def attempts(cluster: Cluster, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await cluster.api.get(f"/runs/{run_id}/attempts", params={"after": len(found), "limit": 500})
        found += page.json()["attempts"]
        if len(page.json()["attempts"]) < 500:
            return found


async def workers_are_live(cluster: Cluster, count: int) -> None:
    async def live() -> bool:
        found = (await cluster.api.get("/workers")).json()["workers"]
        return bool(sum(worker["state"] == "live" for worker in found) >= count)

    await eventually(live, 60)


async def test_one_poison_item_ends_its_map_and_takes_no_other_item_along(cluster: Cluster) -> None:
    """The whole story: what died, how often, and that history, attempts, trace, log and explanation agree."""
    count, bad = 200, 77
    for _ in range(2):
        cluster.start_worker(TASKS, slots=4, processes=2)
    await cluster.deploy(TASKS)
    await workers_are_live(cluster, 2)
    run_id = await cluster.start_run("poisoned_map", count=count, bad=bad)
    run = await cluster.finished(run_id, 120)
    deaths = sum(worker.poll() is not None for worker in cluster.workers)
    found = await attempts(cluster, run_id)
    of_bad = [a for a in found if a["node"] == "poison_at" and a["item"] == bad]
    done = {a["item"] for a in found if a["node"] == "poison_at" and a["state"] == "succeeded"}
    assert run["state"] == "failed"
    assert deaths == 1, "the second attempt ran in a process of its own"
    assert done == set(range(count)) - {bad}, "the healthy items went on"
    assert [(a["attempt"], a["state"]) for a in of_bad] == [(1, "lost"), (2, "failed"), (3, "failed")]
    assert of_bad[0]["worker"], "the worker that died is named"
    assert of_bad[1]["error"]["code"] == "task.crashed"
    assert "exit code 7" in run["error"]["message"]
    lost = {a["item"] for a in found if a["state"] == "lost"}
    assert bad in lost
    history = await events_of(cluster, run_id)
    told = [event for event in history if event["kind"] == "item.lost"]
    assert {event["item"] for event in told} == lost
    trace = (await cluster.api.get(f"/runs/{run_id}/trace")).json()
    spans = [span for span in trace["spans"] if "the attempt was lost" in span.get("error", "")]
    assert len(spans) == len(lost)
    logs = (await cluster.api.get(f"/runs/{run_id}/logs", params={"limit": 1000})).json()
    assert sum("the attempt was lost" in line["line"]["message"] for line in logs["lines"]) == len(lost)
    explained = (await cluster.api.get(f"/runs/{run_id}/explain")).json()
    assert "waits for a worker" not in explained["summary"]


async def test_what_finished_is_never_charged_as_lost(cluster: Cluster, tmp_path: Path) -> None:
    """NATS away for twice the ack wait, a worker frozen for three times, half of the fleet drained."""
    log = tmp_path / "executed"
    workers = [cluster.start_worker(TASKS, slots=60) for _ in range(4)]
    await cluster.deploy(TASKS)
    await workers_are_live(cluster, 4)
    run_id = await cluster.start_run("slow_map", count=200, seconds=5 * ACK_WAIT_S, log=str(log))

    async def executing() -> bool:
        return log.exists() and len(log.read_text().splitlines()) >= 200

    await eventually(executing, 60)
    await cluster.kill_nats()
    await asyncio.sleep(2 * ACK_WAIT_S)
    await cluster.nats.start()
    workers[0].send_signal(signal.SIGSTOP)
    await asyncio.sleep(3 * ACK_WAIT_S)
    workers[0].send_signal(signal.SIGCONT)
    for worker in workers[1:3]:
        worker.terminate()
    run = await cluster.finished(run_id, 120)
    assert (run["state"], run["output"]["value"]) == ("succeeded", 200)
    states: dict[tuple[int, int], set[str]] = {}
    for one in await attempts(cluster, run_id):
        if one["node"] == "slow":
            states.setdefault((one["item"], one["attempt"]), set()).add(one["state"])
    assert Counter(item for (item, _), found in states.items() if "succeeded" in found) == Counter(range(200))
    frozen = cluster_of(workers[0].pid, await attempts(cluster, run_id))
    for (item, attempt), found in states.items():
        if "lost" in found:
            assert (item, attempt) in frozen, "only the worker that was frozen was taken for lost"


def cluster_of(pid: int, found: list[dict[str, Any]]) -> set[tuple[int, int]]:
    """Attempts of the worker with a process id."""
    return {(a["item"], a["attempt"]) for a in found if f"-{pid}-" in a["worker"]}


OLD = """
from headrace import task, workflow


@task
def double(n: int) -> int:
    return n * 2


@task
def finish_old(n: int) -> int:
    return n


@workflow
def calc(n: int) -> int:
    return finish_old(double(n))
"""
NEW = (
    OLD.replace("finish_old", "finish_new")
    .replace("    return finish_new(double(n))", "    return finish_new(plus_one(double(n)))")
    .replace("@workflow", "@task\ndef plus_one(n: int) -> int:\n    return n + 1\n\n\n@workflow")
)


async def test_a_rolling_update_fails_no_run(cluster: Cluster, tmp_path: Path) -> None:
    """Four workers are replaced one after the other under load, with a renamed and an added task."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = tmp_path / "old" / "calc.py", tmp_path / "new" / "calc.py"
    old.write_text(OLD)
    new.write_text(NEW)
    workers = [cluster.start_worker(old, serve_old_code_s=60.0) for _ in range(4)]
    await cluster.deploy(old)
    await workers_are_live(cluster, 4)
    runs: list[str] = []
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            runs.append(await cluster.start_run("calc", n=len(runs)))
            await asyncio.sleep(0.05)

    loading = asyncio.create_task(load())
    await asyncio.sleep(1)
    for number, worker in enumerate(workers):
        cluster.start_worker(new)
        await workers_are_live(cluster, 5)
        if number == 1:
            await cluster.deploy(new)
        worker.terminate()
        await asyncio.to_thread(worker.wait, 60)
    await asyncio.sleep(1)
    over.set()
    await loading
    ended = [await cluster.finished(run_id, 60) for run_id in runs]
    assert Counter(run["state"] for run in ended) == {"succeeded": len(runs)}
    for number, run in enumerate(ended):
        assert run["output"]["value"] in (number * 2, number * 2 + 1)
    assert {run["output"]["value"] - number * 2 for number, run in enumerate(ended)} == {0, 1}, (
        "both versions ran"
    )
