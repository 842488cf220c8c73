"""The coordinator's NATS adapter against a real server that loses everything."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from headrace.bus import BusOptions
from headrace.bus.nats_bus import connect as connect_worker
from headrace_coordinator.bus import Incoming, NatsSettings, connect
from headrace_coordinator.bus.port import BusError, Outgoing
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import headers
from headrace_protocol.definition import Priority
from headrace_protocol.topology import Topology
from tests.support.cluster import eventually

TOPOLOGY = Topology("n")
PATIENCE_S = 20.0
"""Less than the ack wait: what comes again is not what was waited for."""


async def test_what_was_read_before_a_loss_is_not_acknowledged_after_it(tmp_path: Path) -> None:
    """The first message of the new stream has the number that the first one of the old stream had."""
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)
        spec = TOPOLOGY.input_consumer(0)
        received: asyncio.Queue[Incoming] = asyncio.Queue()
        consuming = await bus.consume(spec, 10, received.put_nowait)
        again = asyncio.Event()

        async def reconnected() -> None:
            await bus.ensure(TOPOLOGY)
            again.set()

        bus.on_reconnect(reconnected)

        async def message() -> Incoming:
            await bus.publish(TOPOLOGY.subjects.input(0, "outcome", "q"), headers.make(), b"x")
            return await asyncio.wait_for(received.get(), PATIENCE_S)

        async def in_flight(count: int) -> None:
            async def so_many() -> bool:
                state = await bus.consumer_state(spec)
                return state is not None and state.in_flight == count

            await eventually(so_many, PATIENCE_S)

        old = await message()
        await server.stop()
        shutil.rmtree(server.data_dir)
        await server.start()
        await asyncio.wait_for(again.wait(), 30)
        new = await message()
        assert new.reply.split(".")[5] == old.reply.split(".")[5] == "1"
        bus.acknowledge(old)
        bus.acknowledge(await message())
        await in_flight(1)
        bus.acknowledge(new)
        await in_flight(0)
        await consuming.stop()
        await bus.close()


async def test_how_long_the_next_message_has_waited(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)
        spec = TOPOLOGY.task_consumer("gpu", Priority.NORMAL)
        other = TOPOLOGY.subjects.task("other", Priority.NORMAL)
        await bus.ensure_consumer(spec)

        async def waits_since() -> int | None:
            state = await bus.consumer_state(spec)
            assert state is not None
            return await bus.next_published_us(spec, state)

        await bus.publish(other, headers.make(), b"x")
        assert await waits_since() is None
        before_us = time.time_ns() // 1000
        await bus.publish(spec.filter_subject, headers.make(), b"first")
        between_us = time.time_ns() // 1000
        await bus.publish(spec.filter_subject, headers.make(), b"second")
        assert before_us <= (await waits_since() or 0) <= between_us

        received: asyncio.Queue[Incoming] = asyncio.Queue()
        consuming = await bus.consume(spec, 1, received.put_nowait)
        await asyncio.wait_for(received.get(), 30)
        await asyncio.wait_for(received.get(), 30)
        assert await waits_since() is None
        await consuming.stop()
        await bus.close()


async def test_one_confirmation_tells_that_all_are_stored(tmp_path: Path) -> None:
    subject = TOPOLOGY.subjects.task("gpu", Priority.NORMAL)

    def messages(*ids: str) -> list[Outgoing]:
        return [(subject, headers.make(message_id=message_id), message_id.encode()) for message_id in ids]

    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)
        assert await bus.publish_in_order(messages("a", "b", "c")) == 3
        assert await bus.publish_in_order(messages("d")) == 4
        with pytest.raises(BusError, match="wrong last msg ID"):
            await bus.publish_in_order(
                messages("e", "b", "f")
            )  # b is there: what follows it does not follow e
        assert await bus.publish_in_order(messages("g", "h")) == 7
        stream = bus.client.jetstream()
        name = TOPOLOGY.stream("TASKS")
        assert [(await stream.get_msg(name, seq)).data for seq in range(1, 8)] == [
            letter.encode() for letter in "abcdegh"
        ]
        assert [await bus.publish(*message) for message in messages("e", "b", "f")] == [5, 2, 8]
        await bus.close()


async def test_a_message_that_the_stream_refuses_takes_those_behind_it_with_it(tmp_path: Path) -> None:
    subject = TOPOLOGY.subjects.task("gpu", Priority.NORMAL)
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)
        stream = bus.client.jetstream()
        info = await stream.stream_info(TOPOLOGY.stream("TASKS"))
        await stream.update_stream(info.config.evolve(max_msg_size=1_000))
        parts = [(subject, headers.make(message_id=str(size)), b"x" * size) for size in (10, 2_000, 20, 30)]
        with pytest.raises(BusError, match="wrong last msg ID"):
            await bus.publish_in_order(parts)
        assert (await stream.stream_info(TOPOLOGY.stream("TASKS"))).state.messages == 1
        await bus.close()


async def test_inputs_of_a_shard_that_does_not_exist_are_refused(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)  # as an older version made it
        await bus.ensure(Topology("n", shards=2))
        for shard in (0, 1):
            await bus.publish(TOPOLOGY.subjects.input(shard, "outcome", "q"), headers.make(), b"x")
        with pytest.raises(BusError):
            await bus.publish(TOPOLOGY.subjects.input(2, "outcome", "q"), headers.make(), b"x")
        await bus.close()


async def test_consumers_follow_the_ack_wait_that_the_coordinator_was_told(tmp_path: Path) -> None:
    """Whoever makes them, and however it was started."""
    async with EmbeddedNats(tmp_path) as server:
        coordinator = await connect(NatsSettings(url=server.url), "test")
        await coordinator.ensure(Topology("n", ack_wait_s=2.0))
        worker = await connect_worker(BusOptions(urls=(server.url,)))
        spec = Topology("n", ack_wait_s=45.0).task_consumer("q", Priority.NORMAL)
        assert (await worker.ensure_consumer(spec)).ack_wait_s == 2.0
        await coordinator.ensure(Topology("n", ack_wait_s=7.0))
        assert (await worker.ensure_consumer(spec)).ack_wait_s == 7.0
        again = Topology("n", ack_wait_s=45.0).task_consumer("other", Priority.NORMAL)
        assert (await worker.ensure_consumer(again)).ack_wait_s == 7.0
        await worker.close()
        await coordinator.close()


async def test_what_an_operator_has_paused_stays_paused(tmp_path: Path) -> None:
    """Also when somebody looks at the queue."""
    async with EmbeddedNats(tmp_path) as server:
        bus = await connect(NatsSettings(url=server.url), "test")
        await bus.ensure(TOPOLOGY)
        spec = TOPOLOGY.task_consumer("q", Priority.NORMAL)
        await bus.ensure_consumer(spec)
        pause = f"$JS.API.CONSUMER.PAUSE.{spec.stream}.{spec.durable}"
        await bus.client.request(pause, b'{"pause_until": "2100-01-01T00:00:00Z"}')
        await bus.ensure_consumer(spec)
        state = await bus.consumer_state(spec)
        assert state is not None
        assert state.trouble.startswith("consumer q_normal of HR_TASKS_n is paused on NATS until 2100-01-01")
        await bus.close()
