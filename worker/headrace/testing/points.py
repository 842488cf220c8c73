"""Points in the life of an attempt at which something is made to happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.middleware import CallNext

When = Literal["started", "finished"]
"""`started`: the attempt has begun, the function has not been called. `finished`: the function has returned, and nobody
has heard of it."""


@dataclass(kw_only=True)
class Point:
    """What happens, and where. It happens once."""

    told: str
    """How the test wrote it."""
    task: str
    """A node's id or a task's name."""
    attempt: int
    item: int | None
    when: When
    act: Callable[[], Awaitable[None]]
    used: bool = False

    def fits(self, attempt: Attempt, when: When) -> bool:
        message = attempt.message
        return (
            not self.used
            and self.when == when
            and self.task in (message.node, message.task)
            and self.attempt == message.attempt
            and (self.item is None or self.item == message.item)
        )


class Points:
    """A middleware of every worker; see `headrace.runtime.middleware.Middleware`."""

    def __init__(self) -> None:
        self.planned: list[Point] = []

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Produced:
        await self._reached(attempt, "started")
        produced = await call_next(attempt)
        await self._reached(attempt, "finished")
        return produced

    async def _reached(self, attempt: Attempt, when: When) -> None:
        for point in self.planned:
            if point.fits(attempt, when):
                point.used = True
                await point.act()
