"""The server in our own loop: ports, streams that end, requests that finish."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from headrace_coordinator.api import server as server_module
from headrace_coordinator.api.app import Api
from headrace_coordinator.api.listening import bind
from headrace_coordinator.api.server import ApiServer
from headrace_coordinator.api.services import ApiSettings
from headrace_protocol.codec import raw
from headrace_protocol.errors import ConfigError, ErrorCode, PortInUse
from headrace_protocol.messages import StartRun
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.streams import changes_in

pytestmark = pytest.mark.anyio


async def test_serves_and_stops(app: Api) -> None:
    server = ApiServer(app)
    await server.start(bind("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/health/live")).status_code == 200
    await server.stop()
    async with httpx.AsyncClient(base_url=url) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/health/live")


async def test_a_port_in_use_is_told_before_anything_else(app: Api) -> None:
    first, second = ApiServer(app), ApiServer(app)
    await first.start(bind("127.0.0.1", 0))
    with pytest.raises(PortInUse) as caught:
        await second.start(bind("127.0.0.1", first.port))
    assert caught.value.code is ErrorCode.PORT_IN_USE
    assert "--port" in caught.value.fix
    await first.stop()
    await second.stop()


async def test_an_address_of_another_machine(app: Api) -> None:
    with pytest.raises(ConfigError):
        await ApiServer(app).start(bind("192.0.2.1", 0))


async def test_stopping_ends_open_streams(app: Api, coordinator: FakeCoordinator) -> None:
    server = ApiServer(app)
    await server.start(bind("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        run_id = (await http.post("/api/v1/workflows/flights/runs", json={})).json()["run_id"]
        async with http.stream("GET", "/api/v1/changes?after=0") as answer:
            text = ""
            parts = answer.aiter_text()
            while not changes_in(text):
                text += await anext(parts)
            await coordinator.happen(run_id)
            stopping = asyncio.create_task(server.stop())
            async for part in parts:
                text += part
        async with asyncio.timeout(30):
            await stopping
    assert [batch.position for batch in changes_in(text)][:1] == [1]
    assert not app.services.streams


async def test_a_client_that_takes_nothing_does_not_hold_the_server(
    app: Api, coordinator: FakeCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "GRACE_S", 60)
    app.services.settings = ApiSettings(slow_client_s=0.05)
    server = ApiServer(app)
    await server.start(bind("127.0.0.1", 0))
    await coordinator.start(StartRun(run_id="one", workflow="flights", params=raw({})))
    deaf = socket.create_connection(("127.0.0.1", server.port))
    deaf.sendall(b"GET /api/v1/changes?after=0 HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(30):
        while not app.services.streams:
            await asyncio.sleep(0)
        while app.services.streams:
            await coordinator.happen("one", "x" * 100_000)
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await server.stop()
    deaf.close()
