"""The stream of changes resumes exactly, whatever happens while a client is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from headrace_coordinator.api.app import Api
from headrace_coordinator.api.services import ApiSettings
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.memory_reader import MemoryReader
from headrace_protocol.codec import raw
from headrace_protocol.messages import LifecycleBatch, StartRun
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.streams import changes_in, open_stream

pytestmark = pytest.mark.anyio


async def start(coordinator: FakeCoordinator, run_id: str) -> str:
    await coordinator.start(StartRun(run_id=run_id, workflow="flights", params=raw({})))
    return run_id


async def test_begins_now_and_tells_what_comes(app: Api, coordinator: FakeCoordinator) -> None:
    run_id = await start(coordinator, "one")
    async with open_stream(app) as stream:
        await stream.read()
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.last_id == "1"
        await coordinator.happen(run_id)
        assert [batch.position for batch in await stream.read_changes(1)] == [2]


class Unhurried(MemoryReader):
    """A store whose history takes a few turns of the loop to read, as a real one does."""

    def __init__(self, store: MemoryStore, pause: Callable[[], Awaitable[None]]) -> None:
        self._tables = store._tables
        self._open = True
        self._pause = pause

    async def history(self, run_id: str | None, after: int, limit: int) -> list[LifecycleBatch]:
        await self._pause()
        batches = await super().history(run_id, after, limit)
        await self._pause()
        return batches


@pytest.mark.parametrize("seed", range(12))
async def test_cut_anywhere_misses_nothing_and_repeats_nothing(
    app: Api, coordinator: FakeCoordinator, store: MemoryStore, seed: int
) -> None:
    chance = random.Random(seed)

    async def pause() -> None:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)

    app.services.store = Unhurried(store, pause)
    coordinator.pause = pause
    run_id = await start(coordinator, "one")
    total = 400

    async def write() -> None:
        while coordinator.position < total:
            for _ in range(min(chance.randrange(1, 3), total - coordinator.position)):
                await coordinator.happen(run_id)
            await asyncio.sleep(0)
            await pause()

    writing = asyncio.create_task(write())
    seen: list[int] = []
    last_id = "0"
    while len(seen) < total:
        async with open_stream(app, last_id=last_id) as stream:
            for _ in range(chance.randrange(1, 15)):
                await stream.read()
                got = [batch.position for batch in changes_in(stream.text)]
                if got and got[-1] == total:
                    break
            seen += got
            last_id = stream.last_id
    await writing
    assert seen == list(range(1, total + 1))


async def test_many_clients_and_one_writer(app: Api, coordinator: FakeCoordinator) -> None:
    run_id = await start(coordinator, "one")

    async def follow(after: int) -> list[int]:
        async with open_stream(app, f"after={after}") as stream:
            changes = await stream.read_changes(200 - after)
            return [batch.position for batch in changes]

    while coordinator.position < 150:
        await coordinator.happen(run_id)
    async with asyncio.TaskGroup() as group:
        clients = {after: group.create_task(follow(after)) for after in (0, 1, 50, 150)}
        while coordinator.position < 200:
            await coordinator.happen(run_id)
            await asyncio.sleep(0)
    for after, client in clients.items():
        assert client.result() == list(range(after + 1, 201))


async def test_filters(app: Api, coordinator: FakeCoordinator) -> None:
    one, two = await start(coordinator, "one"), await start(coordinator, "two")
    await coordinator.happen(one)
    async with open_stream(app, "after=0&run_id=two") as stream:
        assert [batch.position for batch in await stream.read_changes(1)] == [2]
        await coordinator.happen(one)
        await coordinator.happen(two)
        assert [batch.position for batch in await stream.read_changes(2)] == [2, 5]
    async with open_stream(app, "after=0&workflow=nothing") as stream:
        await stream.read()
        await coordinator.happen(one)
        assert changes_in(stream.text) == []


async def test_heartbeats_carry_the_position(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = ApiSettings(heartbeat_s=0.01)
    await start(coordinator, "one")
    async with open_stream(app, "after=0&workflow=nothing") as stream:
        while ": still here" not in stream.text:
            await stream.read()
        assert stream.last_id == "1"


async def test_a_position_of_another_store_is_reset(app: Api, coordinator: FakeCoordinator) -> None:
    run_id = await start(coordinator, "one")
    async with open_stream(app, last_id="900") as stream:
        assert "event: reset\n" in await stream.read()
        await coordinator.happen(run_id)
        assert [batch.position for batch in await stream.read_changes(1)] == [2]


async def test_a_slow_client_is_served_from_the_store(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = ApiSettings(change_buffer=3)
    run_id = await start(coordinator, "one")
    async with open_stream(app, "after=0") as stream:
        await stream.read_changes(1)
        stream.taking.clear()
        for _ in range(50):
            await coordinator.happen(run_id)
            await asyncio.sleep(0)
        stream.taking.set()
        assert [batch.position for batch in await stream.read_changes(51)] == list(range(1, 52))


async def test_a_stuck_client_is_cut(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = ApiSettings(slow_client_s=0.01)
    run_id = await start(coordinator, "one")
    async with open_stream(app) as stream:
        await stream.read()
        stream.taking.clear()
        await coordinator.happen(run_id)
        async with asyncio.timeout(30):
            while app.services.streams:
                await asyncio.sleep(0.005)
        assert not coordinator.listeners


async def test_ends_with_the_server(app: Api) -> None:
    async with open_stream(app) as stream:
        await stream.read()
        app.services.close_streams()
        while not stream.ended:
            await stream.read()


async def test_ends_when_the_coordinator_hangs_up(app: Api, coordinator: FakeCoordinator) -> None:
    run_id = await start(coordinator, "one")
    async with open_stream(app, "after=0") as stream:
        await stream.read_changes(1)
        await coordinator.happen(run_id)
        await stream.read_changes(2)
        coordinator.hang_up()
        while not stream.ended:
            await stream.read()
    assert not app.services.streams


async def test_a_client_that_leaves_leaves_nothing(app: Api, coordinator: FakeCoordinator) -> None:
    async with open_stream(app) as stream:
        await stream.read()
    assert not app.services.streams
    assert not coordinator.listeners
