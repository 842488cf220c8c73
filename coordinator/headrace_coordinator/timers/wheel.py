"""Makes inputs of timers that are due."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from headrace_coordinator.engine.inputs import TimerFired
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.shard import Shard
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import Timer
from headrace_protocol.errors import HeadraceError
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.timers")

BATCH = 1_000
LONGEST_SLEEP_S = 30.0
"""The wall clock may be set forward while we sleep."""
RETRY_S = 1.0


class Wheel:
    """The timers of one shard."""

    def __init__(self, shard: Shard, store: Reader, clock: Clock) -> None:
        self._shard = shard
        self._store = store
        self._clock = clock
        self._next_us: int | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._next_us = await self._store.next_timer_us(self._shard.fence.shard)
        self._task = asyncio.create_task(self._turn(), name=f"timers {self._shard.fence.shard}")

    async def stop(self) -> None:
        await end(self._task)

    def set(self, due_us: int) -> None:
        """A timer has been committed."""
        if self._next_us is None or due_us < self._next_us:
            self._next_us = due_us
            self._wake.set()

    async def _turn(self) -> None:
        while True:
            await self._sleep()
            if self._next_us is None or self._next_us > self._clock.now_us():
                continue
            try:
                await self._fire()
            except HeadraceError as error:
                log.error("timers cannot be read: %s", error)
                await self._clock.sleep(RETRY_S)
                self.set(self._clock.now_us())

    async def _sleep(self) -> None:
        wait_s: float | None = None
        if self._next_us is not None:
            wait_s = min(LONGEST_SLEEP_S, max(0.0, (self._next_us - self._clock.now_us()) / 1e6))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), wait_s)
        self._wake.clear()

    async def _fire(self) -> None:
        """Hand over what is due and wait for the commits: until then the same timers would be read again."""
        shard = self._shard.fence.shard
        self._next_us = None  # what is set from here on counts, though the store is read before it is there
        due = await self._store.due_timers(shard, self._clock.now_us(), BATCH)
        if due:
            await self._shard.ask(Envelope(inputs=tuple(_fired(timer) for timer in due)))
        following = await self._store.next_timer_us(shard)
        if following is not None:
            self.set(following)


def _fired(timer: Timer) -> TimerFired:
    return TimerFired(timer.key, timer.due_us)
