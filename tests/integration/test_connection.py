"""The direct line through nats-py, against a real server, when there is much to send or to read."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvloop

from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol.nats import Connection
from headrace_protocol.nats.connection import BREATH, FULL_BYTES

SUBJECT = "much"
PATIENCE_S = 20.0
Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Loop:
    return request.param  # type: ignore[no-any-return]


def test_a_flood_leaves_turns_to_others(tmp_path: Path, loop_factory: Loop) -> None:
    count = 40 * BREATH

    async def flooded() -> None:
        async with EmbeddedNats(tmp_path) as server:
            connection = Connection()
            await connection.connect(server.url)
            turn = 0
            received: Counter[int] = Counter()
            everything = asyncio.Event()

            async def others() -> None:
                nonlocal turn
                while True:
                    turn += 1
                    await asyncio.sleep(0)

            def receive(*_: object) -> None:
                received[turn] += 1
                if received.total() == count:
                    everything.set()

            await connection.listen(SUBJECT, receive)
            beside = asyncio.create_task(others())
            for _ in range(count):
                connection.send(SUBJECT, b"x")
            await asyncio.wait_for(everything.wait(), PATIENCE_S)
            beside.cancel()
            await connection.close()
            assert max(received.values()) <= BREATH

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(flooded())


def test_much_leaves_before_the_tick_ends(tmp_path: Path, loop_factory: Loop) -> None:
    async def sent() -> None:
        async with EmbeddedNats(tmp_path) as server:
            connection = Connection()
            await connection.connect(server.url)
            arrived = _heard(server.url)
            body = b"x" * 1024
            for _ in range(FULL_BYTES // len(body) + 1):
                connection.send(SUBJECT, body)
            assert arrived.wait(PATIENCE_S), "the loop has not been let go on since"
            await connection.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(sent())


def _heard(url: str) -> threading.Event:
    """Set when a subscriber outside the loop has got the first message."""
    address = urlsplit(url)
    line = socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)
    reader = line.makefile("rb")
    reader.readline()  # INFO
    line.sendall(f'CONNECT {{"verbose":false}}\r\nSUB {SUBJECT} 1\r\nPING\r\n'.encode())
    assert reader.readline() == b"PONG\r\n"
    heard = threading.Event()

    def listen() -> None:
        with line, reader:
            if reader.readline().startswith(b"MSG"):
                heard.set()

    threading.Thread(target=listen, daemon=True).start()
    return heard
