"""What seeds have found, as plans of their own: a seed means something else when the plans it draws change."""

from __future__ import annotations

import msgspec
import pytest

from headrace_protocol.definition import EventTrigger, EveryTrigger
from tests.simulation.flows import EVENT, Habit
from tests.simulation.plan import HTTP, NEVER_S, QUIET, WHOLE, Action, Plan
from tests.simulation.simulate import simulate
from tests.simulation.small_flows import flow, wide

CLOCKED = flow("clocked", Habit(), EveryTrigger(id="tick", every_s=3.0))
QUICK = flow("quick", Habit(lasts_s=1.0), EventTrigger(id="on", type=EVENT))
SLOW = flow("slow", Habit(lasts_s=3.0), EventTrigger(id="on", type=EVENT))
WIDE = wide("wide", 10)
BROKEN_ONCE = flow("broken", Habit(lasts_s=3.0, fails=1), EventTrigger(id="on", type=EVENT), attempts=2)

FOUND = {
    "a message that is there already says nothing of those before it": Plan(
        seed=0,
        flows=(WIDE,),
        actions=(
            Action(1.014, "storm", for_s=7.58, by_s=0.1),
            *(Action(2.074 + 0.3 * number, "start", number=0, name=f"run{number}") for number in range(4)),
            Action(5.887, "rival"),
            Action(6.279, "pause", "coordinator-0", for_s=13.67),
        ),
        slots=(1,),
        ack_wait_s=2.0,
    ),
    "a deploy that waited for the coordinator to start ends its schedules": Plan(
        seed=0,
        flows=(CLOCKED,),
        actions=(
            Action(4.0, "kill", "coordinator-0", for_s=1.0),
            Action(4.5, "deploy", number=0, name=QUIET),
        ),
        slots=(1,),
        ack_wait_s=2.0,
    ),
    "a coordinator that has lost its lease cancels nothing": Plan(
        seed=0,
        flows=(SLOW, BROKEN_ONCE),
        actions=(
            Action(2.417, "event", number=1, name="event2"),
            Action(3.164, "pause", "coordinator-0", for_s=9.82),
            Action(3.341, "rival"),
        ),
        slots=(2,),
        ack_wait_s=2.0,
    ),
    "a deploy that comes again does not undo a later one": Plan(
        seed=0,
        flows=(CLOCKED,),
        actions=(
            Action(4.0, "deploy", number=0, name=QUIET),
            Action(4.0, "kill", "coordinator-0", for_s=1.0, number=8),
            Action(4.1, "deploy", number=0, name=WHOLE),
        ),
        slots=(1,),
        ack_wait_s=15.0,
        embedded=True,
    ),
    "a coordinator that has lost its lease does not hide a loss of the bus": Plan(
        seed=0,
        flows=(QUICK,),
        actions=(
            Action(2.282, "event", number=1, name="event1"),
            Action(2.835, "pause", "coordinator-0", for_s=13.9),
            Action(4.669, "rival"),
            Action(5.248, "wipe", for_s=1.74),
            Action(5.619, "kill", "coordinator-1", for_s=1.17, number=78),
        ),
        slots=(4,),
        ack_wait_s=4.0,
        sweep_s=NEVER_S,
    ),
    "a cancel does not stop what a retry has queued after it": Plan(
        seed=0,
        flows=(QUICK,),
        actions=(
            Action(1.0, "start", number=0, name="run0"),
            Action(1.5, "cancel", name="run0"),
            Action(3.0, "clock", "coordinator-0", by_s=-27.0),
            Action(6.0, "retry", HTTP, name="run0"),
        ),
        slots=(1,),
        ack_wait_s=4.0,
    ),
    "a coordinator that has lost its lease does not say what is current": Plan(
        seed=0,
        flows=(CLOCKED,),
        actions=(
            Action(1.308, "rival"),
            Action(7.076, "pause", "coordinator-0", for_s=15.82),
            Action(7.339, "deploy", number=0, name=QUIET),
            Action(23.714, "deploy", HTTP, number=0, name=WHOLE),
        ),
        slots=(4,),
        ack_wait_s=15.0,
    ),
}


TRIES = 13
"""Whether a plan meets what it is about depends on who goes first: each of these had failed within so many."""


@pytest.mark.parametrize("plan", FOUND.values(), ids=FOUND)
def test_what_was_found_is_gone(plan: Plan) -> None:
    for seed in range(TRIES):
        report = simulate(msgspec.structs.replace(plan, seed=seed))
        assert not report.breaches, f"seed {seed}"
        assert report.executions
