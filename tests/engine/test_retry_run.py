"""An operator retries a run: what has succeeded stays, the rest begins anew, and old attempts stay fenced."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace_coordinator.engine.effects import Collect, DropTimer, StartTimer, TimerKey
from headrace_coordinator.engine.inputs import RetryRun, TimerFired
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_protocol.definition import Output
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import CancelRun
from tests.engine.building import Driver, node, plan_of, stored
from tests.engine.strategies import plans
from tests.engine.world import World

S = 1_000_000
RETRY = RetryRun("r", "me", "mended")


def test_only_what_has_not_succeeded_runs_again() -> None:
    d = Driver(plan_of(node("a"), node("b", "a"), node("c", "b"), node("e", "a")))
    d.outcome("a", result=stored("one"))
    d.fail("b")
    d.outcome("e", result=stored("two"))
    assert d.run.head.state is RunState.FAILED
    decision = d.feed(RETRY)
    assert d.dispatched() == [("b", None, 2)]
    assert d.sent[-1].inputs == {"a": stored("one")}
    assert (d.run.head.state, d.run.head.error, d.run.head.finished_at_us) == (RunState.RUNNING, None, None)
    (told,) = [event for event in decision.events if event.kind == "run.retried"]
    assert told.data == {"by": "me", "reason": "mended", "nodes": ["b", "c"]}
    d.outcome("b", result=stored("three"))
    assert d.dispatched() == [("c", None, 1)]
    d.outcome("c", result=stored("four"))
    assert (d.run.head.state, d.run.head.retries) == (RunState.SUCCEEDED, 1)


def test_the_retries_of_the_policy_are_counted_anew() -> None:
    d = Driver(plan_of(node("a", max_attempts=2)))
    d.fail("a")
    d.feed(TimerFired(TimerKey("r", "retry", "a"), d.now_us), later_us=60 * S)
    d.fail("a")
    assert d.run.head.state is RunState.FAILED
    d.feed(RETRY)
    assert d.dispatched() == [("a", None, 3)]
    d.fail("a")
    assert d.run.nodes["a"].state is NodeState.RETRYING


def test_retries_of_an_item_are_counted_anew() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"), max_attempts=2)))
    d.outcome("a", result=stored("list"), counts=(1,))
    d.fail("m", item=0)
    d.feed(TimerFired(TimerKey("r", "retry", "m", 0), d.now_us), later_us=60 * S)
    d.fail("m", item=0)
    assert d.run.head.state is RunState.FAILED
    d.feed(RETRY)
    assert d.dispatched() == [("m", 0, 3)]
    d.fail("m", item=0)
    assert (d.run.head.state, d.run.nodes["m"].state) == (RunState.RUNNING, NodeState.MAPPING)


def test_an_attempt_from_before_stays_fenced() -> None:
    d = Driver(plan_of(node("a"), node("b", "a")))
    d.feed(CancelRun(run_id="r"))
    d.feed(RETRY)
    late = d.outcome("a", result=stored("late"), attempt=1)
    assert [record.state for record in late.attempts] == ["ignored"]
    assert d.run.nodes["a"].state is NodeState.DISPATCHED
    d.outcome("a", result=stored("new"), attempt=2)
    assert d.run.nodes["a"].result == stored("new")


def test_items_of_a_map_that_have_succeeded_are_kept() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"), window=2)))
    d.outcome("a", result=stored("list"), counts=(4,))
    d.outcome("m", result=stored("0"), item=0)
    d.fail("m", item=1)
    assert d.run.head.state is RunState.FAILED
    d.feed(RETRY)
    assert d.dispatched() == [("m", 1, 2), ("m", 2, 2)]
    d.outcome("m", result=stored("1"), item=1, attempt=2)
    assert d.dispatched() == [("m", 3, 1)]
    d.outcome("m", result=stored("2"), item=2, attempt=2)
    last = d.outcome("m", result=stored("3"), item=3)
    assert [effect for effect in last.effects if isinstance(effect, Collect)] == [Collect("r", "m", 4)]


def test_a_map_that_was_being_collected_is_collected_again() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"))))
    d.outcome("a", result=stored("list"), counts=(1,))
    d.outcome("m", result=stored("0"), item=0)
    d.feed(CancelRun(run_id="r"))
    decision = d.feed(RETRY)
    assert [effect for effect in decision.effects if isinstance(effect, Collect)] == [Collect("r", "m", 1)]
    assert d.run.nodes["m"].state is NodeState.COLLECTING


def test_a_deadline_begins_anew() -> None:
    d = Driver(plan_of(node("a"), deadline_s=5))
    d.feed(TimerFired(TimerKey("r", "deadline"), d.now_us), later_us=6 * S)
    assert d.run.head.state is RunState.FAILED
    decision = d.feed(RETRY)
    assert d.run.head.deadline_us == d.now_us + 5 * S
    (timer,) = [effect for effect in decision.effects if isinstance(effect, StartTimer)]
    assert (timer.key.kind, timer.due_us) == ("deadline", d.now_us + 5 * S)
    ended = d.outcome("a", attempt=2)
    assert d.run.head.state is RunState.SUCCEEDED
    assert any(isinstance(effect, DropTimer) for effect in ended.effects)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_run_that_goes_on_or_has_succeeded_is_left_alone(succeeds: bool) -> None:
    d = Driver(plan_of(node("a")))
    if succeeds:
        d.outcome("a")
    decision = d.feed(RETRY)
    assert (decision.effects, decision.events, decision.touched) == ([], [], {})
    assert d.run.head.retries == 0


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans(deadlines=False), data=st.data())
def test_retried_until_everybody_works_for_it_a_run_succeeds(plan: Plan, data: st.DataObject) -> None:
    """Cancelled, failed and retried at any moments; in the end it succeeds, unless a map has no list."""
    world = World(plan)
    world.step(world.command)
    for _ in range(data.draw(st.integers(1, 4))):
        for _ in range(data.draw(st.integers(0, 12))):
            keys = sorted(world.live, key=str)
            if world.run.head.state is not RunState.RUNNING or not keys:
                break
            message = world.sent[keys[data.draw(st.integers(0, len(keys) - 1))]]
            if data.draw(st.integers(0, 3)):
                world.succeed(message, keep=data.draw(st.booleans()))
            else:
                world.fail(message, code=ErrorCode.TASK_FAILED)
        if world.run.head.state is RunState.RUNNING and data.draw(st.booleans()):
            world.step(CancelRun(run_id="r"))
        if world.sent and data.draw(st.booleans()):
            sent = list(world.sent.values())
            world.succeed(sent[data.draw(st.integers(0, len(sent) - 1))])
        if data.draw(st.booleans()):
            world.vault.clear()
        world.step(RETRY)
    for _ in range(3):
        world.finish_fairly()
        if world.run.head.state is RunState.SUCCEEDED:
            return
        error = world.run.head.error
        assert error is not None
        if error.code == ErrorCode.TASK_INPUT_INVALID:
            return
        world.step(RETRY)
    raise AssertionError(f"it does not succeed: {world.run.head.error}")
