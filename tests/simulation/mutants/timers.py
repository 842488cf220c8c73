"""Breakages of timers."""

from __future__ import annotations

from headrace_coordinator.engine.inputs import RunInput
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import timer
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.timers import wheel
from headrace_coordinator.timers.wheel import Wheel
from tests.simulation.mutants.registry import mutant, table

_awaited = timer._awaited


async def _all_timers(self: Wheel) -> None:
    shard = self._shard.fence.shard
    due = await self._store.due_timers(shard, self._clock.now_us() + 10_000_000, 1_000)
    if due:
        fired = tuple(_timer_of(each) for each in due)
        await self._shard.ask(Envelope(inputs=fired))
    self._next_us = await self._store.next_timer_us(shard)


def _timer_of(due: object) -> RunInput:
    return wheel._fired(due)  # type: ignore[arg-type]


def _at_once(t: Transition, key: object) -> int | None:
    return None if _awaited(t, key) is None else t.now_us  # type: ignore[arg-type]


table(
    "timer_early",
    "timers fire whenever the wheel turns",
    (timer, "_awaited", _at_once),
    (Wheel, "_fire", _all_timers),
)


@mutant("timers are not stored", (Turn, "set_timer"))
def timers_not_stored(self: Turn, key: object, due_us: int) -> None:
    if self.earliest_timer_us is None or due_us < self.earliest_timer_us:
        self.earliest_timer_us = due_us
