"""What is deleted when, and what is said of a stream that cannot be relieved."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.retention import Retention
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import RetentionPolicy
from headrace_protocol.topology import ConsumerSpec, Topology
from tests.unit.runtime.fakes import T0, FakeBus, FakeClock, FakeResults, ticks

TOPOLOGY = Topology("n")
EVERY_S = 15.0


class Bus(FakeBus):
    """Tells how full the stream is at each look, then waits for ever."""

    def __init__(self, *shares: float | BusError) -> None:
        super().__init__()
        self._shares = list(shares)
        self.done = asyncio.Event()

    async def trim(self, spec: ConsumerSpec, before_us: int) -> float:
        if not self._shares:
            self.done.set()
            await asyncio.Event().wait()
        self.trimmed.append((spec, before_us))
        share = self._shares.pop(0)
        if isinstance(share, BusError):
            raise share
        return share


async def trimmed(bus: Bus) -> None:
    """Returns when it has been looked at as often as the bus has answers."""
    parts = Parts(TOPOLOGY, MemoryStore(), bus, FakeResults(), FakeClock())
    trimming = asyncio.create_task(Retention(parts, RetentionPolicy(replay_s=60.0)).trim(EVERY_S))
    await bus.done.wait()
    trimming.cancel()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the coordinator logs."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("headrace.coordinator")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


async def test_events_are_kept_for_as_long_as_the_policy_says() -> None:
    bus = Bus(0.0, 0.0)
    await trimmed(bus)
    later_us = round(EVERY_S * 1e6)
    spec = TOPOLOGY.event_consumer()
    assert bus.trimmed == [(spec, T0 - 60_000_000), (spec, T0 - 60_000_000 + later_us)]


async def test_a_stream_full_of_what_is_unread_is_told_once(said: list[str]) -> None:
    await trimmed(Bus(0.5, 0.76, 0.99, 1.0))
    assert said == [
        "HR_EVENTS_n is 76 % full of events that were not read: when it is full, publishers are refused"
    ]


async def test_and_again_when_it_has_had_room_meanwhile(said: list[str]) -> None:
    await trimmed(Bus(0.8, 0.5, 0.9))
    assert ["80 %" in said[0], "90 %" in said[1]] == [True, True]


async def test_what_the_bus_refuses_is_told_and_tried_again(said: list[str]) -> None:
    bus = Bus(BusError("away"), 0.0)
    await trimmed(bus)
    assert said == ["events that were read cannot be deleted now: away"]
    assert len(bus.trimmed) == 2


async def test_a_bus_that_is_away_is_not_asked() -> None:
    bus = Bus(0.0)
    bus.connected = False
    parts = Parts(TOPOLOGY, MemoryStore(), bus, FakeResults(), FakeClock())
    trimming = asyncio.create_task(Retention(parts, RetentionPolicy()).trim(EVERY_S))
    await ticks(20)
    assert not bus.trimmed
    bus.connected = True
    await bus.done.wait()
    assert len(bus.trimmed) == 1
    trimming.cancel()
