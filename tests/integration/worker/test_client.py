"""The client against a real server, with the coordinator's answers played."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg

from headrace.client import Client, publish_event
from headrace_protocol import codec, headers, ids
from headrace_protocol.cloudevent import decode_nats
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import ErrorCode, NotFound, ProtocolError, Unavailable
from headrace_protocol.messages import CancelRun, Command, CommandReply, Deploy, StartRun
from tests.integration.worker.conftest import NAMESPACE, Fleet, Server

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def client(fleet: Fleet, server: Server) -> AsyncIterator[Client]:
    async with Client(server.url, namespace=NAMESPACE, timeout_s=30) as client:
        yield client


async def last_event(fleet: Fleet) -> Msg:
    stored = await fleet.jetstream.get_last_msg(
        fleet.topology.stream("EVENTS"), fleet.subjects.event("orders.uploaded")
    )
    return Msg(fleet.client, stored.subject or "", data=stored.data or b"", headers=stored.headers)


async def test_publish(fleet: Fleet, client: Client) -> None:
    sent = await client.publish(
        "orders.uploaded", {"path": "ü.csv"}, source="/shop", subject="7", traceparent=TRACEPARENT
    )
    message = await last_event(fleet)
    event = decode_nats(message.subject, message.headers, message.data)
    assert (event.id, event.source, event.subject, event.data) == (sent, "/shop", "7", {"path": "ü.csv"})
    assert event.trace is not None
    assert event.trace.trace_id == TRACEPARENT.split("-")[1]
    assert event.time


async def test_one_id_is_one_event(fleet: Fleet, client: Client) -> None:
    for _ in range(3):
        assert await client.publish("orders.uploaded", {}, id="42", source="/shop") == "42"
    info = await fleet.jetstream.stream_info(fleet.topology.stream("EVENTS"))
    assert info.state.messages == 1


async def test_a_wrong_type_is_refused_here(client: Client) -> None:
    with pytest.raises(ProtocolError):
        await client.publish("orders.>", {})


async def test_publish_from_sync_code(fleet: Fleet, server: Server) -> None:
    found = await asyncio.to_thread(
        publish_event, "orders.uploaded", [1, 2], url=server.url, namespace=NAMESPACE
    )
    message = await last_event(fleet)
    assert decode_nats(message.subject, message.headers, message.data).id == found


async def answer(fleet: Fleet, reply: CommandReply) -> Command:
    """Take the next command, and answer it as the coordinator does."""
    message = await asyncio.wait_for(fleet.rejected.get(), 30)
    assert message.headers is not None
    await fleet.client.publish(message.headers[headers.REPLY_TO], codec.encode(reply))
    return codec.decode(message.data, Command, message.headers)  # type: ignore[arg-type]


async def test_commands(fleet: Fleet, client: Client) -> None:
    starting = asyncio.create_task(client.start_run("flow", {"x": 1}, idempotency_key="k", labels={"a": "b"}))
    run_id = ids.derived_run_id(NAMESPACE, "flow", "manual", "k")
    command = await answer(fleet, CommandReply(run_id=run_id, created=False))
    assert isinstance(command, StartRun)
    assert (command.run_id, command.params, command.labels) == (run_id, codec.raw({"x": 1}), {"a": "b"})
    assert (await starting).created is False

    cancelling = asyncio.create_task(client.cancel_run("r", by="me"))
    assert isinstance(await answer(fleet, CommandReply(run_id="r")), CancelRun)
    assert (await cancelling).run_id == "r"

    deploying = asyncio.create_task(client.deploy(WorkflowDefinition(name="flow", nodes=(), tasks={})))
    assert isinstance(await answer(fleet, CommandReply(version="v")), Deploy)
    assert (await deploying).version == "v"


async def test_an_answered_error_is_raised(fleet: Fleet, client: Client) -> None:
    starting = asyncio.create_task(client.start_run("missing"))
    error = NotFound("no such workflow", where="missing").info()
    await answer(fleet, CommandReply(error=error))
    with pytest.raises(NotFound) as raised:
        await starting
    assert raised.value.code is ErrorCode.NOT_FOUND
    assert raised.value.where == "missing"


async def test_nobody_answers(fleet: Fleet, server: Server) -> None:
    async with Client(server.url, namespace=NAMESPACE, timeout_s=2) as client:
        with pytest.raises(Unavailable, match="no coordinator has answered"):
            await client.start_run("flow")


async def test_no_streams(server: Server) -> None:
    async with Client(server.url, namespace="empty", timeout_s=2) as client:
        with pytest.raises(Unavailable):
            await client.publish("orders.uploaded", {})


async def test_not_connected() -> None:
    with pytest.raises(Unavailable, match="async with"):
        await Client().publish("orders.uploaded", {})
