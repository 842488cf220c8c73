"""Breakages of the ready line, which bounds what is on the bus."""

from __future__ import annotations

from headrace_coordinator.engine import transition
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.state import NodeState, Run
from headrace_coordinator.runtime import apply
from headrace_coordinator.runtime.apply import Applier
from headrace_coordinator.service import shards
from tests.simulation.mutants.registry import mutant, nothing, nothing_async, table

_line_of_one, _join = transition.line_of_one, shards.join


def _take(self: ReadyLine, place: str, run_id: str) -> bool:
    self.sent(place)
    return True


table(
    "bound_ignored",
    "the bus gets everything that is ready",
    (ReadyLine, "take", _take),
    (ReadyLine, "admit", lambda self, place, run_id, wanted, freed=0: wanted),
)
table("line_not_popped", "nobody is let go when there is room again", (Applier, "let_go", nothing_async))
table("capacity_not_applied", "a change of the fleet is not heard of", (ReadyLine, "capacity", nothing))
table(
    "crashed_turn_stays_booked",
    "what a turn had booked stays in the line although its commit failed",
    (apply, "withdraw", nothing),
)


@mutant("a cancelled run stays in the line", (transition, "line_of_one"))
def cancelled_run_stays_in_line(plan: Plan, run: Run, line: ReadyLine, name: str, *, waits: bool) -> None:
    if waits or run.nodes[name].state is not NodeState.CANCELLED:
        _line_of_one(plan, run, line, name, waits=waits)


@mutant("a line that is rebuilt counts every run twice", (shards, "join"))
def rebuilt_line_doubles(plan: Plan, run: Run, line: ReadyLine) -> None:
    _join(plan, run, line)
    _join(plan, run, line)
