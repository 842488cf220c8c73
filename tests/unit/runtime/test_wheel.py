"""Timers become inputs when they are due, never earlier, and none is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.inputs import TimerFired
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import ShardFence, Timer, Transaction
from headrace_coordinator.timers.wheel import Wheel
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import CommandReply
from tests.unit.runtime.fakes import T0, FakeClock, ticks


class FakeShard:
    """Commits what it is asked: the timers are dropped."""

    fence = ShardFence(0, 1)

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.fired: asyncio.Queue[list[str]] = asyncio.Queue()
        self.fail = False

    async def ask(self, envelope: Envelope) -> list[CommandReply]:
        if self.fail:
            self.fail = False
            raise Unavailable("not now")
        timers = [one for one in envelope.inputs if isinstance(one, TimerFired)]
        await self._store.commit(Transaction(timers_dropped=[timer.key for timer in timers]))
        self.fired.put_nowait([timer.key.actor for timer in timers])
        return []


class SlowStore(MemoryStore):
    """Lets the test act between a read and its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.read = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()

    async def next_timer_us(self, shard: int) -> int | None:
        found = await super().next_timer_us(shard)
        self.reads += 1
        self.read.set()
        await self.answer.wait()
        return found


class Setting:
    def __init__(self, store: SlowStore) -> None:
        self.store = store
        self.clock = FakeClock()
        self.shard = FakeShard(store)
        self.wheel = Wheel(self.shard, store, self.clock)  # type: ignore[arg-type]

    async def set(self, actor: str, due_us: int) -> None:
        await self.store.commit(Transaction(timers=[Timer(0, TimerKey(actor, "retry"), due_us)]))
        self.wheel.set(due_us)

    async def next_fired(self) -> list[str]:
        return await asyncio.wait_for(self.shard.fired.get(), 30)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    store = SlowStore()
    await store.open()
    made = Setting(store)
    yield made
    await made.wheel.stop()


async def test_what_was_due_while_nobody_was_there(setting: Setting) -> None:
    await setting.set("a", T0 - 5)
    await setting.set("b", T0)
    await setting.set("c", T0 + 10_000_000)
    await setting.wheel.start()
    assert await setting.next_fired() == ["a", "b"]
    assert setting.shard.fired.empty()


async def test_never_early(setting: Setting) -> None:
    """The clock stands still, so however often the wheel looks the timer is not due."""
    await setting.wheel.start()
    await setting.set("a", T0 + 1_000)
    await setting.set("b", T0)
    assert await setting.next_fired() == ["b"]
    assert setting.shard.fired.empty()
    setting.clock.at_us = T0 + 1_000
    assert await setting.next_fired() == ["a"]


async def test_an_earlier_timer_wakes_the_wheel(setting: Setting) -> None:
    await setting.set("late", T0 + 3_600_000_000)
    await setting.wheel.start()
    await setting.set("now", T0)
    assert await setting.next_fired() == ["now"]


async def test_a_timer_that_is_set_while_the_store_is_read(setting: Setting) -> None:
    """The answer of the store is older than the timer, and must not hide it."""
    await setting.set("first", T0)
    await setting.wheel.start()
    setting.store.read.clear()
    setting.store.answer.clear()
    assert await setting.next_fired() == ["first"]
    await setting.store.read.wait()
    await setting.set("second", T0)
    setting.store.answer.set()
    assert await setting.next_fired() == ["second"]


async def test_a_shard_that_cannot_answer_is_asked_again(setting: Setting) -> None:
    setting.shard.fail = True
    await setting.set("a", T0)
    await setting.wheel.start()
    assert await setting.next_fired() == ["a"]


async def test_an_idle_wheel_leaves_the_store_alone(setting: Setting) -> None:
    await setting.set("a", T0)
    await setting.wheel.start()
    assert await setting.next_fired() == ["a"]
    await ticks(50)
    assert setting.store.reads == 2
