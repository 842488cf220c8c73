"""Environments in tests that are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import ParamSpec

import pytest

from headrace import task, workflow
from headrace.testing import START, AsyncEnvironment, Environment
from tests.unit.testing.shop import fulfil, hourly

P = ParamSpec("P")


def on_a_loop(test: Callable[P, Coroutine[object, None, None]]) -> Callable[P, None]:
    """What asyncio plugins of pytest do."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


ports: list[int] = []


@task
async def fetch(path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[-1])
    writer.write(f"{path}\n".encode())
    line = await reader.readline()
    writer.close()
    return line.decode().strip()


@workflow
def fetching(path: str) -> str:
    return fetch(path)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"you asked for " + await reader.readline())
    await writer.drain()
    writer.close()


@on_a_loop
async def test_tasks_reach_what_lives_on_the_tests_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.testing.loop.SOCKET_GRACE_S", 30.0)  # however busy the machine is
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    ports.append(server.sockets[0].getsockname()[1])
    async with AsyncEnvironment(fetching) as env:
        run = await env.run(fetching, "prices")
        assert run.output == "you asked for prices"
        assert env.plain.now == START
    server.close()


@on_a_loop
async def test_everything_is_awaited() -> None:
    async with AsyncEnvironment(fulfil, start=START, workers=2) as env:
        await env.deploy(hourly)
        run = await env.start(fulfil, 7, ["tea"])
        await env.advance("10s")
        assert run.state == "running"
        await env.cancel(run, "no more")
        assert run.state == "cancelled"
        [event_run] = await env.publish("orders.placed", {"number": 1, "skus": ["tea"]}, wait=False)
        await env.wait(event_run)
        assert event_run.output == "order 1: 4.50"
        await env.advance_to(START.replace(hour=2))
        assert len(env.plain.runs(hourly)) == 2
        assert [line.text for line in event_run.logs] == ["order 1", "attempt 1"]


@on_a_loop
async def test_the_plain_environment_works_in_a_coroutine_too() -> None:
    with Environment(fulfil) as env:
        assert env.run(fulfil, 7, ["tea"]).output == "order 7: 4.50"


def test_nothing_awaited_is_left_out() -> None:
    """What of the plain environment lets time go by has its awaited counterpart."""
    takes_time = {"run", "start", "wait", "cancel", "retry", "publish", "advance", "advance_to", "deploy"}
    assert takes_time <= vars(Environment).keys()
    assert all(asyncio.iscoroutinefunction(vars(AsyncEnvironment)[name]) for name in takes_time)
    _: Awaitable[None]
