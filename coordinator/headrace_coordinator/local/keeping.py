"""Keeping parts alive: one that dies is started again, at once the first time, later and later after that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from headrace_protocol.errors import HeadraceError

FIRST_DELAY_S = 0.1
FACTOR = 2.0
LONGEST_DELAY_S = 10.0
STEADY_AFTER_S = 20.0
"""A part that has lived this long starts with a short delay again."""


class Part(Protocol):
    """Something that runs, may die and can be started again."""

    @property
    def died(self) -> asyncio.Event: ...
    async def start(self) -> None: ...


class Delays:
    """How long to wait before the next start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = FIRST_DELAY_S
        self._started_at = clock()

    def next_s(self) -> float:
        """The delay after a death that happened now."""
        if self._clock() - self._started_at > STEADY_AFTER_S:
            self._next_s = FIRST_DELAY_S
        delay_s, self._next_s = self._next_s, min(LONGEST_DELAY_S, self._next_s * FACTOR)
        return delay_s

    def started(self) -> None:
        """The part runs again."""
        self._started_at = self._clock()


async def keep(
    name: str,
    part: Part,
    tell: Callable[[str], None],
    *,
    how: Callable[[], str],
    on_start: Callable[[], None],
) -> None:
    """Start `part` again whenever it dies; runs until it is cancelled. `how` says how it ended."""
    delays = Delays()
    while True:
        await part.died.wait()
        delay_s = delays.next_s()
        tell(f"{name} died ({how()}); starting it again in {delay_s:.1f} s")
        while True:
            await asyncio.sleep(delay_s)
            began = time.monotonic()
            try:
                await part.start()
            except HeadraceError as error:
                delay_s = delays.next_s()
                tell(f"{error}\nstarting {name} again in {delay_s:.1f} s")
                continue
            delays.started()
            on_start()
            tell(f"{name} is back after {delay_s + time.monotonic() - began:.1f} s")
            break
