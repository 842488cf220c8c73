"""Seeds hold; the same seed is the same history; a failure is told in plain words.

`HEADRACE_SIM_SEEDS` says how many seeds to run, `just sim` runs more of them in parallel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.figures import Record
from tests.simulation.campaign import check_crash, check_seed, crash_points
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import make_plan
from tests.simulation.shrink import shrink
from tests.simulation.simulate import simulate
from tests.simulation.story import tell

ROOT = Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("HEADRACE_SIM_SEEDS", "60"))
PART = 20


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_seeds_hold(first: int, figures: Record) -> None:
    results = [check_seed(seed) for seed in range(first, min(first + PART, SEEDS))]
    figures("seeds", len(results))
    failed = [f"just sim --seed {result.seed}: {result.failure}" for result in results if result.failure]
    assert not failed, "\n".join(failed)
    assert sum(result.executions for result in results), "nothing was executed"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [2, 6])
def test_a_crash_at_any_await_does_no_harm(seed: int) -> None:
    """At every await: `just sim --seed 2 --crash everywhere`."""
    points = crash_points(seed, stride=17)
    assert {who for _, who, _ in points} >= {"coordinator-0", "worker-0"}
    failed = [f"{result.crash}: {result.failure}" for result in map(check_crash, points) if result.failure]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("seed", [3, 17, 42])
def test_a_seed_is_one_history(seed: int) -> None:
    first, again = simulate(make_plan(seed)), simulate(make_plan(seed), story=True)
    assert first.digest == again.digest
    assert first.turns == again.turns
    assert simulate(make_plan(seed + 1)).digest != first.digest


def test_another_process_gives_the_same_history() -> None:
    """Whatever order sets have there."""
    program = (
        "from tests.simulation.plan import make_plan\nfrom tests.simulation.simulate import simulate\n"
        "print([simulate(make_plan(seed)).digest for seed in (5, 6)])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    run = [sys.executable, "-W", "error", "-c", program]
    found = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str([simulate(make_plan(seed)).digest for seed in (5, 6)])


def test_a_failure_is_shrunk_and_told() -> None:
    with MUTANTS["retry_beyond_max"].applied():
        report = next(r for seed in range(20) if (r := simulate(make_plan(seed))).failed)
        smaller = shrink(report)
        story = tell(simulate(smaller.plan, story=True), shrunk=True)
    assert smaller.breaches[0].invariant == "retry"
    assert len(smaller.plan.actions) <= 2
    assert not smaller.plan.faults
    assert f"just sim --seed {report.plan.seed}" in story
    assert "is one attempt more than" in story
