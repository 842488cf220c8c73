"""The edge: tasks that kill their worker, buses that are away, workers that freeze and drain, code that is replaced."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.shared import events_of
from tests.proof.figures import Record
from tests.proof.form import Size
from tests.support.cluster import ACK_WAIT_S, Cluster, eventually

TASKS = Path(__file__).parent.parent / "support" / "edge_tasks.py"

RUNS_PER_S = 20.0

pytestmark = pytest.mark.timeout(600)


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


async def test_one_poison_item_ends_its_map_and_takes_no_other_item_along(
    cluster: Cluster, size: Size, figures: Record
) -> None:
    """The whole story: what died, how often, and that history, attempts, trace, log and explanation agree."""
    count, bad = size(200, long=1_000), 77
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
    assert explained["error"] == run["error"]
    assert "poison_at" in explained["summary"]
    assert "exit code 7" in explained["summary"]
    (reason,) = [one for one in explained["reasons"] if one["node"] == "poison_at"]
    assert f"with {count - 1} of {count} items done" in reason["text"]
    figures("items", count)
    figures("items done", len(done))
    figures("worker deaths", deaths)
    figures("attempts recorded as lost", len(lost))


class Noted(NamedTuple):
    """When an attempt began and ended, as its task saw it; 0: not yet."""

    began_us: int
    ended_us: int


def noted(log: Path) -> dict[tuple[int, int], Noted]:
    """By item and attempt."""
    found: dict[tuple[int, int], Noted] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        what, item, attempt, at_us = line.split()
        one = found.get((int(item), int(attempt)), Noted(0, 0))
        found[int(item), int(attempt)] = one._replace(**{f"{what}_us": int(at_us)})
    return found


async def test_what_finished_is_never_charged_as_lost(tmp_path: Path, size: Size, figures: Record) -> None:
    """NATS away for twice the ack wait, a worker frozen for three times, half of the fleet drained while it works."""
    ack_wait_s = size(ACK_WAIT_S, long=10.0)
    async with Cluster(tmp_path, ack_wait_s=ack_wait_s) as cluster:
        await losses(cluster, tmp_path / "noted", ack_wait_s, figures)


async def losses(cluster: Cluster, log: Path, ack_wait_s: float, figures: Record) -> None:
    count = 200
    workers = [cluster.start_worker(TASKS, slots=60) for _ in range(4)]
    await cluster.deploy(TASKS)
    await workers_are_live(cluster, 4)
    run_id = await cluster.start_run("slow_map", count=count, seconds=7 * ack_wait_s, log=str(log))

    async def executing() -> bool:
        return len(noted(log)) >= count

    await eventually(executing, 60)
    assert not any(one.ended_us for one in noted(log).values()), "all of them run at the same time"
    await cluster.kill_nats()
    await asyncio.sleep(2 * ack_wait_s)
    await cluster.nats.start()
    frozen_from_us = time.time_ns() // 1_000
    workers[0].send_signal(signal.SIGSTOP)
    await asyncio.sleep(3 * ack_wait_s)
    workers[0].send_signal(signal.SIGCONT)
    drained_from_us = time.time_ns() // 1_000
    for worker in workers[1:3]:
        worker.terminate()
    run = await cluster.finished(run_id, 60 + 10 * ack_wait_s)
    assert (run["state"], run["output"]["value"]) == ("succeeded", count)
    found = [one for one in await attempts(cluster, run_id) if one["node"] == "slow"]
    succeeded = {one["item"] for one in found if one["state"] == "succeeded"}
    assert succeeded == set(range(count))
    seen = noted(log)
    lost = [one for one in found if one["state"] == "lost"]
    charged = [one for one in lost if 0 < seen[one["item"], one["attempt"]].ended_us < one["finished_at_us"]]
    drained = [f"-{worker.pid}-" for worker in workers[1:3]]
    of_drained = [one for one in found if any(pid in one["worker"] for pid in drained)]
    ended_after_drain = sum(
        one["state"] == "succeeded" and one["finished_at_us"] > drained_from_us for one in of_drained
    )
    figures("attempts running at once", count)
    figures("s of ack wait", ack_wait_s)
    figures("attempts finished", sum(bool(one.ended_us) for one in seen.values()))
    figures("of them charged as lost", len(charged))
    figures("attempts of the frozen worker taken for lost while it was frozen", len(lost))
    figures("attempts finished by workers that were drained meanwhile", ended_after_drain)
    assert not charged, "they had finished"
    assert ended_after_drain, "the drain came too late to show anything"
    for one in lost:
        assert f"-{workers[0].pid}-" in one["worker"], "only the worker that was frozen was taken for lost"
        assert one["finished_at_us"] > frozen_from_us


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


async def test_a_rolling_update_fails_no_run(
    cluster: Cluster, tmp_path: Path, size: Size, figures: Record
) -> None:
    """Four workers are replaced one after the other under load, with a renamed and an added task."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = tmp_path / "old" / "calc.py", tmp_path / "new" / "calc.py"
    old.write_text(OLD)
    new.write_text(NEW)
    workers = [cluster.start_worker(old, serve_old_code_s=60.0) for _ in range(4)]
    await cluster.deploy(old)
    await workers_are_live(cluster, 4)
    replacements: list[subprocess.Popen[bytes]] = []
    runs: list[str] = []
    over = asyncio.Event()
    began = time.monotonic()
    between_s = size(1.0, long=12.0)

    async def load() -> None:
        starting: list[asyncio.Task[str]] = []
        while not over.is_set():
            starting.append(asyncio.create_task(cluster.start_run("calc", n=len(starting))))
            await asyncio.sleep(began + len(starting) / RUNS_PER_S - time.monotonic())
        runs.extend(await asyncio.gather(*starting))

    loading = asyncio.create_task(load())
    await asyncio.sleep(between_s)
    for number, worker in enumerate(workers):
        replacements.append(cluster.start_worker(new))
        await workers_are_live(cluster, 5)
        if number == 1:
            await cluster.deploy(new)
        worker.terminate()
        await asyncio.to_thread(worker.wait, 60)
        await asyncio.sleep(between_s)
    over.set()
    loaded_s = time.monotonic() - began
    await loading
    ended = [await cluster.finished(run_id, 60) for run_id in runs]
    executed = [one for run_id in runs for one in await attempts(cluster, run_id)]
    astray = 0
    for names, processes in (
        ({"double", "finish_old"}, workers),
        ({"double", "plus_one", "finish_new"}, replacements),
    ):
        at = [one for one in executed if any(f"-{process.pid}-" in one["worker"] for process in processes)]
        assert at
        astray += sum(one["node"] not in names for one in at)
    figures("runs", len(runs))
    rate = len(runs) / loaded_s
    figures("runs/s", round(rate, 1))
    figures("runs failed", sum(run["state"] != "succeeded" for run in ended))
    figures("attempts", len(executed))
    figures("attempts by code that lacks the task", astray)
    assert rate >= size(0.0, long=0.9 * RUNS_PER_S), "the machine was too slow to show it under this load"
    assert not astray
    assert {one["state"] for one in executed} == {"succeeded"}
    assert Counter(run["state"] for run in ended) == {"succeeded": len(runs)}
    for number, run in enumerate(ended):
        assert run["output"]["value"] in (number * 2, number * 2 + 1)
    assert {run["output"]["value"] - number * 2 for number, run in enumerate(ended)} == {0, 1}, (
        "both versions ran"
    )
