"""kill -9 of every process, and a wiped bus, in the middle of runs: nothing is lost, nothing is applied twice."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster, eventually

PIPELINES = Path(__file__).parent.parent / "support" / "pipelines.py"
LINES = 40

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path) as started:
        for _ in range(2):
            started.start_worker(PIPELINES)
        await started.deploy(PIPELINES)
        yield started


async def kill_coordinator(cluster: Cluster) -> None:
    cluster.kill_coordinator()
    await cluster.start_coordinator()


async def kill_a_worker(cluster: Cluster) -> None:
    cluster.workers[0].kill()
    cluster.workers[0].wait()
    cluster.start_worker(PIPELINES)


async def kill_nats(cluster: Cluster) -> None:
    await cluster.kill_nats()
    await cluster.nats.start()


async def wipe_the_bus(cluster: Cluster) -> None:
    await cluster.kill_nats()
    cluster.wipe_bus()
    await cluster.nats.start()


async def wipe_the_bus_and_kill_the_coordinator(cluster: Cluster) -> None:
    await cluster.kill_nats()
    cluster.kill_coordinator()
    cluster.wipe_bus()
    await cluster.nats.start()
    await cluster.start_coordinator()


async def kill_everything(cluster: Cluster) -> None:
    cluster.kill_coordinator()
    for worker in cluster.workers:
        worker.kill()
        worker.wait()
    await cluster.kill_nats()
    await cluster.nats.start()
    await cluster.start_coordinator()
    cluster.start_worker(PIPELINES)


async def attempts(cluster: Cluster, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        page = (
            await cluster.api.get(f"/runs/{run_id}/attempts", params={"after": after, "limit": 500})
        ).json()
        found += page["attempts"]
        if len(page["attempts"]) < 500:
            return found
        after += 500


async def assert_applied_once(cluster: Cluster, run_id: str, nodes: dict[str, int]) -> None:
    """Exactly one attempt of each node and item has won."""
    won = Counter(
        (record["node"], record.get("item"))
        for record in await attempts(cluster, run_id)
        if record["state"] == "succeeded"
    )
    assert set(won.values()) == {1}
    assert Counter(node for node, _ in won) == nodes


@pytest.mark.parametrize(
    "fault",
    [
        kill_coordinator,
        kill_a_worker,
        kill_nats,
        wipe_the_bus,
        wipe_the_bus_and_kill_the_coordinator,
        kill_everything,
    ],
)
async def test_a_run_survives(
    cluster: Cluster, tmp_path: Path, fault: Callable[[Cluster], Awaitable[None]]
) -> None:
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    run_id = await cluster.start_run("order", number=LINES, journal=str(journal), gate=str(gate))

    async def in_the_middle() -> bool:
        return journal.exists() and journal.read_text().count(" price\n") >= 10

    await eventually(in_the_middle, 30)
    await fault(cluster)
    gate.touch()
    run = await cluster.finished(run_id, 60)
    assert run["state"] == "succeeded", run
    assert run["output"]["value"] == sum(range(LINES)) * 10
    await assert_applied_once(cluster, run_id, {"accept": 1, "price": LINES, "total": 1})


async def test_a_stored_result_that_the_bus_lost_is_made_again(cluster: Cluster, tmp_path: Path) -> None:
    """I11 with results in the bus' own object store: whoever made them makes them again."""
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    size = 200_000
    run_id = await cluster.start_run("large", size=size, journal=str(journal), gate=str(gate))

    async def holding() -> bool:
        return journal.exists() and " hold\n" in journal.read_text()

    await eventually(holding, 30)
    for worker in cluster.workers:  # their caches still hold the result
        worker.kill()
        worker.wait()
    await wipe_the_bus(cluster)
    cluster.start_worker(PIPELINES)
    gate.touch()
    run = await cluster.finished(run_id, 60)
    assert run["state"] == "succeeded", run
    assert run["output"]["value"] == 2 * size
    assert journal.read_text().count(" produce\n") >= 2


async def test_a_paused_worker_loses_its_fence(cluster: Cluster, tmp_path: Path) -> None:
    """A worker that is stopped for longer than its lease wakes up to find its task done by another."""
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    cluster.workers[1].kill()
    cluster.workers[1].wait()
    run_id = await cluster.start_run("order", number=1, journal=str(journal), gate=str(gate))

    async def priced() -> bool:
        return journal.exists() and " price\n" in journal.read_text()

    await eventually(priced, 30)
    cluster.workers[0].send_signal(signal.SIGSTOP)
    cluster.start_worker(PIPELINES)
    gate.touch()
    run = await cluster.finished(run_id, 30)
    assert run["state"] == "succeeded"
    cluster.workers[0].send_signal(signal.SIGCONT)
    later = await cluster.start_run("order", number=5, journal=str(journal), gate=str(gate))
    assert (await cluster.finished(later, 30))["state"] == "succeeded"
    await assert_applied_once(cluster, run_id, {"accept": 1, "price": 1, "total": 1})


async def test_an_event_delivered_often_starts_one_run(cluster: Cluster, tmp_path: Path) -> None:
    """I2, also across a coordinator that was killed, and for an event that comes over HTTP as well."""
    event = {
        "specversion": "1.0",
        "id": "same",
        "source": "/shop",
        "type": "shop.ordered",
        "data": {"number": 2, "journal": str(tmp_path / "journal")},
    }
    headers = {"content-type": "application/cloudevents+json"}
    first = (await cluster.api.post("/events", json=event, headers=headers)).json()
    run_id = first["events"][0]["runs"][0]
    client = await cluster.connect()
    context = client.jetstream()
    for copy in range(3):
        await context.publish(
            "hr.default.event.shop.ordered",
            json.dumps(event).encode(),
            headers={**headers, "Nats-Msg-Id": f"copy-{copy}"},
        )
    await kill_coordinator(cluster)
    again = (await cluster.api.post("/events", json=event, headers=headers)).json()
    assert again["events"][0]["runs"] == [run_id]
    await client.close()
    assert (await cluster.finished(run_id))["state"] == "succeeded"
    assert len((await cluster.api.get("/runs")).json()["runs"]) == 1
