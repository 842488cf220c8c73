"""Breakages of what starts each run once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Set
from unittest.mock import patch

import msgspec

from headrace_coordinator.runtime.apply import Applier
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.schedules import runner as schedules
from headrace_coordinator.triggers import events
from headrace_protocol.messages import (
    CommandReply,
    StartRun,
)
from tests.simulation.mutants.registry import mutant

replace = msgspec.structs.replace

_start = Applier._start
_apply_all = Applier.apply_all


@mutant("a run that is started a second time replaces itself", (Applier, "_start"))
async def start_not_idempotent(self: Applier, turn: Turn, command: object) -> CommandReply:
    self._actors.forget([command.run_id])  # type: ignore[attr-defined]
    return await _start(self, turn, command)  # type: ignore[arg-type]


@mutant("nobody looks whether a run that is to be started is stored already", (Applier, "apply_all"))
async def start_without_looking(
    self: Applier, turn: Turn, envelopes: list[Envelope]
) -> list[list[CommandReply]]:
    load = self._actors.load
    starts = {one.run_id for envelope in envelopes for one in envelope.inputs if isinstance(one, StartRun)}

    async def load_others(run_ids: Iterable[str]) -> Set[str]:
        return await load([run_id for run_id in run_ids if run_id not in starts])

    with patch.object(self._actors, "load", load_others):
        return await _apply_all(self, turn, envelopes)


_by_event, _by_schedule = events.by_event, schedules.by_schedule
_chance = random.Random(1)


@mutant("an event that is delivered again starts another run", (events, "by_event"))
def redelivered_event_starts_again(*arguments: object, **named: object) -> object:
    command = _by_event(*arguments, **named)  # type: ignore[arg-type]
    return replace(command, run_id=f"{_chance.getrandbits(64):016x}")


@mutant("a fire time that is reached again starts another run", (schedules, "by_schedule"))
def refired_schedule_starts_again(*arguments: object, **named: object) -> object:
    command = _by_schedule(*arguments, **named)  # type: ignore[arg-type]
    return replace(command, run_id=f"{_chance.getrandbits(64):016x}")
