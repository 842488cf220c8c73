"""Objects of the NATS object store, beside what nats-py makes of them, on a real server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import pytest

from headrace.bus import BusOptions
from headrace.bus.nats_bus import NatsBus, connect
from headrace.results import ResultStore
from headrace.results.places import Places
from headrace_protocol.errors import ConfigError
from headrace_protocol.nats import ObjectGone, Objects
from headrace_protocol.nats.object_pull import WINDOW_CHUNKS
from headrace_protocol.nats.objects import CHUNK_BYTES
from tests.integration.worker.conftest import Server

BUCKET = "objects"
HELD_S = 0.05
"""The longest that the loop may be held."""


def named(key: str):  # type: ignore[no-untyped-def]
    async def known() -> str:
        return key

    return known


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "nats")
    server.start()
    yield server
    server.kill()


def small_server(tmp_path: Path, max_payload: int) -> Server:
    config = tmp_path / "nats.conf"
    config.write_text(f"max_payload: {max_payload}\n")
    return Server(tmp_path / "small", "-c", str(config))


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[tuple[NatsBus, Objects]]:
    bus = await connect(BusOptions(urls=(server.url,), reconnect_wait_s=0.05))
    objects = bus._client.objects(BUCKET, bus.publish)
    await objects.open()
    try:
        yield bus, objects
    finally:
        await bus.close()


def same(found: bytes | None, body: bytes) -> bool:
    """Compared out of pytest's sight, which would draw the difference."""
    return found == body


async def read(objects: Objects, key: str) -> bytes | None:
    found = await objects.find(key)
    return None if found is None else b"".join([chunk async for chunk in found.chunks()])


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        (WINDOW_CHUNKS + 1) * CHUNK_BYTES,
        3 * WINDOW_CHUNKS * CHUNK_BYTES - 7,
    ],
)
async def test_there_and_back_also_with_nats_py(server: Server, size: int) -> None:
    body = os.urandom(size)
    async with opened(server) as (_, objects):
        await objects.put(body, named("ours"))
        client = await nats.connect(server.url)
        bare = await client.jetstream().object_store(BUCKET)
        assert same((await bare.get("ours")).data, body)  # it checks the digest
        await bare.put("theirs", body)
        await client.close()
        assert same(await read(objects, "ours"), body)
        assert same(await read(objects, "theirs"), body)
        assert await read(objects, "none") is None


async def test_what_is_replaced_or_deleted_leaves_nothing(server: Server) -> None:
    async with opened(server) as (bus, objects):
        for body in (bytes(3 * CHUNK_BYTES), b"short"):
            await objects.put(body, named("key"))
        assert await read(objects, "key") == b"short"
        assert await objects.delete("key") == 5
        assert (await objects.delete("key"), await read(objects, "key")) == (0, None)
        state = (await bus._client.jetstream().stream_info(f"OBJ_{BUCKET}")).state
        assert state.messages == 0


async def test_an_object_whose_chunks_are_gone_is_gone(server: Server) -> None:
    async with opened(server) as (bus, objects):
        await objects.put(bytes(3 * CHUNK_BYTES), named("key"))
        found = await objects.find("key")
        assert found is not None
        await bus._client.jetstream().purge_stream(f"OBJ_{BUCKET}", subject=f"$O.{BUCKET}.C.>")
        with pytest.raises(ObjectGone, match=r"0 of 393216 bytes"):
            [chunk async for chunk in found.chunks()]
        store = ResultStore(Places(bus).open, f"nats://{BUCKET}/")
        assert await store._open(f"nats://{BUCKET}/").get("none") is None


async def test_a_source_that_breaks_leaves_nothing(server: Server) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(3 * CHUNK_BYTES)
        raise ValueError("broken")

    async with opened(server) as (bus, objects):
        with pytest.raises(ValueError, match="broken"):
            await objects.put(broken(), named("key"))
        assert (await bus._client.jetstream().stream_info(f"OBJ_{BUCKET}")).state.messages == 0


async def test_objects_are_listed_as_they_were_written(server: Server) -> None:
    async with opened(server) as (_, objects):
        for number in range(7):
            await objects.put(bytes(number), named(f"key-{number}"))
        await objects.delete("key-3")
        first = await objects.listed(0, 4)
        rest = await objects.listed(first[-1].sequence, 100)
        keys = [one.key for one in (*first, *rest)]
        assert keys == [f"key-{number}" for number in (0, 1, 2, 4, 5, 6)]
        assert await objects.listed(rest[-1].sequence, 100) == []
        now_us = await objects.server_time_us()
        assert now_us is not None
        assert [one.written_at_us for one in rest] == sorted(one.written_at_us for one in rest)
        assert 0 <= now_us - rest[-1].written_at_us < 60_000_000


async def test_chunks_of_an_upload_that_never_ended(server: Server) -> None:
    async with opened(server) as (bus, objects):
        await objects.put(bytes(3 * CHUNK_BYTES), named("whole"))
        for number in range(5):
            for _ in range(3):
                await bus.publish(objects.chunk_subject(f"dead{number}"), b"chunk")
        known = {one.nuid for one in await objects.listed(0, 10)}
        now_us = await objects.server_time_us() or 0
        assert (await objects.purge_strays(known, now_us - 3_600_000_000, 0, 100)).purged == 0, "too young"
        purged = after = 0
        while True:
            strays = await objects.purge_strays(known, now_us + 1, after, 2)
            purged, after = purged + strays.purged, strays.last
            if not after:
                break
        assert purged == 5
        assert await read(objects, "whole") == bytes(3 * CHUNK_BYTES)
        state = (await bus._client.jetstream().stream_info(f"OBJ_{BUCKET}")).state
        assert state.messages == 4


async def test_the_loop_is_not_held(server: Server) -> None:
    """The best of three is held to it: a collection of garbage may fall into one."""
    body = os.urandom(48 * 1024 * 1024)
    async with opened(server) as (bus, _):
        store = ResultStore(Places(bus).open, f"nats://{BUCKET}/")
        longest = []
        for _ in range(3):
            gaps = asyncio.create_task(longest_gap_s())
            found = await store.get(await store.put("run/node/1", body))
            gaps.cancel()
            longest.append(await gaps)
            assert same(found, body)
        assert min(longest) < HELD_S


async def longest_gap_s() -> float:
    """In processor time of the loop's thread: what else the machine does is not the loop's."""
    longest, last = 0.0, time.thread_time()
    try:
        while True:
            await asyncio.sleep(0)
            longest, last = max(longest, time.thread_time() - last), time.thread_time()
    except asyncio.CancelledError:
        return longest


async def test_a_server_that_goes_meanwhile_is_waited_for(server: Server) -> None:
    body = os.urandom(24 * 1024 * 1024)
    async with opened(server) as (bus, _):
        store = ResultStore(Places(bus).open, f"nats://{BUCKET}/")
        stored = await store.put("run/node/1", body)
        place = store._open(stored.uri)
        pieces = await place.get(stored.uri.removeprefix(place.prefix))
        assert pieces is not None
        got = bytearray(await anext(pieces))
        server.kill()
        server.start()
        async for piece in pieces:
            got += piece
        assert same(bytes(got), body)


async def test_a_server_with_a_small_payload_limit(tmp_path: Path) -> None:
    server = small_server(tmp_path, 40_000)
    server.start()
    try:
        body = os.urandom(1_000_000)
        async with opened(server) as (bus, objects):
            await objects.put(body, named("key"))
            assert await read(objects, "key") == body
            # The body alone would fit: the server would hang up.
            with pytest.raises(nats.errors.MaxPayloadError):
                bus._client.send("any", bytes(39_990), headers={"Nats-Msg-Id": "x"})
            await bus.flush()
            bus._client.send("any", bytes(40_000))
            await bus.flush()
            assert bus.connected
    finally:
        server.kill()


async def test_a_server_that_takes_next_to_nothing_is_refused(tmp_path: Path) -> None:
    server = small_server(tmp_path, 8_000)
    server.start()
    try:
        with pytest.raises(ConfigError, match=r"8000 bytes.*32768|small messages"):
            await connect(BusOptions(urls=(server.url,)))
    finally:
        server.kill()
