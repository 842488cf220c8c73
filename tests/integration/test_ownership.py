"""A namespace belongs to one store: another one is refused, and takes it over only when it is told to."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.client import Client
from headrace_coordinator.bus import NatsSettings, connect
from headrace_protocol.topology import Topology
from tests.faults.test_pipes import FLOWS
from tests.support.cluster import Cluster, eventually


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path) as started:
        target = tmp_path / "flows.py"
        target.write_text(FLOWS)
        started.start_worker(target)
        await started.deploy(target)
        yield started


async def published(cluster: Cluster, number: int) -> str:
    async with Client(cluster.nats.url) as client:
        return await client.publish("number", {"n": number}, id=f"n-{number}", source="/test")


async def has_its_run(cluster: Cluster, event_id: str) -> None:
    async def done() -> bool:
        runs = (await cluster.api.get("/runs", params={"workflow": "calc", "limit": 500})).json()["runs"]
        return [run["state"] for run in runs if run["event_id"] == event_id] == ["succeeded"]

    await eventually(done, 30)


def other(cluster: Cluster) -> str:
    return f"sqlite:///{cluster.directory}/other.db"


async def test_a_coordinator_with_another_store_is_refused(cluster: Cluster) -> None:
    """And the one that is there goes on, with every event."""
    first, http = cluster.coordinator, cluster._http
    assert not await cluster.launch_coordinator(store=other(cluster), port=0)
    log = cluster.coordinator_log()
    assert "NamespaceTaken" in log
    assert "belongs to another store" in log
    cluster.coordinator, cluster._http = first, http
    for number in range(10):
        await has_its_run(cluster, await published(cluster, number))


async def test_the_same_store_is_welcome(cluster: Cluster) -> None:
    await cluster.stop_coordinator()
    await cluster.start_coordinator()
    await has_its_run(cluster, await published(cluster, 1))


async def test_a_namespace_is_taken_over_by_who_is_told_to(cluster: Cluster) -> None:
    """Events that the bus holds are judged once more; the coordinator that had it ends, and says why."""
    event_id = await published(cluster, 1)
    await has_its_run(cluster, event_id)
    before = cluster.coordinator
    assert before is not None
    await cluster.start_coordinator(store=other(cluster), adopt=True)
    await asyncio.to_thread(before.wait, 30)
    assert before.returncode not in (0, None)
    assert "NamespaceTaken" in cluster.coordinator_log()
    await cluster.deploy(cluster.directory / "flows.py")
    again = await published(cluster, 2)
    await has_its_run(cluster, again)
    events = (await cluster.api.get("/events", params={"limit": 100})).json()["events"]
    assert {event["event_id"] for event in events} == {event_id, again}


async def test_an_older_state_of_the_store_is_refused(cluster: Cluster) -> None:
    await cluster.stop_coordinator()
    database = cluster.directory / "headrace.db"
    backup = cluster.directory / "other.db"
    shutil.copy(database, backup)
    await cluster.start_coordinator(adopt=True)
    await cluster.stop_coordinator()
    assert not await cluster.launch_coordinator(store=other(cluster))
    assert "older state of the one that the namespace belongs to" in cluster.coordinator_log()
    await cluster.start_coordinator()
    await has_its_run(cluster, await published(cluster, 1))


async def test_streams_of_an_older_version_are_marked_and_not_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    await cluster.nats.start()
    try:
        older = await connect(NatsSettings(url=cluster.nats.url), "older")
        await older.ensure(Topology("default", shards=1))
        await cluster.start_coordinator()
        marks = [
            await older.client.jetstream().stream_info(f"HR_{kind}_default") for kind in ("TASKS", "LOGS")
        ]
        assert len({(info.config.metadata or {})["headrace-store"] for info in marks}) == 1
        await older.close()
    finally:
        await cluster.__aexit__(None, None, None)
