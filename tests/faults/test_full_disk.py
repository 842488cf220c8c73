"""Disks that are full under load: the store's, and JetStream's. Nothing is lost, and what is wrong is said."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from headrace.client import Client
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol.errors import Unavailable
from tests.faults.campaign import Field, Plan, field
from tests.faults.invariants import judge
from tests.support.cluster import Cluster, eventually, free_port

# nats-py leaves the stream of a connection open that broke while it was being made again.
NATS_PY = pytest.mark.filterwarnings("ignore:.*StreamWriter:pytest.PytestUnraisableExceptionWarning")
pytestmark = [pytest.mark.timeout(240), NATS_PY]

FLOWS = Path(__file__).parent / "flows.py"
BLOCK = b"x" * 4096
LARGE = "x" * 60_000
"""Under the limit for what travels inside messages."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many MiB."""
    place = tmp_path / "disk"
    place.mkdir()

    def make(size_mib: int) -> Path:
        if shutil.which("mount") is None:
            pytest.skip("a small disk needs `mount`, which is not installed")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(place)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"a small disk cannot be mounted here (it needs root): {made.stderr.strip()}")
        return place

    yield make
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is left of a disk; the file to delete."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(BLOCK)
    return filler


async def ready(field: Field) -> tuple[int, str]:
    """What the coordinator says of its health."""
    url = f"http://127.0.0.1:{field.cluster.port}/health/ready"
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(url)
    return answer.status_code, answer.text


async def assert_nothing_is_wrong(field: Field) -> None:
    evidence = await field.evidence()
    assert judge(evidence) == {}
    accepted = [asked for asked in evidence.publications if asked.accepted_at_us is not None]
    assert len(accepted) == len(evidence.publications) > 3


async def test_the_store_on_a_full_disk(tmp_path: Path, disk: Callable[[int], Path]) -> None:
    """It says what is wrong, accepts nothing meanwhile, and goes on by itself when there is room again."""
    small = disk(24)

    def on_it(cluster: Cluster) -> None:
        cluster.store = f"sqlite:///{small}/headrace.db"

    async def torment(field: Field) -> None:
        await asyncio.sleep(1)
        filler = fill(small)

        async def said() -> bool:
            status, text = await ready(field)
            return status == 503 and "Make room on the disk" in text

        await eventually(said, 30, field.cluster.coordinator_log)
        answer = await field.cluster.api.post("/workflows/chain/runs", json={"params": {"number": 1}})
        assert answer.status_code == 503, answer.text
        assert answer.json()["fix"].startswith("Make room on the disk")
        before = len(await field.cluster.runs())
        await asyncio.sleep(1)
        assert len(await field.cluster.runs()) == before
        filler.unlink()

        async def well() -> bool:
            return (await ready(field))[0] == 200

        await eventually(well, 30)

    plan = Plan(seed=1, seconds=5, runs_per_s=6)
    async with field(tmp_path, plan, on_it) as made:
        await made.torment(torment(made))
        await assert_nothing_is_wrong(made)
        assert made.site.ended == []


async def test_a_coordinator_that_starts_on_a_full_disk(tmp_path: Path, disk: Callable[[int], Path]) -> None:
    """It ends and says why; started again when there is room, it has everything."""
    cluster = Cluster(tmp_path)
    small = disk(24)
    cluster.store = f"sqlite:///{small}/headrace.db"
    async with cluster:
        await cluster.deploy(FLOWS)
        run_ids = {await cluster.start_run("chain", number=number) for number in range(5)}
        cluster.kill_coordinator()
        filler = fill(small)
        assert not await cluster.launch_coordinator()
        assert "SQLITE_FULL" in cluster.coordinator_log()
        filler.unlink()
        await cluster.start_coordinator()
        assert run_ids <= {run["run_id"] for run in await cluster.runs()}


async def test_jetstream_on_a_full_disk(tmp_path: Path, disk: Callable[[int], Path]) -> None:
    """Publishers hear of it, and the store goes on accepting. A nats-server whose disk was full refuses until it is
    started again (its streams keep the error), which a supervisor does."""
    small = disk(64)

    def on_it(cluster: Cluster) -> None:
        cluster.nats = EmbeddedNats(small / "nats", port=free_port())

    async def torment(field: Field) -> None:
        await asyncio.sleep(1)
        filler = fill(small)
        async with Client(field.cluster.nats.url, timeout_s=1.0) as client:

            async def refused() -> bool:
                try:
                    await client.publish("chaos.nobody", {"pad": LARGE})
                except Unavailable:
                    return True
                return False

            await eventually(refused, 30)
        run_id = await field.cluster.start_run("chain", number=1)
        filler.unlink()
        await field.cluster.kill_nats()
        await field.cluster.nats.start()
        assert (await field.cluster.finished(run_id, 30))["state"] == "succeeded"

    plan = Plan(seed=2, seconds=3, runs_per_s=5)
    async with field(tmp_path, plan, on_it) as made:
        await made.torment(torment(made))
        await assert_nothing_is_wrong(made)


@asynccontextmanager
async def _small_streams(tmp_path: Path, small: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path, environment={"HEADRACE_TEST_JOURNAL": str(tmp_path)})
    cluster.nats = EmbeddedNats(small / "nats", port=free_port())
    async with cluster:
        await cluster.deploy(FLOWS)
        yield cluster


async def test_streams_that_are_full(tmp_path: Path, disk: Callable[[int], Path]) -> None:
    """Where JetStream has little room, streams are small. A full one refuses, and is read empty again."""
    async with _small_streams(tmp_path, disk(24)) as cluster:
        assert "JetStream has little room" in cluster.coordinator_log()
        run_ids = [await cluster.start_run("chain", number=number) for number in range(20)]
        # Nobody works yet: 90 × 60 kB do not fit into the task stream.
        run_ids += [await cluster.start_run("padded", number=number, pad=LARGE) for number in range(90)]

        async def refused() -> bool:
            return "maximum bytes exceeded" in cluster.coordinator_log()

        await eventually(refused, 30, cluster.coordinator_log)
        cluster.start_worker(FLOWS, slots=8, processes=1)
        for run_id in run_ids:
            assert (await cluster.finished(run_id, 40))["state"] == "succeeded"


async def test_a_publisher_hears_of_a_full_stream(tmp_path: Path, disk: Callable[[int], Path]) -> None:
    """Commands while no coordinator reads them: refused ones are not carried out, accepted ones are."""
    async with _small_streams(tmp_path, disk(24)) as cluster:
        cluster.kill_coordinator()
        async with Client(cluster.nats.url, timeout_s=8.0) as client:
            asked = [client.start_run("padded", {"number": number, "pad": LARGE}) for number in range(200)]
            answers = [str(answer) for answer in await asyncio.gather(*asked, return_exceptions=True)]
        accepted = sum("is kept and will be carried out" in answer for answer in answers)
        refused = sum("maximum bytes exceeded" in answer for answer in answers)
        assert accepted + refused == len(answers), answers
        assert accepted > 10
        assert refused > 0
        await cluster.start_coordinator()

        started = 0

        async def all_started() -> bool:
            nonlocal started
            started = sum(run["workflow"] == "padded" for run in await cluster.runs())
            return started == accepted

        await eventually(all_started, 30, lambda: f"{started} of {accepted} have started")
