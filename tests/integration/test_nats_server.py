"""The embedded nats-server: the real binary, its ends and its restarts."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
import uvloop
from nats.aio.client import Client

from headrace_coordinator.local.nats_server import EmbeddedNats, find_nats_server
from headrace_protocol.errors import ErrorCode, PortInUse, StoreLocked, Unavailable

DEADLINE_S = 30.0
POLL_S = 0.01


@asynccontextmanager
async def connected(server: EmbeddedNats) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, allow_reconnect=False, connect_timeout=30)
    try:
        yield client
    finally:
        await client.close()


async def ended(pid: int) -> None:
    """Return when the process is gone. It is not our child, so there is nothing to wait on but its id."""
    async with asyncio.timeout(DEADLINE_S):
        while is_running(pid):
            await asyncio.sleep(POLL_S)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_message_outlives_kill_9_and_restart(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path / "data") as server:
        url, pid = server.url, server.pid
        assert pid is not None
        async with connected(server) as client:
            jetstream = client.jetstream()
            await jetstream.add_stream(name="S", subjects=["s.>"])
            await jetstream.publish("s.one", b"kept")

        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE_S):
            await server.died.wait()
        assert server.pid is None

        await server.start()
        assert server.url == url
        assert server.pid != pid
        assert not server.died.is_set()
        async with connected(server) as client:
            message = await client.jetstream().get_msg("S", seq=1)
            assert message.data == b"kept"
    assert (tmp_path / "data" / "jetstream").is_dir()


async def test_it_is_ready_soon_with_the_limits_promised(tmp_path: Path) -> None:
    """The quickest of five starts is held to two seconds: the others only show what else the machine does."""
    took_s = []
    for number in range(5):
        async with EmbeddedNats(tmp_path / str(number)) as server:
            took_s.append(server.ready_after_s)
        if took_s[-1] < 2:
            break
    assert 0 < min(took_s) < 2
    async with EmbeddedNats(tmp_path / "limits", server_name="here") as server:
        async with connected(server) as client:
            assert client.max_payload == 1024 * 1024
            assert client.connected_server_version.major >= 2
            assert (await client.jetstream().account_info()).streams == 0
        assert b"Server is ready" in server.log_file.read_bytes()


async def test_a_stop_is_no_death(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    await server.stop()
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.start()
    assert server.pid == pid
    await server.stop()
    assert server.pid is None
    assert not is_running(pid)
    assert not server.died.is_set()
    await server.stop()


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            await EmbeddedNats(tmp_path, port=port).start()
    assert caught.value.code == ErrorCode.PORT_IN_USE
    assert str(port) in caught.value.message
    assert "--nats-port" in caught.value.fix
    assert not (tmp_path / "jetstream").exists()


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path):
        with pytest.raises(StoreLocked) as caught:
            await EmbeddedNats(tmp_path).start()
    assert str(tmp_path) in caught.value.where
    async with EmbeddedNats(tmp_path):
        pass


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path, sync_interval="sometimes")
    with pytest.raises(Unavailable) as caught:
        await server.start()
    assert "exit code 1" in caught.value.found
    assert "sync_interval" in caught.value.found
    assert server.pid is None
    with pytest.raises(Unavailable):
        await EmbeddedNats(tmp_path, binary=tmp_path / "none").start()


async def test_a_directory_with_an_odd_name(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path / 'a "b" $c é \\ #d') as server, connected(server) as client:
        assert client.is_connected


async def test_the_binary_comes_from_the_wheel() -> None:
    assert find_nats_server().name == "nats-server"


PARENT = """
import asyncio, sys
from pathlib import Path
from headrace_coordinator.local.nats_server import EmbeddedNats

async def main():
    server = EmbeddedNats(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child together with its parent")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_it_ends_when_its_parent_is_killed(tmp_path: Path, loop: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, tmp_path, loop, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_running(pid)
    # Ctrl-C in a terminal goes to the whole group of the parent, and the server must not be in it.
    assert os.getpgid(pid) == pid
    parent.kill()
    await parent.wait()
    await ended(pid)
    async with EmbeddedNats(tmp_path):
        pass


def test_it_works_on_uvloop(tmp_path: Path) -> None:
    async def start_kill_start() -> None:
        async with EmbeddedNats(tmp_path) as server:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            async with asyncio.timeout(DEADLINE_S):
                await server.died.wait()
            await server.start()
            assert server.pid is not None

    uvloop.run(start_kill_start())
