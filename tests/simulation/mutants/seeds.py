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

NOTICED_LAST: dict[str, int] = {}


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
