"""What nothing needs is deleted from a real bucket, and from a directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace_coordinator.bus import NatsBus, NatsSettings, connect
from headrace_coordinator.bus.port import BusError
from headrace_coordinator.bus.results import open_results
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.result_sweep import ResultSweep
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import HolderKind, ResultReference, Transaction
from headrace_protocol.topology import Topology
from tests.conformance.store.samples import head

TOPOLOGY = Topology("sweep")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[NatsBus]:
    async with EmbeddedNats(tmp_path / "nats") as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        yield bus
        await bus.close()


@pytest.mark.parametrize("place", ["bucket", "directory"])
async def test_strays_are_found_and_what_is_needed_stays(bus: NatsBus, tmp_path: Path, place: str) -> None:
    results = open_results(bus, TOPOLOGY.bucket, "" if place == "bucket" else f"file://{tmp_path}/results")
    store = MemoryStore()
    await store.open()
    needed = [await results.put(f"r1/n/{number}/a", bytes(300_000)) for number in range(3)]
    strays = [await results.put(f"r1/n/{number}/b", bytes(300_000)) for number in range(3)]
    foreign = await results.put("other/n/1/c", b"x")
    references = [ResultReference(uri, HolderKind.RUN, "r1") for uri in needed]
    await store.commit(Transaction(runs=[head("r1")], references=references))
    parts = Parts(TOPOLOGY, store, bus, results, SystemClock())
    await ResultSweep(parts, lambda: True).sweep(strays=True)
    assert all([await results.get(uri) is not None for uri in strays]), "they are young"
    await asyncio.sleep(0.01)  # the directory's clock is coarse
    await ResultSweep(parts, lambda: True, grace_s=0.0).sweep(strays=True)
    assert [await results.get(uri) for uri in strays] == [None] * 3
    assert all([await results.get(uri) is not None for uri in (*needed, foreign)])


async def test_uploads_that_never_ended(bus: NatsBus) -> None:
    results = open_results(bus, TOPOLOGY.bucket, "")
    store = MemoryStore()
    await store.open()
    await results.put("r1/n/1/a", bytes(300_000))
    await bus.publish(f"$O.{TOPOLOGY.bucket}.C.dead", {}, b"half of an object")
    parts = Parts(TOPOLOGY, store, bus, results, SystemClock())
    await ResultSweep(parts, lambda: True).sweep(strays=True)
    stream = f"OBJ_{TOPOLOGY.bucket}"
    assert (await bus.client.jetstream().stream_info(stream)).state.messages == 5
    await ResultSweep(parts, lambda: True, grace_s=0.0).sweep(strays=True)
    assert (await bus.client.jetstream().stream_info(stream)).state.messages == 4
    assert await results.get("nats://" + TOPOLOGY.bucket + "/r1/n/1/a") == bytes(300_000)


async def test_only_places_that_were_named_are_opened(bus: NatsBus, tmp_path: Path) -> None:
    """What a worker tells may lead anywhere, and would be shown and deleted."""
    secret, shared = tmp_path / "secret", tmp_path / "shared"
    for folder in (secret, shared):
        folder.mkdir()
        (folder / "key").write_bytes(b"x")
    own = f"file://{tmp_path}/own"
    results = open_results(bus, TOPOLOGY.bucket, own, [f"file://{shared}"])
    assert await results.get(f"file://{shared}//key") == b"x"
    assert await results.get(f"nats://{TOPOLOGY.bucket}/key") is None
    elsewhere = [
        f"file://{secret}//key",
        f"file://{tmp_path}//secret/key",
        f"file://{tmp_path}/missing//key",
        f"file://{shared}x//key",
        f"file://{shared}//../secret/key",
        f"{own}//../secret/key",
        "nats://HR_RESULTS_other/key",
        "s3://bucket//key",
    ]
    for uri in elsewhere:
        with pytest.raises(BusError):
            await results.get(uri)
        with pytest.raises(BusError):
            await results.delete(uri)
    assert (secret / "key").read_bytes() == b"x"
    assert not (tmp_path / "missing").exists()
