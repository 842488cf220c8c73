"""What a transition costs, counted: an outcome touches only what it unlocks, a map only its window."""

from __future__ import annotations

import gc
from itertools import pairwise

from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import Collect, Decision, Dispatch
from headrace_coordinator.engine.inputs import Collected, OutcomeReceived
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import ItemState, Run, RunState
from headrace_coordinator.engine.transitions.start import new_run
from headrace_protocol.codec import encode, raw
from headrace_protocol.definition import Output
from headrace_protocol.messages import Outcome, OutcomeState, Result, StartRun
from tests.engine.building import T0, Driver, node, plan_of, stored

NOTHING = Result(raw(None))


def test_an_outcome_in_a_chain_touches_two_nodes() -> None:
    names = [f"n{number}" for number in range(1_000)]
    chain = [node("n0"), *(node(name, before) for before, name in pairwise(names))]
    d = Feeder(plan_of(*chain))
    for name in names[:-1]:
        decision = d.done(name)
        assert len(decision.touched) == 2
        assert len(decision.effects) == 1
    d.done(names[-1])
    assert d.run.head.state is RunState.SUCCEEDED


def test_an_outcome_in_a_fan_touches_itself() -> None:
    legs = [f"n{number}" for number in range(1_000)]
    d = Feeder(plan_of(node("first"), *(node(leg, "first") for leg in legs), node("last", after=tuple(legs))))
    decision = d.done("first")
    assert len(decision.touched) == 1_001
    assert len(decision.effects) == 1_000
    for leg in legs[:-1]:
        decision = d.done(leg)
        assert list(decision.touched) == [leg]
        assert decision.effects == []
        assert len(decision.events) == 1
    decision = d.done(legs[-1])
    assert list(decision.touched) == [legs[-1], "last"]
    assert len(decision.effects) == 1


def test_a_map_of_a_million_items_holds_a_window() -> None:
    d = Driver(plan_of(node("list"), node("m", over=Output("list"), window=1_000)))
    decision = d.outcome("list", result=stored("big"), counts=(1_000_000,))
    assert len([effect for effect in decision.effects if isinstance(effect, Dispatch)]) == 1_000
    node_state = d.run.nodes["m"]
    progress = node_state.map
    assert progress is not None
    assert (progress.total, progress.next_index, len(progress.items)) == (1_000_000, 1_000, 1_000)
    assert not d.run.slices, "a stored list is not cut into items here"
    assert sum(isinstance(thing, ItemState) for thing in gc.get_objects()) <= 1_000
    assert len(encode(node_state)) < 8_000
    for index in range(500):
        decision = d.done("m", None, index)
        assert d.dispatched() == [("m", 1_000 + index, 1)]
        assert list(decision.touched) == ["m"]
    assert (progress.next_index, len(progress.items), progress.done) == (1_500, 1_000, 500)
    decision = d.feed(Collected("r", "m"))
    assert decision.effects == []


def test_a_map_of_a_million_items_that_are_all_lost_holds_a_window() -> None:
    d = Driver(plan_of(node("list"), node("m", over=Output("list"), window=1_000)))
    d.outcome("list", result=stored("big"), counts=(1_000_000,))
    progress = d.run.nodes["m"].map
    assert progress is not None
    progress.items.clear()
    progress.next_index = 999_999
    progress.items[999_999 - 1] = ItemState()
    d.done("m", None, 999_998, attempt=1)
    d.done("m", None, 999_999, attempt=1)
    decision = d.feed(Collected("r", "m", lost=tuple(range(1_000_000))))
    assert len(decision.effects) == len(progress.items) == 1_000


def test_a_long_map_comes_to_its_end_in_order() -> None:
    total, window = 10_000, 1_000
    d = Feeder(plan_of(node("list"), node("m", over=Output("list"), window=window), node("end", "m")))
    d.feed("list", None, Result(raw(list(range(total)))))
    progress = d.run.nodes["m"].map
    assert progress is not None
    for index in range(total):
        decision = d.feed("m", index, NOTHING)
        assert len(decision.effects) == (1 if index < total - window or index == total - 1 else 0)
        assert len(progress.items) <= window
        assert progress.done == index + 1
    assert d.last.effects == [Collect("r", "m", total)]
    decide(d.plan, d.run, Collected("r", "m", stored("all")), T0)
    d.done("end")
    assert d.run.head.state is RunState.SUCCEEDED


class Feeder:
    """Feeds outcomes without the checks of every node, which would cost more than what is counted."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        command = StartRun(run_id="r", workflow="flow", params=raw({}))
        self.run: Run = new_run(plan, command, 0, T0)
        self.last = decide(plan, self.run, command, T0)

    def done(self, name: str) -> Decision:
        return self.feed(name, None, NOTHING)

    def feed(self, name: str, item: int | None, result: Result) -> Decision:
        outcome = Outcome(
            run_id="r",
            node=name,
            item=item,
            attempt=1,
            state=OutcomeState.SUCCEEDED,
            started_at_us=T0,
            finished_at_us=T0,
            worker="w",
            result=result,
        )
        self.last = decide(self.plan, self.run, OutcomeReceived(outcome), T0)
        return self.last
