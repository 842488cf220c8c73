"""The pipes: whatever ends a connection to NATS, it comes back, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from headrace.bus import BusOptions
from headrace.client import Client
from headrace_protocol.errors import Unavailable
from tests.support.cluster import Cluster, eventually, free_port
from tests.support.tunable_nats import TunableNats

FLOWS = """
from headrace import event, task, workflow

@task
def double(n: int) -> int:
    return n * 2

@workflow(triggers=[event("number", params={"n": "event.data.n"})])
def calc(n: int) -> int:
    return double(n)

@task
def letters(count: int) -> str:
    return "x" * count

@workflow
def large(count: int) -> str:
    return letters(count)
"""
AWAY_S = 1.5
BACK_S = 20.0

pytestmark = pytest.mark.timeout(180)


class Pipes(Cluster):
    """Coordinator, worker and a client that has been there for long, on a server that can be tuned."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.nats = self.server = TunableNats(directory / "nats", free_port())

    async def begin(self) -> None:
        target = self.directory / "flows.py"
        target.write_text(FLOWS)
        await self.nats.start()
        login = {"user": "app", "password": "one"}
        await self.start_coordinator(nats={"url": self.nats.url, **login})
        self.start_worker(target, bus={"urls": [self.nats.url], **login})
        await self.deploy(target)
        options = BusOptions(urls=(self.nats.url,), user="app", password="one")
        self.client = Client(options=options, timeout_s=5)
        await self.client.__aenter__()

    async def works(self, number: int) -> None:
        """An event by the client's old connection has its run done by the worker's old connection."""
        published = ""

        async def accepted() -> bool:
            nonlocal published
            with suppress(Unavailable):
                published = await self.client.publish(
                    "number", {"n": number}, id=f"n-{number}", source="/test"
                )
            return bool(published)

        await eventually(accepted, BACK_S, self.logs)

        async def done() -> bool:
            answer = await self.api.get("/runs", params={"workflow": "calc", "limit": 500})
            if not answer.is_success:
                return False
            runs = [run for run in answer.json()["runs"] if run.get("event_id") == published]
            return [run["state"] for run in runs] == ["succeeded"]

        await eventually(done, BACK_S, self.logs)

    def logs(self) -> str:
        return "\n".join(log.read_text()[-2000:] for log in sorted(self.directory.glob("*.log")))


@pytest.fixture
async def pipes(tmp_path: Path) -> AsyncIterator[Pipes]:
    cluster = Pipes(tmp_path)
    try:
        await cluster.begin()
        await cluster.works(0)
        yield cluster
    finally:
        with suppress(AttributeError):
            await cluster.client.__aexit__(None, None, None)
        await cluster.__aexit__(None, None, None)


async def password_changed(cluster: Pipes) -> None:
    """And changed back: as when it is rotated here first and there later."""
    await cluster.server.reload(password="two")
    await asyncio.sleep(AWAY_S)
    await cluster.server.reload(password="one")


async def too_many_connections(cluster: Pipes) -> None:
    """The server sends away whoever is one too many, and refuses to let them in again."""
    await cluster.server.reload(max_connections=1)
    await asyncio.sleep(AWAY_S)
    await cluster.server.reload(max_connections=1_000)


async def kicked(cluster: Pipes) -> None:
    """By an operator."""
    assert await cluster.server.kick_all() >= 3


async def smaller_messages(cluster: Pipes) -> None:
    """What the server takes shrinks, which hangs up on clients that did not know."""
    await cluster.server.reload(max_payload=65_536)
    with suppress(Unavailable):
        await cluster.client.publish("number", {"n": 1, "much": "x" * 200_000}, id="large", source="/test")


TROUBLES: list[Callable[[Pipes], Awaitable[None]]] = [
    password_changed,
    too_many_connections,
    kicked,
    smaller_messages,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_a_connection_comes_back_whatever_has_ended_it(
    pipes: Pipes, trouble: Callable[[Pipes], Awaitable[None]]
) -> None:
    await trouble(pipes)
    await pipes.works(1)
    assert pipes.coordinator is not None
    assert pipes.coordinator.poll() is None
    assert [worker.poll() for worker in pipes.workers] == [None]


async def test_what_the_server_says_is_in_the_log(pipes: Pipes) -> None:
    await password_changed(pipes)
    await pipes.works(1)
    for log in ("coordinator.log", "worker-0.log"):
        assert "the NATS server says: Authorization Violation" in (pipes.directory / log).read_text(), log


async def test_runs_go_on_in_the_middle_of_it(pipes: Pipes) -> None:
    """Twenty events while everybody is kicked again and again: each has its one run."""
    for number in range(1, 21):
        if number % 5 == 0:
            await pipes.server.kick_all()
        await pipes.works(number)
    runs = (await pipes.api.get("/runs", params={"workflow": "calc", "limit": 500})).json()["runs"]
    assert len(runs) == 21
