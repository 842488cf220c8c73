"""Events on a real nats-server are kept until they were read, and then for as long as there is time and room."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.js.api import DiscardPolicy, StreamConfig, StreamInfo
from nats.js.client import JetStreamContext

from headrace.client import Client
from headrace_coordinator.bus import BusError, NatsBus, NatsSettings, connect, trimming
from headrace_coordinator.bus.results import NatsResults
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_coordinator.service.options import Options
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import RetentionPolicy
from headrace_protocol import headers
from headrace_protocol.errors import Unavailable
from headrace_protocol.topology import Topology
from tests.support.cluster import eventually

TOPOLOGY = Topology("n")
SPEC = TOPOLOGY.event_consumer()
SUBJECT = TOPOLOGY.subjects.event("t")
WEEK_S = 7 * 86_400.0
KIB = 1_024
ANY_AGE_US = 0
"""Nothing was published before."""


def now_us() -> int:
    return time.time_ns() // 1_000


def tomorrow_us() -> int:
    """Everything was published before."""
    return now_us() + 86_400_000_000


class Events:
    """The stream of events of one namespace."""

    def __init__(self, bus: NatsBus, server: EmbeddedNats) -> None:
        self.bus = bus
        self.server = server
        self.jetstream: JetStreamContext = bus.client.jetstream()

    async def make(self, max_bytes: int, **config: object) -> None:
        """The stream as somebody else has made it."""
        found = StreamConfig(name=SPEC.stream, subjects=[f"{TOPOLOGY.subjects.root}.event.>"])
        await self.jetstream.add_stream(found.evolve(max_bytes=max_bytes, **config))

    async def open(self) -> None:
        await self.bus.ensure(TOPOLOGY)
        await self.bus.ensure_consumer(SPEC)

    async def publish(self, count: int, size_bytes: int = 1) -> None:
        for _ in range(count):
            await self.bus.publish(SUBJECT, headers.make(), b"x" * size_bytes)

    async def read(self, count: int, *, but: Callable[[int], bool] = lambda number: False) -> None:
        """Receive so many, and acknowledge all of them but some (counted from 0)."""
        subscription = await self.jetstream.pull_subscribe_bind(SPEC.durable, stream=SPEC.stream)
        for number, message in enumerate(await subscription.fetch(count, timeout=30)):
            if not but(number):
                await message.ack_sync()
        await subscription.unsubscribe()

    async def info(self) -> StreamInfo:
        return await self.jetstream.stream_info(SPEC.stream)

    async def left(self) -> tuple[int, int]:
        """How many, and the first one's sequence."""
        state = (await self.info()).state
        return state.messages, state.first_seq


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Events]:
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        yield Events(bus, server)
        await bus.close()


async def test_what_was_read_is_deleted_by_age_and_nothing_else(events: Events) -> None:
    await events.open()
    config = (await events.info()).config
    assert (config.max_age, config.discard) == (0, DiscardPolicy.NEW)
    await events.publish(30)
    between_us = now_us()
    await events.publish(20)
    await events.read(40)
    await events.bus.trim(SPEC, between_us - 3_600_000_000)
    assert await events.left() == (50, 1)
    await events.bus.trim(SPEC, between_us)
    assert await events.left() == (20, 31)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (10, 41)


async def test_what_is_read_and_not_acknowledged_is_kept_with_all_that_follows(events: Events) -> None:
    await events.open()
    await events.publish(10)
    await events.read(10, but=lambda number: number == 3)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (7, 4)


async def test_what_takes_more_than_half_of_the_bound_is_deleted_once_it_is_read(events: Events) -> None:
    bound = 256 * KIB
    await events.make(bound, discard=DiscardPolicy.NEW)
    await events.open()
    await events.publish(200, KIB)
    share = await events.bus.trim(SPEC, ANY_AGE_US)
    assert await events.left() == (200, 1)
    assert share == pytest.approx((await events.info()).state.bytes / bound)
    assert share > 0.75
    await events.read(200)
    share = await events.bus.trim(SPEC, ANY_AGE_US)
    assert 0.48 < share <= 0.5
    messages, first = await events.left()
    assert messages == 201 - first


@pytest.mark.parametrize(
    ("first", "then"), [(10, 4 * KIB), (4 * KIB, 10)], ids=["small first", "large first"]
)
async def test_messages_of_different_sizes(events: Events, first: int, then: int) -> None:
    await events.make(256 * KIB, discard=DiscardPolicy.NEW)
    await events.open()
    await events.publish(40, first)
    await events.publish(40, then)
    await events.read(80)
    assert await events.bus.trim(SPEC, ANY_AGE_US) <= 0.5
    messages, _ = await events.left()
    assert messages >= 20


async def test_gaps_and_emptiness(events: Events) -> None:
    assert await events.bus.trim(SPEC, tomorrow_us()) == 0.0, "there is no stream"
    await events.bus.ensure(TOPOLOGY)
    await events.publish(20)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (20, 1), "nobody reads"
    await events.bus.ensure_consumer(SPEC)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (20, 1), "nothing is read"
    for sequence in (1, 2, 7, 8, 9, 10, 19, 20):
        await events.jetstream.delete_msg(SPEC.stream, sequence)
    await events.read(8)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (4, 15)
    await events.read(4)
    await events.bus.trim(SPEC, tomorrow_us())
    assert (await events.left())[0] == 0
    assert await events.bus.trim(SPEC, tomorrow_us()) == 0.0
    await events.publish(3)
    await events.read(2)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (1, 23)


async def test_what_somebody_deletes_by_hand_counts_as_read(events: Events) -> None:
    await events.open()
    await events.publish(20)
    await events.read(8, but=lambda number: number == 4)
    await events.jetstream.purge_stream(SPEC.stream, seq=11)
    await events.read(5)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (5, 16)


async def test_a_consumer_that_was_made_anew_has_read_nothing(events: Events) -> None:
    await events.open()
    await events.publish(10)
    await events.read(10)
    await events.jetstream.delete_consumer(SPEC.stream, SPEC.durable)
    await events.bus.ensure_consumer(SPEC)
    await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (10, 1)


async def test_what_was_read_before_a_loss_deletes_nothing_after_it(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream made anew between the look at what was read and the deletion has other messages of the same numbers."""
    await events.open()
    await events.publish(10)
    await events.read(10)
    again = asyncio.Event()

    async def reconnected() -> None:
        await events.open()
        again.set()

    events.bus.on_reconnect(reconnected)
    unread_from = trimming._unread_from

    async def then_lost(*arguments: object) -> int:
        found = await unread_from(*arguments)
        await events.server.stop()
        shutil.rmtree(events.server.data_dir)
        await events.server.start()
        await asyncio.wait_for(again.wait(), 30)
        await events.publish(3)
        return found

    monkeypatch.setattr(trimming, "_unread_from", then_lost)
    with pytest.raises(BusError, match="connection"):
        await events.bus.trim(SPEC, tomorrow_us())
    assert await events.left() == (3, 1)


async def test_a_look_at_what_is_young_costs_one_message(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.open()
    await events.publish(200)
    between_us = now_us()
    await events.publish(56)
    await events.read(256)
    looks = 0
    get_msg = JetStreamContext.get_msg

    async def counted(*arguments: object, **named: object) -> object:
        nonlocal looks
        looks += 1
        return await get_msg(*arguments, **named)

    monkeypatch.setattr(JetStreamContext, "get_msg", counted)
    await events.bus.trim(SPEC, ANY_AGE_US)
    assert looks == 1
    await events.bus.trim(SPEC, between_us)
    assert await events.left() == (56, 201)
    assert looks < 20


async def test_a_stream_of_an_older_version_is_changed_in_place(events: Events) -> None:
    bound = 256 * KIB
    await events.make(
        bound, discard=DiscardPolicy.OLD, max_age=WEEK_S, description="ours", max_msg_size=9_999
    )
    before = await events.info()
    await events.publish(5)
    await events.open()
    info = await events.info()
    assert (info.config.discard, info.config.max_age) == (DiscardPolicy.NEW, 0)
    assert (info.config.max_bytes, info.config.description, info.config.max_msg_size) == (
        bound,
        "ours",
        9_999,
    )
    assert info.created == before.created
    assert await events.left() == (5, 1)
    life = (await events.jetstream.stream_info(TOPOLOGY.stream("LIFECYCLE"))).config
    assert (life.discard, life.max_age) == (DiscardPolicy.OLD, WEEK_S)


async def test_a_full_stream_refuses_until_it_is_trimmed(events: Events) -> None:
    await events.make(64 * KIB, discard=DiscardPolicy.NEW)
    await events.open()
    async with Client(events.server.url, namespace=TOPOLOGY.namespace) as client:
        accepted, refusal = 0, ""
        while not refusal and accepted < 1_000:
            try:
                await client.publish("t", "x" * KIB)
                accepted += 1
            except Unavailable as error:
                refusal = str(error)
        assert "maximum bytes exceeded" in refusal
        await events.read(accepted)
        assert await events.left() == (accepted, 1), "what was accepted is there"
        await events.bus.trim(SPEC, ANY_AGE_US)
        await client.publish("t", "x" * KIB)


async def test_a_coordinator_deletes_what_it_has_read(events: Events) -> None:
    store = MemoryStore()
    await store.open()
    results = NatsResults(events.bus, TOPOLOGY.bucket)
    coordinator = RunningCoordinator(
        Parts(TOPOLOGY, store, events.bus, results, SystemClock()),
        Options(retention=RetentionPolicy(replay_s=0.0), trim_s=0.05),
    )
    await coordinator.open()
    async with Client(events.server.url, namespace=TOPOLOGY.namespace) as client:
        published = {await client.publish("t", number) for number in range(5)}

    async def nothing_left() -> bool:
        return await events.left() == (0, 6)

    await eventually(nothing_left, 20)
    assert {event.event_id for event in await store.events("t", None, 10)} == published
    await coordinator.close()
    await store.close()
