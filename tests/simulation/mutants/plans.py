"""Plans for mutants that only a rare chain of events shows. Who goes first in them depends on their seed, too."""

from __future__ import annotations

from tests.simulation.flows import Habit
from tests.simulation.plan import Action, Plan, make_plan
from tests.simulation.small_flows import flow, wide

PLANS = {
    # A worker returns an attempt, and its acknowledgement gets lost. The attempt is dispatched again to a worker that
    # dies. Then the third worker holds copies of both messages, which it can tell of only when the coordinator is back.
    "answer_ignores_the_dispatch": Plan(
        seed=0,
        flows=(wide("wide", 4, Habit(lasts_s=3.0)),),
        actions=(
            Action(1.0, "start", name="run0"),
            Action(1.5, "stop", "worker-0", for_s=20.0),
            Action(2.49, "storm", for_s=0.2, by_s=0.3),
            Action(3.9, "kill", "worker-1", for_s=20.0),
            Action(4.0, "pause", "coordinator-0", for_s=5.0),
        ),
        slots=(4, 4, 2),
        ack_wait_s=2.0,
    ),
    # A worker of ours dies, and one that is not ours starts its attempt again, which fails.
    "foreign_delivery_count_charged": Plan(
        seed=0,
        flows=(flow("broken", Habit(lasts_s=3.0, fails=1), attempts=2),),
        actions=(Action(1.0, "start", name="run0"), Action(1.5, "kill", "worker-0", for_s=9.0)),
        slots=(1, 1),
        ack_wait_s=2.0,
        foreign=1,
    ),
    # An outcome is on the bus, but its way to the coordinator and the acknowledgement of its task get lost. The task
    # comes again before the outcome does.
    "outcomes_not_waited_for": Plan(
        seed=0,
        flows=(wide("wide", 6, Habit(lasts_s=1.0)),),
        actions=(
            Action(1.0, "start", name="run0"),
            Action(1.95, "storm", for_s=1.5, by_s=0.4),
            Action(2.6, "hurry"),
            Action(3.0, "hurry"),
        ),
        slots=(1, 1, 1, 1, 1, 1),
        ack_wait_s=4.0,
    ),
    # A task kills its worker, and while that is being found out the coordinator stands still until another has taken
    # over.
    "suspicions_of_lost_shards_kept": Plan(
        seed=0,
        flows=(wide("wide", 2, Habit(lasts_s=0.0, kills=1), Habit(lasts_s=1.0)),),
        actions=(
            Action(1.0, "rival"),
            Action(1.5, "start", name="run0"),
            Action(4.2, "pause", "coordinator-0", for_s=11.5),
        ),
        slots=(1, 1),
        ack_wait_s=2.0,
    ),
    # A coordinator stands still until another has taken over, while some of what it published gets lost.
    "unbound": Plan(
        seed=0,
        flows=(wide("wide", 10),),
        actions=(
            Action(1.014, "storm", for_s=7.58, by_s=0.1),
            *(Action(2.074 + 0.3 * number, "start", name=f"run{number}") for number in range(4)),
            Action(5.887, "rival"),
            Action(6.279, "pause", "coordinator-0", for_s=13.67),
        ),
        slots=(1,),
        ack_wait_s=2.0,
    ),
    # Many runs are decided on while commits fail.
    "crash_keeps_what_was_built_on_it": Plan(
        seed=0,
        flows=(wide("wide", 6, Habit(lasts_s=0.01)),),
        actions=(
            *(Action(1.0 + 0.05 * number, "start", name=f"run{number}") for number in range(6)),
            *(Action(1.02 + 0.1 * number, "full", for_s=0.04) for number in range(5)),
        ),
        slots=(4, 4),
        ack_wait_s=4.0,
    ),
    # A coordinator is killed while it puts a map's results together, and nothing else would wake the run.
    "collecting_not_resumed": make_plan(312),
    "settled_across_incarnations": make_plan(87, fleet_faults=False),
}
