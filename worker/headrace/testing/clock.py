"""What time it is in the programs under test, and whose code may see it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import headrace.runtime.attempt as attempt_module
from headrace.testing.lockstep import virtual_sleep
from headrace_protocol.errors import ConfigError

_SPANS = ("headrace.runtime.attempt_span", "opentelemetry.sdk.trace")
"""Modules that give spans their times, where they are loaded."""


def aware(start: datetime) -> datetime:
    """The same; raises ConfigError for one without a time zone."""
    if start.tzinfo is None:
        raise ConfigError(
            "a start without a time zone says nothing about schedules",
            where="start",
            found=repr(start),
            expected="an aware datetime",
            fix="Give it a time zone: datetime(2024, 1, 1, tzinfo=UTC).",
        )
    return start


class VirtualClock:
    """Virtual time as microseconds since the epoch; the coordinator's `Clock`."""

    def __init__(self, start: datetime, time_s: Callable[[], float]) -> None:
        self.start_us = round(start.timestamp() * 1e6)
        self._time_s = time_s

    def now_us(self) -> int:
        return self.start_us + round(self._time_s() * 1e6)

    def monotonic(self) -> float:
        return self._time_s()

    def now_ns(self) -> int:
        return self.now_us() * 1_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def loop_time_s(self, moment: datetime) -> float:
        """The loop's time at a moment."""
        return (round(moment.timestamp() * 1e6) - self.start_us) / 1e6

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Attempts, log lines and spans are given this time, and `time.sleep` in sync tasks takes it."""
        modules = [attempt_module, *(sys.modules[name] for name in _SPANS if name in sys.modules)]
        changes: list[tuple[object, str, object]] = [
            (module, "time_ns", self.now_ns) for module in modules if hasattr(module, "time_ns")
        ]
        changes.append((time, "sleep", virtual_sleep))
        before = [(place, name, getattr(place, name)) for place, name, _ in changes]
        for place, name, value in changes:
            setattr(place, name, value)
        try:
            yield
        finally:
            for place, name, value in before:
                setattr(place, name, value)


def moment(at_us: int) -> datetime:
    """Microseconds since the epoch as a datetime in UTC."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
