"""Tasks end, also those that lose a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from headrace_protocol import tasks
from headrace_protocol.tasks import end


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_tasks_have_ended_when_it_returns() -> None:
    started = [asyncio.create_task(for_ever()) for _ in range(3)]
    await asyncio.sleep(0)
    await end(None, *started)
    assert all(task.cancelled() for task in started)


async def test_one_that_takes_its_time_is_waited_for() -> None:
    ended = False

    async def slow() -> None:
        nonlocal ended
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0.05)
            ended = True

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    await end(task)
    assert ended


async def test_what_a_task_raised_is_nobodys_business(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await end(task)
    del task
    assert "never retrieved" not in caplog.text


async def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_for` may lose it when the answer is there in the same moment."""
    monkeypatch.setattr(tasks, "AGAIN_S", 0.05)
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def watch() -> None:
        await asyncio.wait_for(answer, 60)
        await for_ever()

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    answer.set_result(None)
    await end(task)
    assert task.cancelled()
