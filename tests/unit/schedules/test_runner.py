"""Schedules under a clock that is set."""

from __future__ import annotations

import pytest

from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.schedules.runner import ScheduleRunner
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.triggers.params import schedule_params
from headrace_protocol.definition import EveryTrigger, WorkflowDefinition
from headrace_protocol.messages import CommandReply, StartRun
from tests.unit.runtime.fakes import ticks

HOUR_US = 3_600_000_000
START_US = 1_000 * HOUR_US


class SetClock:
    """A clock that the test sets; whoever sleeps on it is woken by the runner's own timeout."""

    def __init__(self) -> None:
        self.at_us = START_US

    def now_us(self) -> int:
        return self.at_us

    async def sleep(self, seconds: float) -> None:
        await ticks()


class Started:
    """Shards that note the fire times of what they are asked to start."""

    count = 1

    def __init__(self) -> None:
        self.fired_us: list[int] = []

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        if not envelope.inputs:
            return []
        (command,) = envelope.inputs
        assert isinstance(command, StartRun)
        assert command.scheduled_at_us is not None
        self.fired_us.append(command.scheduled_at_us)
        return [CommandReply(run_id=command.run_id)]


async def test_a_clock_that_was_an_hour_ahead_does_not_silence_a_schedule() -> None:
    clock, shards, store = SetClock(), Started(), MemoryStore()
    await store.open()
    runner = ScheduleRunner("n", store, shards, clock, schedule_params)
    trigger = EveryTrigger(id="often", every_s=60.0)
    definition = WorkflowDefinition(name="flow", nodes=(), tasks={}, triggers=(trigger,))

    async def look(at_us: int) -> None:
        clock.at_us = at_us
        runner.deployed(definition)  # wakes it
        await ticks()

    await runner.start([definition])
    await look(START_US + 60_000_000)
    await look(START_US + HOUR_US)
    await look(START_US + 110_000_000)
    await look(START_US + 130_000_000)
    await runner.stop()
    minutes = [(at_us - START_US) // 60_000_000 for at_us in shards.fired_us]
    assert minutes == [1, 60, 2]
    assert runner.next_fires() == {("flow", "often"): START_US + 180_000_000}


async def test_params_that_cannot_be_computed_do_not_hold_the_schedule_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, shards, store = SetClock(), Started(), MemoryStore()
    await store.open()
    runner = ScheduleRunner("n", store, shards, clock, schedule_params)
    failing = EveryTrigger(id="failing", every_s=60.0, expressions={"n": "trigger.none"})
    often = EveryTrigger(id="often", every_s=60.0)
    definition = WorkflowDefinition(name="flow", nodes=(), tasks={}, triggers=(failing, often))
    await runner.start([definition])
    clock.at_us = START_US + 60_000_000
    runner.deployed(definition)
    await ticks()
    await runner.stop()
    assert shards.fired_us == [START_US + 60_000_000]
    assert set(runner.next_fires().values()) == {START_US + 120_000_000}
    assert "the schedule flow/failing cannot start its run" in caplog.text
    assert "trigger failing, param n" in caplog.text
