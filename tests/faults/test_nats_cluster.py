"""A cluster of three NATS servers is more available than one: leaders change and servers die, and work goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.faults.test_pipes import FLOWS
from tests.proof.form import Size
from tests.support.cluster import Cluster, eventually
from tests.support.nats_cluster import NatsCluster

LED = (
    "HR_TASKS_default.default_normal",
    "HR_INPUTS_default.shard_0",
    "HR_EVENTS_default.triggers",
    "HR_TASKS_default",
    "HR_INPUTS_default",
    "HR_EVENTS_default",
)
SOON_S = 15.0
"""Three heartbeats that are missing, an election, and the run."""

pytestmark = pytest.mark.timeout(300)


class Clustered(Cluster):
    """Coordinator and worker on three servers."""

    def __init__(self, directory: Path, servers: NatsCluster) -> None:
        super().__init__(directory)
        self.servers = servers

    async def begin(self) -> None:
        target = self.directory / "flows.py"
        target.write_text(FLOWS)
        await self.start_coordinator(nats={"url": self.servers.url})
        self.start_worker(target, bus={"urls": self.servers.urls})
        await self.deploy(target)
        await self.finished(await self.start_run("calc", n=0))


@pytest.fixture
async def clustered(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with NatsCluster(tmp_path / "nats") as servers:
        made = Clustered(tmp_path, servers)
        try:
            await made.begin()
            yield made
        finally:
            await made.__aexit__(None, None, None)


async def test_three_servers_hold_everything(clustered: Clustered) -> None:
    run = await clustered.finished(await clustered.start_run("large", count=500_000))
    assert run["state"] == "succeeded"
    found = await clustered.servers.streams()
    assert {name: one.config.num_replicas for name, one in found.items()} == dict.fromkeys(found, 3)
    assert len(found) == 6, "five streams and the bucket of large results"


async def test_another_leader_holds_nothing_up(clustered: Clustered, size: Size) -> None:
    """One after the other, while runs are started: each ends within seconds, and none is lost."""
    ends = time.monotonic() + size(20.0, long=120.0)
    leaders, slowest = cycle(LED), 0.0
    started = 0
    while time.monotonic() < ends:
        await clustered.servers.step_down(next(leaders))
        for _ in range(5):
            began = time.monotonic()
            run = await clustered.finished(await clustered.start_run("calc", n=started), SOON_S)
            slowest = max(slowest, time.monotonic() - began)
            assert run["state"] == "succeeded"
            started += 1
            await asyncio.sleep(0.2)
    assert slowest < SOON_S


async def test_a_server_that_dies_holds_nothing_up(clustered: Clustered) -> None:
    leader = await clustered.servers.leader("HR_TASKS_default")
    assert leader.pid is not None
    os.kill(leader.pid, signal.SIGKILL)
    await leader.died.wait()
    run_id = ""

    async def accepted() -> bool:
        nonlocal run_id
        answer = await clustered.api.post("/workflows/calc/runs", json={"params": {"n": 1}})
        run_id = answer.json().get("run_id", "") if answer.is_success else ""
        return bool(run_id)

    await eventually(accepted, 30)
    assert (await clustered.finished(run_id, 30))["state"] == "succeeded"


async def test_what_was_made_by_fewer_servers_is_held_by_three_later(tmp_path: Path) -> None:
    """One replica, as on a single server; at its next start the coordinator finds that there are three."""
    async with NatsCluster(tmp_path / "nats") as servers:
        cluster = Clustered(tmp_path, servers)
        try:
            await cluster.start_coordinator(nats={"url": servers.url, "replicas": 1})
            found = await servers.streams()
            assert {one.config.num_replicas for one in found.values()} == {1}
            await cluster.stop_coordinator()
            await cluster.begin()
            found = await servers.streams()
            assert {one.config.num_replicas for name, one in found.items() if name.startswith("HR_")} == {3}
            assert "is held by 3 servers now, and was by 1" in cluster.coordinator_log()
        finally:
            await cluster.__aexit__(None, None, None)
