"""Which seeds notice the mutants.

A mutant that only a late seed notices would make the tests slow, so the seed that noticed it last is tried first. It is
only a hint: when it notices nothing any more, because plans have changed, the whole range is tried, and
`python -m tests.simulation.mutants` tells what to write here.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulation.mutants.registry import Mutant
from tests.simulation.plan import make_plan
from tests.simulation.simulate import Report, simulate

WITHIN = 300

NOTICED_LAST: dict[str, int] = {}


def likely_seeds(mutant: Mutant) -> list[int]:
    """All of the range, the likeliest first."""
    first = NOTICED_LAST.get(mutant.name, 0)
    return [first, *(seed for seed in range(WITHIN) if seed != first)]


def caught_by(mutant: Mutant, seeds: Iterable[int]) -> Report | None:
    """The report of the first seed that notices the mutant."""
    with mutant.applied():
        return next((report for seed in seeds if (report := simulate(make_plan(seed))).failed), None)
