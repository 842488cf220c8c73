"""The example in Node: its worker keeps the contract, its publisher starts a run."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from headrace_coordinator.conformance import KitSettings, Verdict, examine
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.node import node_with_packages

EXAMPLE = ROOT / "examples" / "node-worker"
LEFT_OUT = {"code"}


@pytest.fixture(scope="module")
def node() -> str:
    return node_with_packages(EXAMPLE)


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (EXAMPLE / "package-lock.json").read_text()


async def test_the_worker_keeps_the_contract(node: str) -> None:
    command = (node, str(EXAMPLE / "main.js"))
    report = await examine(KitSettings(command=command, ack_wait_s=2.0, patience_s=8.0, grace_s=5.0))
    assert report.having(Verdict.BROKEN) == [], report.printed
    assert {one.rule for one in report.having(Verdict.NOT_DONE)} == LEFT_OUT


async def test_the_publisher_starts_a_run_that_the_worker_runs(node: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "shop.py", tmp_path)
    async with Cluster(tmp_path) as cluster:
        await cluster.deploy(tmp_path / "shop.py")
        environment = os.environ | {"NATS_URL": cluster.nats.url, "HEADRACE_QUEUE": "node"}
        with subprocess.Popen([node, EXAMPLE / "main.js"], env=environment) as worker:
            try:
                said = await _publish(node, environment)
                assert said == "published order-7\n"
                assert await _publish(node, environment) == "order-7 had been published before\n"
                run = await cluster.finished(await _only_run(cluster))
                assert run["state"] == "succeeded", run
                assert run["output"]["value"] == pytest.approx(10.5)
            finally:
                worker.send_signal(signal.SIGTERM)
        assert worker.returncode == 0


async def _publish(node: str, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        node,
        EXAMPLE / "publish.js",
        "orders.placed",
        '{"skus": ["tea", "milk"]}',
        "order-7",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return said.decode()


async def _only_run(cluster: Cluster) -> str:
    async def started() -> bool:
        return len(await cluster.runs()) == 1

    await eventually(started, 20.0)
    return str((await cluster.runs())[0]["run_id"])
