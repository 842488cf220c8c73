"""What people see of a run: why it waits, and what its tasks log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.shared import WORKFLOWS, small_cluster, written
from tests.support.cluster import Cluster, eventually


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("watching")) as started:
        started.start_worker(WORKFLOWS, queues=["narrow"], slots=1)
        started.start_worker(WORKFLOWS.parent / "odd_tasks.py")
        yield started


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


async def reason(cluster: Cluster, run_id: str, kind: str) -> dict[str, Any]:
    """The run's explanation, once it holds a reason of this kind."""
    told: dict[str, Any] = {}

    async def there() -> bool:
        told.update((await cluster.api.get(f"/runs/{run_id}/explain")).json())
        return any(one["kind"] == kind for one in told["reasons"])

    await eventually(there, 30, lambda: told)
    return next(one for one in told["reasons"] if one["kind"] == kind)


async def advice(cluster: Cluster, run_id: str) -> str:
    return "\n".join((await cluster.api.get(f"/runs/{run_id}/explain")).json()["advice"])


async def test_a_running_task_and_what_waits_for_it(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("long_thread", mark=str(mark))
    running = await reason(cluster, run_id, "running")
    assert "node waits_thread attempt 1 runs on worker" in running["text"]
    assert running["worker"]
    waiting = await reason(cluster, run_id, "upstream")
    assert waiting["text"] == "node add waits for waits_thread"
    await cluster.api.post(f"/runs/{run_id}/cancel", json={"reason": "seen"})
    told = (await cluster.api.get(f"/runs/{run_id}/explain")).json()
    assert told["summary"].startswith("The run was cancelled")


async def test_no_worker(cluster: Cluster) -> None:
    run_id = await cluster.start_run("on_no_queue", number=1)
    found = await reason(cluster, run_id, "no_worker")
    assert "no live worker serves nobody" in found["text"]
    assert "for queue nobody: headrace worker MODULE" in await advice(cluster, run_id)


async def test_no_slot(cluster: Cluster, mark: Path, gate: Path) -> None:
    first = await cluster.start_run("on_a_narrow_queue", mark=str(mark), gate=str(gate))
    await written(mark, "started")
    second = await cluster.start_run("on_a_narrow_queue", mark=str(mark), gate=str(gate))
    found = await reason(cluster, second, "no_slot")
    assert "all 1 slots of 1 workers are busy" in found["text"]
    assert "more slots" in await advice(cluster, second)
    gate.touch()
    assert (await cluster.finished(second))["state"] == "succeeded"
    assert (await cluster.finished(first))["state"] == "succeeded"


async def test_no_worker_has_the_task(cluster: Cluster) -> None:
    async def known() -> bool:
        workers = (await cluster.api.get("/workers")).json()["workers"]
        return any("odd" in worker["queues"] for worker in workers)

    await eventually(known, 30)
    cluster.workers[2].kill()
    cluster.workers[2].wait()  # its last heartbeat still counts, so that nobody takes the task
    run_id = await cluster.start_run("on_an_odd_queue", number=1)
    found = await reason(cluster, run_id, "no_task")
    assert "no live worker has task add (1 worker serves the queue" in found["text"]


async def test_a_retry(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("slow_retry", mark=str(mark))
    found = await reason(cluster, run_id, "retry")
    assert "failed and is tried again at" in found["text"]
    assert found["text"].endswith("not that")
    assert found["wake_at_us"] > 0


async def test_a_map(cluster: Cluster, mark: Path, gate: Path) -> None:
    run_id = await cluster.start_run("held_items", count=3, mark=str(mark), gate=str(gate))
    await written(mark, "started", times=3)
    found = await reason(cluster, run_id, "map")
    assert (found["done"], found["total"]) == (0, 3)
    assert "0 of 3 items are done, 3 in motion" in found["text"]
    gate.touch()
    await cluster.finished(run_id)


async def test_a_deadline(cluster: Cluster, mark: Path) -> None:
    run_id = await cluster.start_run("late_running", mark=str(mark))
    assert "the run's deadline is at" in (await reason(cluster, run_id, "deadline"))["text"]
    await cluster.finished(run_id)
    told = (await cluster.api.get(f"/runs/{run_id}/explain")).json()
    assert "did not finish within its deadline of 3 s" in told["summary"]


async def test_logs_arrive_while_a_task_runs(cluster: Cluster, mark: Path, gate: Path) -> None:
    run_id = await cluster.start_run("talking", mark=str(mark), gate=str(gate))
    await written(mark, "talked")
    trace_id = (await cluster.run(run_id))["trace_id"]
    told = await lines(cluster, run_id, 3)
    assert [(one.get("stream", "logging"), one["level"], one["message"]) for one in told] == [
        ("stdout", "info", "printed"),
        ("logging", "warning", "warned 7"),
        ("logging", "info", "told"),
    ]
    assert {(one["run_id"], one["node"], one["attempt"], one["trace_id"]) for one in told} == {
        (run_id, "talks", 1, trace_id)
    }
    gate.touch()
    await cluster.finished(run_id)
    assert (await lines(cluster, run_id, 4))[3]["message"] == "a late line"


async def lines(cluster: Cluster, run_id: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        page = (await cluster.api.get(f"/runs/{run_id}/logs")).json()
        found[:] = [one["line"] for one in page["lines"]]
        return len(found) >= count

    await eventually(there, 30, lambda: found)
    return found
