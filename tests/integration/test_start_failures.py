"""What keeps a coordinator from starting is told by a typed error that names the place and the fix."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from headrace_coordinator.bus import NatsSettings
from headrace_coordinator.main import CoordinatorSettings, running
from headrace_protocol.errors import ConfigError, HeadraceError, PortInUse, StoreLocked, Unavailable
from tests.integration.shared import small_cluster, still_works
from tests.support.cluster import Cluster


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("first")) as started:
        yield started


@pytest.fixture
def settings(cluster: Cluster, tmp_path: Path) -> CoordinatorSettings:
    """Another coordinator that could start."""
    return CoordinatorSettings(
        namespace="second",
        nats=NatsSettings(url=cluster.nats.url),
        store=f"sqlite:///{tmp_path}/second.db",
        port=0,
    )


async def refused(settings: CoordinatorSettings, kind: type[HeadraceError]) -> HeadraceError:
    with pytest.raises(kind) as raised:
        async with running(settings):
            pass
    return raised.value


def but(settings: CoordinatorSettings, **changes: object) -> CoordinatorSettings:
    return msgspec.structs.replace(settings, **changes)


async def test_it_could_start(settings: CoordinatorSettings) -> None:
    async with running(settings) as (coordinator, port):
        assert coordinator.readiness().ready
        assert port > 0


async def test_a_port_in_use(settings: CoordinatorSettings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        error = await refused(but(settings, port=port), PortInUse)
    assert str(port) in str(error)


async def test_a_second_coordinator_on_one_store(cluster: Cluster, settings: CoordinatorSettings) -> None:
    error = await refused(but(settings, store=cluster.store), StoreLocked)
    assert "headrace.db" in str(error)
    await still_works(cluster)


async def test_no_nats(settings: CoordinatorSettings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"nats://someone:secret@127.0.0.1:{unused.getsockname()[1]}"
        error = await refused(but(settings, nats=NatsSettings(url=url, connect_timeout_s=1.0)), Unavailable)
    assert "secret" not in str(error)
    assert "127.0.0.1" in error.found


async def test_a_server_that_speaks_something_else(settings: CoordinatorSettings) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        nats = NatsSettings(url=f"nats://127.0.0.1:{port}", connect_timeout_s=1.0)
        await refused(but(settings, nats=nats), Unavailable)


@pytest.mark.parametrize(
    "changes",
    [{"namespace": "a.b"}, {"store": "oracle://x"}, {"results": "gopher://x/y"}],
)
async def test_a_wrong_setting(settings: CoordinatorSettings, changes: dict[str, object]) -> None:
    error = await refused(but(settings, **changes), ConfigError)
    (value,) = changes.values()
    assert str(value) in str(error)
