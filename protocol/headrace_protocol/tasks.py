"""Tasks that go on for ever, and how they end."""

from __future__ import annotations

import asyncio

AGAIN_S = 0.25
"""A task that still goes on after this is cancelled again."""


async def end(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel tasks, and return when they have ended, whatever they ended with.

    To cancel once is not enough: before Python 3.12 `asyncio.wait_for`, by which nats-py waits for answers, loses a
    cancellation that comes in the moment in which the answer does (https://github.com/python/cpython/issues/86296).
    """
    given = [task for task in tasks if task is not None]
    while left := [task for task in given if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_S)
    for task in given:
        if not task.cancelled():
            task.exception()  # it is heard
