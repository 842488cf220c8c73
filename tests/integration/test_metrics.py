"""What a scraper reads from /metrics after a run, from a real coordinator."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.cluster import Cluster

PIPELINES = Path(__file__).parent.parent / "support" / "pipelines.py"


async def test_runs_tasks_and_waits_are_counted(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        cluster.start_worker(PIPELINES)
        await cluster.deploy(PIPELINES)
        run_id = await cluster.start_run("order", number=3, journal=str(tmp_path / "journal"))
        assert (await cluster.finished(run_id))["state"] == "succeeded"
        async with httpx.AsyncClient() as client:
            text = (await client.get(str(cluster.api.base_url.copy_with(path="/metrics")))).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values['headrace_runs_started_total{workflow="order"}'] == "1"
    assert values['headrace_runs_finished_total{state="succeeded",workflow="order"}'] == "1"
    assert values['headrace_tasks_finished_total{state="succeeded",workflow="order"}'] == "5"
    waits = [
        value
        for name, value in values.items()
        if name.startswith("headrace_task_queue_wait") and "count" in name
    ]
    assert waits == ["5"]
