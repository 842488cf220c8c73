"""Every deliberate breakage is noticed within 300 seeds."""

from __future__ import annotations

import pytest

from tests.proof.figures import Record
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.mutants.plans import PLANS
from tests.simulation.mutants.seeds import NOTICED_LAST, WITHIN, caught_by, likely_plans
from tests.simulation.simulate import simulate


@pytest.mark.mutants
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, figures: Record) -> None:
    figures("mutants", 1)
    caught = caught_by(mutant, likely_plans(mutant))
    assert caught is not None, f"nobody noticed that {mutant.what}"
    assert not simulate(caught.plan).failed, "the seed fails without the mutant too"
    figures("mutants caught", 1)


def test_hints_name_mutants_and_seeds_of_the_range() -> None:
    assert NOTICED_LAST.keys() | PLANS.keys() <= MUTANTS.keys()
    assert all(0 <= seed < WITHIN for seed in NOTICED_LAST.values())


def test_nothing_stays_broken() -> None:
    mutant = MUTANTS["timer_early"]
    before = [vars(place)[name] for place, name, _ in mutant.replaced]
    with mutant.applied():
        assert [vars(place)[name] for place, name, _ in mutant.replaced] != before
    assert [vars(place)[name] for place, name, _ in mutant.replaced] == before
