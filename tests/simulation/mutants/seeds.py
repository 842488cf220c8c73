"""Which seeds notice the mutants.

A mutant that only a late seed notices would make the tests slow, so the seed that noticed it last is tried first. It is
only a hint: when it notices nothing any more, because plans have changed, the whole range is tried, and
`python -m tests.simulation.mutants` tells what to write here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tests.simulation.mutants.plans import PLANS
from tests.simulation.mutants.registry import Mutant
from tests.simulation.plan import Plan, make_plan
from tests.simulation.simulate import Report, simulate

WITHIN = 300

NOTICED_LAST: dict[str, int] = {
    "ack_before_commit": 43,
    "answer_ignores_the_dispatch": 26,
    "bound_ignored": 1,
    "cancel_ignored": 1,
    "cancelled_run_stays_in_line": 51,
    "capacity_not_applied": 1,
    "charge_not_withdrawn": 24,
    "commit_sealed_late": 41,
    "copy_not_settled": 3,
    "crash_keeps_what_was_built_on_it": 0,
    "crashed_turn_stays_booked": 67,
    "deadline_ignored": 6,
    "delivery_count_charged": 39,
    "failed_commit_counts": 26,
    "foreign_delivery_count_charged": 2,
    "late_outcome_overwrites": 8,
    "line_not_popped": 1,
    "living_holder_not_believed": 39,
    "lost_not_fenced": 24,
    "no_attempt_fence": 7,
    "no_republish_after_loss": 14,
    "no_shard_fence": 33,
    "no_sweeper": 19,
    "outcome_applied_twice": 8,
    "outcomes_not_waited_for": 1,
    "rebuilt_line_doubles": 3,
    "redelivered_started_at_once": 5,
    "redispatch_misses_live_attempts": 14,
    "refired_schedule_starts_again": 299,
    "settled_across_incarnations": 1,
    "silence_counted_while_nobody_is_heard": 138,
    "silent_workers_not_waited_for": 197,
    "stale_cache_after_lease_loss": 33,
    "start_without_looking": 46,
    "stored_bounds_ignored": 9,
    "suspect_not_alone": 13,
    "suspect_not_marked": 5,
    "sweep_without_fence": 49,
    "task_settled_before_its_outcome": 0,
    "unbound": 0,
    "unconfirmed_not_published_again": 8,
    "unlock_on_failure": 5,
    "unread_events_trimmed": 33,
}


def likely_plans(mutant: Mutant) -> Iterator[Plan]:
    """The plans of all seeds of the range, the likeliest first."""
    first = NOTICED_LAST.get(mutant.name, 0)
    yield plan_of(mutant, first)
    for seed in range(WITHIN):
        if seed != first:
            yield plan_of(mutant, seed)


def plan_of(mutant: Mutant, seed: int) -> Plan:
    """What a seed stands for when it is to notice a mutant."""
    directed = PLANS.get(mutant.name)
    return make_plan(seed) if directed is None else msgspec.structs.replace(directed, seed=seed)


def caught_by(mutant: Mutant, plans: Iterable[Plan]) -> Report | None:
    """The report of the first plan that notices the mutant."""
    with mutant.applied():
        return next((report for plan in plans if (report := simulate(plan)).failed), None)
