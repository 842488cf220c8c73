"""Results that the bus has lost are made again: who waits for whom, and what can still go wrong then."""

from __future__ import annotations

import pytest

from headrace_coordinator.engine.effects import CancelAttempt, Collect, DropTimer, TimerKey
from headrace_coordinator.engine.inputs import Collected, TimerFired
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_coordinator.engine.transitions.recover import MAX_RECOVERIES
from headrace_protocol.codec import raw
from headrace_protocol.definition import Output, Param
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import CancelRun, Result
from tests.engine.building import Driver, node, plan_of, stored

S = 1_000_000


def states(d: Driver) -> dict[str, str]:
    return {name: str(found.state) for name, found in d.run.nodes.items()}


def test_many_readers_of_a_lost_result_have_it_made_again_once() -> None:
    """They tell one after the other, also long after it is back: those only start again themselves."""
    readers = [f"b{number}" for number in range(MAX_RECOVERIES * 2)]
    d = Driver(plan_of(node("a"), *(node(name, "a") for name in readers)))
    d.outcome("a", result=stored("one"))
    d.lost(readers[0], "a")
    assert d.dispatched() == [("a", None, 2)]
    d.lost(readers[1], "a")
    assert d.dispatched() == []
    d.outcome("a", result=stored("two"))
    assert d.dispatched() == [(readers[0], None, 2), (readers[1], None, 2)]
    for name in readers[2:]:
        d.lost(name, "a", attempt=1)
        assert d.dispatched() == [(name, None, 2)]
        assert d.sent[-1].inputs == {"a": stored("two")}
    assert d.run.nodes["a"].recoveries == 1
    d.lost(readers[5], "a")
    assert d.dispatched() == [("a", None, 3)], "the second one is lost too"


def test_many_items_of_a_lost_list_have_it_made_again_once() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"), window=30)))
    d.outcome("a", result=stored("one"), counts=(30,))
    for index in range(3):
        d.lost("m", "a", index)
    assert d.dispatched() == []
    d.outcome("a", result=stored("two"), counts=(30,))
    assert d.dispatched() == [("m", 0, 2), ("m", 1, 2), ("m", 2, 2)]
    for index in range(3, 30):
        d.lost("m", "a", index, attempt=1)
        assert d.dispatched() == [("m", index, 2)]
    assert d.run.nodes["a"].recoveries == 1
    assert d.run.nodes["m"].map.items[0].failures == 0


def test_a_producer_waits_for_its_own_inputs() -> None:
    d = Driver(plan_of(node("a"), node("b", "a"), node("c", "b"), node("e", "a")))
    d.outcome("a", result=stored("a1"))
    d.outcome("b", result=stored("b1"))
    d.lost("e", "a")
    d.lost("c", "b")
    assert d.dispatched() == [], "b waits for a"
    assert states(d) == {"a": "dispatched", "b": "waiting", "c": "waiting", "e": "waiting"}
    d.outcome("a", result=stored("a2"))
    assert d.dispatched() == [("b", None, 2), ("e", None, 2)]
    d.outcome("b", result=stored("b2"))
    assert d.dispatched() == [("c", None, 2)]


def test_a_retry_waits_for_its_inputs() -> None:
    d = Driver(plan_of(node("a"), node("b", "a", max_attempts=2, backoff_s=1.0), node("c", "a")))
    d.outcome("a", result=stored("a1"))
    d.fail("b")
    d.lost("c", "a")
    d.feed(TimerFired(TimerKey("r", "retry", "b"), d.now_us), later_us=2 * S)
    assert d.dispatched() == []
    d.outcome("a", result=stored("a2"))
    assert d.dispatched() == [("b", None, 2), ("c", None, 2)]


def test_a_producer_that_fails_when_it_runs_again_takes_its_readers_with_it() -> None:
    d = Driver(
        plan_of(
            node("a"),
            node("m", over=Output("a"), window=3, max_attempts=2),
            node("b", "a", max_attempts=2, backoff_s=1.0),
            node("c", "a"),
            node("e", "a"),
            node("f", "m", "b"),
        )
    )
    d.outcome("a", result=stored("a1"), counts=(9,))
    d.lost("m", "a", 0)
    d.fail("m", 1)
    d.fail("b")
    d.fail("a")
    expected = {"a": "failed", "m": "upstream_failed", "b": "upstream_failed", "f": "upstream_failed"}
    assert states(d) == {**expected, "c": "dispatched", "e": "dispatched"}
    assert {e.key for e in d.last.effects if isinstance(e, DropTimer)} == {
        TimerKey("r", "retry", "b"),
        TimerKey("r", "retry", "m", 1),
    }
    stopped = next(effect for effect in d.last.effects if isinstance(effect, CancelAttempt))
    assert [held.item for held in stopped.message.attempts] == [2]
    d.done("c")
    d.lost("e", "a")
    assert states(d)["c"] == "succeeded", "it had its input already"
    assert states(d)["e"] == "upstream_failed", "it can never have it"
    assert d.run.head.state is RunState.FAILED


@pytest.mark.parametrize(
    ("result", "counts"), [(stored("a2"), (2,)), (Result(raw([1])), ()), (Result(raw(1)), ())]
)
def test_a_list_that_comes_back_with_another_length_fails_its_map(
    result: Result, counts: tuple[int, ...]
) -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"), window=2)))
    d.outcome("a", result=stored("a1"), counts=(5,))
    d.done("m", 0, 0)
    d.lost("m", "a", 1)
    d.outcome("a", result=result, counts=counts)
    error = d.run.head.error
    assert (error.code, error.where, error.expected) == (ErrorCode.TASK_INPUT_LOST, "m", "5")


def test_an_inline_list_is_as_long_as_it_is_whatever_the_worker_counts() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"), window=9)))
    d.done("a", ["x", "y"], counts=(7,))
    assert d.dispatched() == [("m", 0, 1), ("m", 1, 1)]


@pytest.mark.parametrize("producer", ["", "x", "b", "m"])
def test_a_loss_that_cannot_be_is_a_failure(producer: str) -> None:
    """Params travel inside the message; only an upstream node's result can be lost."""
    d = Driver(plan_of(node("b"), node("m", over=Param("items"), window=2, max_attempts=3, backoff_s=1.0)))
    d.fail("m", 0)
    d.lost("m", producer, 1)
    assert states(d)["m"] == "failed"
    assert d.run.nodes["m"].error.where == "m[1]"
    assert DropTimer(TimerKey("r", "retry", "m", 0)) in d.last.effects


def test_a_result_that_is_lost_every_time_fails_its_reader() -> None:
    d = Driver(plan_of(node("a"), node("b", "a")))
    for _ in range(MAX_RECOVERIES):
        d.outcome("a", result=stored("again"))
        d.lost("b", "a")
    d.outcome("a", result=stored("again"))
    d.lost("b", "a")
    assert d.run.head.error.message == f"the stored result of a was lost {MAX_RECOVERIES} times"


def test_a_map_whose_results_are_lost_every_time_fails() -> None:
    d = Driver(plan_of(node("m", over=Param("box", ("rows",)))))
    d.done("m", 1, 1)
    for _ in range(MAX_RECOVERIES + 1):
        d.done("m", 0, 0)
        d.feed(Collected("r", "m", lost=(0,)))
    assert d.run.head.error.code == ErrorCode.TASK_INPUT_LOST


def test_a_lost_item_never_uses_an_attempt_number_twice() -> None:
    """Item 0 needed three attempts; when its result is lost, none of the three may hold the fence again."""
    d = Driver(plan_of(node("m", over=Param("box", ("rows",)), max_attempts=3, backoff_s=0.0)))
    d.done("m", 1, 1)
    for _ in range(2):
        d.fail("m", 0)
        d.feed(TimerFired(TimerKey("r", "retry", "m", 0), d.now_us))
    d.done("m", 0, 0)
    d.feed(Collected("r", "m", lost=(0, 1)))
    assert d.dispatched() == [("m", 0, 4), ("m", 1, 4)]
    d.fail("m", 0, attempt=2)
    assert [record.state for record in d.last.attempts] == ["ignored"]


def test_a_map_that_lost_more_than_its_window_runs_again_in_its_window() -> None:
    d = Driver(plan_of(node("m", over=Param("items"), window=2)))
    for index in range(4):
        d.done("m", index, index)
    d.feed(Collected("r", "m", lost=(1, 2, 3)))
    assert d.dispatched() == [("m", 1, 2), ("m", 2, 2)]
    d.done("m", 1, 1, attempt=1)
    assert d.dispatched() == []
    d.done("m", 1, 1)
    assert d.dispatched() == [("m", 3, 2)]
    d.done("m", 2, 2)
    d.done("m", 3, 3)
    assert Collect("r", "m", 4) in d.last.effects


def test_two_maps_over_one_lost_list_both_go_on() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a")), node("o", over=Output("a"), window=1)))
    d.outcome("a", result=stored("a1"), counts=(3,))
    d.lost("m", "a", 0)
    d.lost("o", "a", 0)
    d.done("m", 1, 1)
    assert d.dispatched() == [], "no window is filled while the list is away"
    d.outcome("a", result=stored("a2"), counts=(3,))
    assert d.dispatched() == [("m", 0, 2), ("m", 2, 1), ("o", 0, 2)]
    assert {message.item_input.stored.uri for message in d.sent[-3:]} == {"a2"}


def test_a_run_cancelled_while_a_map_is_collected_stays_cancelled() -> None:
    d = Driver(plan_of(node("m", over=Param("box", ("rows",))), node("b", "m"), deadline_s=5))
    d.done("m", 0, 0)
    d.done("m", 1, 1)
    assert d.run.nodes["m"].state is NodeState.COLLECTING
    d.feed(CancelRun(run_id="r"))
    assert DropTimer(TimerKey("r", "deadline")) in d.last.effects
    for late in (Collected("r", "m", Result(raw([0, 1]))), Collected("r", "m", lost=(0,))):
        d.feed(late)
        assert (d.last.effects, d.last.events, d.last.touched) == ([], [], {})
    assert states(d) == {"m": "cancelled", "b": "cancelled"}


def test_maps_of_maps_take_their_length_from_what_was_collected() -> None:
    d = Driver(plan_of(node("m", over=Param("box", ("rows",))), node("o", over=Output("m", (1,)), window=9)))
    d.done("m", ["x"], 0)
    d.done("m", ["y", "z", "w"], 1)
    d.feed(Collected("r", "m", stored("m1"), counts=(3,)))
    assert d.dispatched() == [("o", 0, 1), ("o", 1, 1), ("o", 2, 1)]
    assert d.sent[-1].item_input.path == (1,)


@pytest.mark.parametrize("early", [True, False])
def test_a_stale_timer_never_takes_the_place_of_the_awaited_one(early: bool) -> None:
    """Timers are named, and setting one moves it: a stale one set again would be the only one left."""
    d = Driver(plan_of(node("a", max_attempts=3, backoff_s=10.0)))
    d.fail("a")
    first_us = d.now_us + 10 * S
    d.feed(TimerFired(TimerKey("r", "retry", "a"), first_us), later_us=10 * S)
    d.fail("a")
    second_us = d.run.nodes["a"].retry_at_us
    d.feed(TimerFired(TimerKey("r", "retry", "a"), d.now_us + 5 if early else first_us))
    timers = [effect.due_us for effect in d.last.effects]
    assert timers == [second_us]


@pytest.mark.parametrize("lost", ["a", "$params"])
def test_a_lost_copy_of_what_the_run_still_has_only_repeats_its_reader(lost: str) -> None:
    """Inputs of a message that was too large are stored for the journey; the run itself still holds them."""
    d = Driver(plan_of(node("a"), node("b", "a")))
    d.done("a", "inline")
    d.lost("b", lost)
    assert d.dispatched() == [("b", None, 2)]
    assert d.run.nodes["a"].recoveries == 0
    for _ in range(MAX_RECOVERIES):
        d.lost("b", lost)
    assert d.run.head.state is RunState.FAILED
    assert d.run.head.error.code == ErrorCode.TASK_INPUT_LOST


def test_a_lost_copy_of_an_item_only_repeats_the_item() -> None:
    d = Driver(plan_of(node("a"), node("m", over=Output("a"))))
    d.done("a", ["x", "y"], counts=(2,))
    d.lost("m", "$item", 1)
    assert d.dispatched() == [("m", 1, 2)]
