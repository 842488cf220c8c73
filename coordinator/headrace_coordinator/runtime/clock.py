"""Time, as the runtime sees it. Tests and the simulator bring their own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall clock in microseconds since the epoch, time that only goes forward, and waiting."""

    def now_us(self) -> int: ...

    def monotonic(self) -> float:
        """Seconds from any beginning. Nobody sets it."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
