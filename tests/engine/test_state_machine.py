"""The engine against the adversary, and with nobody against it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import RunState
from headrace_protocol.errors import ErrorCode
from tests.engine.fixed_plans import FIXED_PLANS
from tests.engine.machine import Adversary, Crowd, Loser, Mortal, Reaper, Wiper
from tests.engine.strategies import plans
from tests.engine.world import World

quick = settings(max_examples=25, stateful_step_count=40, suppress_health_check=list(HealthCheck))
TestAdversary = Adversary.TestCase
TestAdversary.settings = quick
TestLoser = Loser.TestCase
TestLoser.settings = quick
TestWiper = Wiper.TestCase
TestWiper.settings = quick
TestReaper = Reaper.TestCase
TestReaper.settings = quick
TestMortal = Mortal.TestCase
TestMortal.settings = quick
TestCrowd = Crowd.TestCase
TestCrowd.settings = quick


@pytest.mark.parametrize("history", FIXED_PLANS, ids=lambda history: history.__name__)
def test_a_fixed_history(history: Callable[[], None]) -> None:
    history()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(plans(deadlines=False))
def test_a_run_that_everybody_works_for_succeeds(plan: Plan) -> None:
    world = World(plan)
    world.step(world.command)
    world.finish_fairly()
    head = world.run.head
    if head.state is RunState.FAILED:  # a map over an item of a map over nothing
        assert head.error is not None
        assert head.error.code == ErrorCode.TASK_INPUT_INVALID
    else:
        assert head.state is RunState.SUCCEEDED
        assert all(attempt == 1 for _, _, attempt in world.sent)
