"""Fires the schedules of the current definitions.

Where each schedule stands is stored in the transaction that accepts its run. After a stop only the latest fire
time that was missed is made up for: runs of a flood of old times help nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from headrace_coordinator.engine.trigger import by_schedule
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.schedules.cron import check_cron, next_cron_fire_us
from headrace_coordinator.schedules.every import check_every, next_every_fire_us
from headrace_coordinator.schedules.intervals import interval_of
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import ScheduleState, Transaction
from headrace_protocol.codec import encode
from headrace_protocol.definition import CronTrigger, EveryTrigger, WorkflowDefinition
from headrace_protocol.errors import ExpressionError, HeadraceError
from headrace_protocol.ids import shard_of
from headrace_protocol.interval import Interval
from headrace_protocol.messages import CommandReply, StartRun
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.schedules")

Schedule = CronTrigger | EveryTrigger
Params = Callable[[str, Schedule, int, Interval], msgspec.Raw]
"""From the workflow, the schedule, the fire time and its interval to the params of the run; raises ExpressionError."""
LONGEST_SLEEP_S = 30.0
RETRY_S = 1.0


class Shards(Protocol):
    """Where runs live."""

    @property
    def count(self) -> int: ...

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]: ...


def schedules_of(definition: WorkflowDefinition) -> list[Schedule]:
    """The triggers that time fires."""
    return [t for t in definition.triggers if isinstance(t, CronTrigger | EveryTrigger)]


def check_schedules(definition: WorkflowDefinition) -> None:
    """Raises ScheduleError for a schedule that cannot be read or never fires."""
    for schedule in schedules_of(definition):
        where = f"workflow {definition.name}, trigger {schedule.id}"
        if isinstance(schedule, CronTrigger):
            check_cron(schedule.expression, schedule.tz, where=where)
        else:
            check_every(schedule.every_s, where=where)


def next_fire_us(schedule: Schedule, after_us: int) -> int:
    """When a schedule fires next. Intervals count from the Unix epoch, so that restarts do not shift them."""
    if isinstance(schedule, CronTrigger):
        return next_cron_fire_us(schedule.expression, schedule.tz, after_us)
    return next_every_fire_us(schedule.every_s, 0, after_us)


def latest_missed_us(schedule: Schedule, due_us: int, now_us: int) -> int:
    """The last fire time up to now, from one that is due."""
    if isinstance(schedule, EveryTrigger):
        period_us = round(schedule.every_s * 1e6)
        return due_us + max(0, now_us - due_us) // period_us * period_us
    latest = due_us
    while (following := next_fire_us(schedule, latest)) <= now_us:
        latest = following
    return latest


def _fingerprint(schedule: Schedule) -> str:
    return encode(schedule).hex()


class ScheduleRunner:
    """All schedules of a namespace; one coordinator runs them, the owner of shard 0."""

    def __init__(self, namespace: str, store: Reader, shards: Shards, clock: Clock, params: Params) -> None:
        self._namespace = namespace
        self._params = params
        self._store = store
        self._shards = shards
        self._clock = clock
        self._schedules: dict[tuple[str, str], Schedule] = {}
        self._states: dict[tuple[str, str], ScheduleState] = {}
        self._paused: frozenset[tuple[str, str]] = frozenset()
        self._wake = asyncio.Event()
        self._looked_at_us = 0
        self.changing = asyncio.Lock()
        """Held while a deploy changes schedules, or one fires: neither sees half of the other."""
        self._task: asyncio.Task[None] | None = None

    async def start(self, definitions: Iterable[WorkflowDefinition]) -> None:
        for state in await self._store.schedules():
            self._states[state.workflow, state.trigger] = state
            self._looked_at_us = max(self._looked_at_us, state.last_fire_us or 0)
        for definition in definitions:
            self.deployed(definition)
        self._task = asyncio.create_task(self._run(), name="schedules")

    async def stop(self) -> None:
        await end(self._task)

    def next_fires(self) -> dict[tuple[str, str], int]:
        """When each (workflow, trigger) fires next."""
        return {key: self._states[key].next_fire_us for key in self._schedules}

    def changes(self, definition: WorkflowDefinition) -> tuple[list[ScheduleState], list[tuple[str, str]]]:
        """What a deploy writes: states of new and changed schedules, and schedules that are gone."""
        now_us = self._clock.now_us()
        wanted = {(definition.name, s.id): s for s in schedules_of(definition)}
        states = [
            ScheduleState(
                workflow=key[0],
                trigger=key[1],
                next_fire_us=next_fire_us(schedule, now_us),
                fingerprint=_fingerprint(schedule),
            )
            for key, schedule in wanted.items()
            if key not in self._states or self._states[key].fingerprint != _fingerprint(schedule)
        ]
        gone = [key for key in self._states if key[0] == definition.name and key not in wanted]
        return states, gone

    def of(self, workflow: str) -> list[tuple[str, str]]:
        """The schedules that a workflow has."""
        return [key for key in self._states if key[0] == workflow]

    def removed(self, workflow: str) -> None:
        """A workflow fires no more; its states have been deleted."""
        for key in self.of(workflow):
            self._states.pop(key, None)
            self._schedules.pop(key, None)
        self._wake.set()

    def pause(self, keys: Iterable[tuple[str, str]]) -> None:
        """Fire none of these, and all others: what one of them missed is made up for as after a stop."""
        self._paused = frozenset(keys)
        self._wake.set()

    def _live(self) -> list[tuple[str, str]]:
        return [key for key in self._schedules if key not in self._paused]

    def deployed(self, definition: WorkflowDefinition) -> None:
        """A definition is current now; its changes have been stored."""
        states, gone = self.changes(definition)
        for key in gone:
            self._states.pop(key, None)
            self._schedules.pop(key, None)
        for state in states:
            self._states[state.workflow, state.trigger] = state
        for schedule in schedules_of(definition):
            self._schedules[definition.name, schedule.id] = schedule
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._sleep()
            now_us = self._clock.now_us()
            if now_us < self._looked_at_us:
                self._clock_went_back(now_us)
            self._looked_at_us = now_us
            for key in [key for key in self._live() if self._states[key].next_fire_us <= now_us]:
                try:
                    async with self.changing:
                        await self._fire(key, now_us)
                except HeadraceError as error:
                    log.error("the schedule %s/%s cannot fire: %s", *key, error)
                    await self._clock.sleep(RETRY_S)

    def _clock_went_back(self, now_us: int) -> None:
        """Fire times that come again are taken up again: waiting until the clock is where it was may be waiting for
        years. Runs are named after their fire time, so those that were started are not started twice (I2)."""
        for key, schedule in self._schedules.items():
            state = self._states[key]
            next_us = min(state.next_fire_us, next_fire_us(schedule, now_us))
            self._states[key] = msgspec.structs.replace(state, next_fire_us=next_us)

    async def _sleep(self) -> None:
        now_us = self._clock.now_us()
        due = min((self._states[key].next_fire_us for key in self._live()), default=None)
        wait_s = None if due is None else min(LONGEST_SLEEP_S, max(0.0, (due - now_us) / 1e6))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), wait_s)
        self._wake.clear()

    async def _fire(self, key: tuple[str, str], now_us: int) -> None:
        if key not in self._live() or self._states[key].next_fire_us > now_us:
            return  # a deploy or an order was quicker
        schedule, state = self._schedules[key], self._states[key]
        fire_us = latest_missed_us(schedule, state.next_fire_us, now_us)
        moved = ScheduleState(
            workflow=state.workflow,
            trigger=state.trigger,
            next_fire_us=next_fire_us(schedule, fire_us),
            last_fire_us=fire_us,
            fingerprint=state.fingerprint,
        )

        def write(transaction: Transaction) -> None:
            transaction.schedules.append(moved)

        try:
            command = self._command(key[0], schedule, fire_us, now_us)
        except ExpressionError as error:  # it would fail again at the same time
            log.error("the schedule %s/%s cannot start its run: %s", *key, error)
            await self._shards.ask(0, Envelope(write=write))
            self._states[key] = moved
            return
        shard = shard_of(command.run_id, self._shards.count)
        replies = await self._shards.ask(shard, Envelope(inputs=(command,), write=write))
        self._states[key] = moved
        if replies[0].error is not None:
            log.error("the schedule %s/%s cannot start its run: %s", *key, replies[0].error.message)

    def _command(self, workflow: str, schedule: Schedule, fire_us: int, now_us: int) -> StartRun:
        kind = "cron" if isinstance(schedule, CronTrigger) else "every"
        interval = interval_of(schedule, fire_us)
        return by_schedule(
            self._namespace,
            workflow,
            schedule.id,
            kind=kind,
            params=self._params(workflow, schedule, fire_us, interval),
            fire_us=fire_us,
            interval=interval,
            now_us=now_us,
        )
