"""A coroutine whose steps are marked behaves as it does without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine

import pytest

from headrace.runtime.watchdog.steps import marked


class Marks:
    def __init__(self) -> None:
        self.inside = False
        self.steps = 0

    def enter(self) -> None:
        assert not self.inside
        self.inside = True
        self.steps += 1

    def leave(self) -> None:
        assert self.inside
        self.inside = False

    def of(self, coroutine: Coroutine[object, object, str]) -> Awaitable[str]:
        return marked(coroutine, self.enter, self.leave)


async def test_each_step_is_marked_and_no_wait() -> None:
    marks, seen = Marks(), list[bool]()

    async def work() -> str:
        for _ in range(2):
            seen.append(marks.inside)
            asyncio.get_running_loop().call_soon(lambda: seen.append(marks.inside))
            await asyncio.sleep(0.001)
        return "done"

    assert await marks.of(work()) == "done"
    assert seen == [True, False, True, False]
    assert (marks.steps, marks.inside) == (3, False)


async def test_errors_pass_both_ways() -> None:
    marks = Marks()

    async def work() -> str:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except TimeoutError:
            raise LookupError("found nothing") from None
        return "done"

    with pytest.raises(LookupError):
        await marks.of(work())
    assert not marks.inside


async def test_a_cancel_reaches_the_coroutine_and_may_be_caught() -> None:
    marks, begun = Marks(), asyncio.Event()

    async def work() -> str:
        try:
            begun.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "cleaned up"

    async def whole() -> str:
        return await marks.of(work())

    task = asyncio.create_task(whole())
    await begun.wait()
    task.cancel()
    assert await task == "cleaned up"
    assert not marks.inside
