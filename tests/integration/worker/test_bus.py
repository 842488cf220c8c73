"""The NATS adapter against a real server."""

import asyncio
import time
from pathlib import Path

import pytest
from nats.js.api import StreamConfig

from headrace.bus import BusError, BusOptions, Disconnected, StreamMissing
from headrace.bus.nats_bus import NatsBus, connect
from headrace.runtime import WorkerSettings
from headrace.runtime.worker import Worker
from headrace_protocol.definition import Priority
from headrace_protocol.errors import ConfigError, Unavailable
from headrace_protocol.nats import why_not
from tests.integration.worker.conftest import Fleet, Server, running, task_message, until


async def opened(server: Server) -> NatsBus:
    return await connect(BusOptions(urls=(server.url,), reconnect_wait_s=0.05))


async def test_many_publishes_are_on_their_way_at_once(fleet: Fleet, server: Server) -> None:
    bus = await opened(server)
    await fleet.jetstream.add_stream(StreamConfig(name="MANY", subjects=["many.>"]))
    await asyncio.gather(*(bus.publish(f"many.{number}", b"x") for number in range(1_000)))
    assert (await fleet.jetstream.stream_info("MANY")).state.messages == 1_000
    with pytest.raises(BusError, match="no stream"):
        await bus.publish("nowhere", b"x")
    await bus.close()


async def test_a_full_stream_refuses(fleet: Fleet, server: Server) -> None:
    bus = await opened(server)
    await fleet.jetstream.add_stream(
        StreamConfig(name="FULL", subjects=["full"], max_msgs=1, discard="new")  # type: ignore[arg-type]
    )
    await bus.publish("full", b"x")
    with pytest.raises(BusError, match="maximum messages"):
        await bus.publish("full", b"x")
    await bus.close()


async def test_publishes_fail_when_the_server_goes(fleet: Fleet, server: Server) -> None:
    bus = await opened(server)
    again = asyncio.Event()

    async def reconnected() -> None:
        again.set()

    bus.on_reconnect(reconnected)
    server.kill()

    async def gone() -> bool:
        return not bus.connected

    await until(gone)
    with pytest.raises(Disconnected):
        await bus.publish("anything", b"x")
    server.start()
    await asyncio.wait_for(again.wait(), 30)
    await bus.flush()
    await bus.close()


async def test_a_consumer_needs_its_stream(fleet: Fleet, server: Server) -> None:
    bus = await opened(server)
    spec = fleet.topology.task_consumer("q", Priority.HIGH)
    found = await bus.ensure_consumer(spec)
    assert found.ack_wait_s == fleet.topology.ack_wait_s
    assert await bus.ensure_consumer(spec) == found
    await fleet.jetstream.delete_stream(spec.stream)
    with pytest.raises(StreamMissing):
        await bus.ensure_consumer(spec)
    await bus.close()


async def test_credentials(tmp_path: Path) -> None:
    server = Server(tmp_path / "locked", "--user", "me", "--pass", "secret")
    server.start()
    try:
        with pytest.raises(Unavailable, match=r"(?i)authorization"):
            await connect(BusOptions(urls=(server.url,), user="me", password="wrong"))
        bus = await connect(BusOptions(urls=(server.url,), user="me", password="secret"))
        assert bus.connected
        await bus.close()
    finally:
        server.kill()


def test_a_refusal_whose_reason_is_lost_is_explained() -> None:
    """The server closes at once: what the client has sent meanwhile makes a reset of it."""
    assert "authorization violation" in why_not(ConnectionResetError(104, "Connection reset by peer"))
    assert why_not(OSError("no route")) == "no route"
    assert why_not(TimeoutError()) == "TimeoutError"


async def test_a_creds_file_that_is_not_there(server: Server) -> None:
    with pytest.raises(ConfigError, match="credentials"):
        await connect(BusOptions(urls=(server.url,), creds="/nowhere.creds"))


async def test_no_server_is_known_at_once() -> None:
    """The quickest of three is held to the second: the others only show what else the machine does."""
    took_s = []
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            await connect(BusOptions(urls=("nats://user:secret@127.0.0.1:1",)))
        took_s.append(time.monotonic() - started)
        assert "127.0.0.1:1" in str(raised.value)
        assert "secret" not in str(raised.value)
    assert min(took_s) < 1


async def test_demand_comes_back_to_one_request_for_each_consumer(
    fleet: Fleet, settings: WorkerSettings
) -> None:
    """Workers of different sizes share three priorities; afterwards nothing is lost, asked twice or held."""
    sizes = [(1, 0), (3, 0), (4, 6)]
    workers = [
        Worker(
            WorkerSettings(
                targets=settings.targets,
                bus=settings.bus,
                namespace=settings.namespace,
                slots=slots,
                prefetch=prefetch,
            )
        )
        for slots, prefetch in sizes
    ]
    async with running(workers[0]), running(workers[1]), running(workers[2]):
        sent = set()
        for number in range(300):
            message = task_message("nap", {"s": number % 7 / 1_000})
            sent.add(message.run_id)
            await fleet.publish(message, tuple(Priority)[number % 3])
        seen = [(await fleet.outcome()).run_id for _ in range(300)]
        assert sorted(seen) == sorted(sent)

        async def quiet() -> bool:
            for priority in Priority:
                spec = fleet.topology.task_consumer("default", priority)
                info = await fleet.jetstream.consumer_info(spec.stream, spec.durable)
                if (info.num_waiting, info.num_pending, info.num_ack_pending) != (len(sizes), 0, 0):
                    return False
            return True

        await until(quiet)
    assert fleet.outcomes.empty()
