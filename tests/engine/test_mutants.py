"""Engines broken on purpose: the adversary must catch each of them, or its checks check nothing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from headrace_coordinator.engine import transition
from headrace_coordinator.engine.inputs import AttemptLost
from headrace_coordinator.engine.plan import Plan, PlanNode
from headrace_coordinator.engine.ready_line import Lane, ReadyLine
from headrace_coordinator.engine.state import ItemState, MapState, NodeState, Run
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import (
    dispatch,
    loss,
    mapping,
    outcome,
    recover,
    redispatch,
    retry_run,
    stop,
    timer,
    unlock,
)
from headrace_protocol.messages import Outcome, OutcomeState
from tests.engine import books
from tests.engine.fixed_plans import FIXED_PLANS
from tests.engine.machine import Adversary, Crowd, Loser, Mortal, Reaper, Wiper

Patch = pytest.MonkeyPatch


class MorePatient(Transition):
    """Sees some nodes with other options."""

    others: dict[str, PlanNode] = msgspec.field(default_factory=dict)

    def planned(self, name: str) -> PlanNode:
        return self.others.get(name) or super().planned(name)


def no_fence(patch: Patch) -> None:
    patch.setattr(outcome, "holds_fence", lambda t, name, item, attempt: name in t.run.nodes and item is None)


def late_result_overwrites(patch: Patch) -> None:
    apply = outcome.apply

    def broken(t: Transition, late: Outcome) -> None:
        node = t.run.nodes.get(late.node)
        if node is not None and late.state is OutcomeState.SUCCEEDED and node.result is not None:
            t.touch(late.node).result = late.result
        apply(t, late)

    patch.setattr(outcome, "apply", broken)


def counter_is_not_decremented(patch: Patch) -> None:
    patch.setattr(unlock, "unlocked", lambda t, name: [])


def early_timer_is_accepted(patch: Patch) -> None:
    awaited = timer._awaited
    patch.setattr(timer, "_awaited", lambda t, key: None if awaited(t, key) is None else t.now_us)


def stale_timer_is_set_again(patch: Patch) -> None:
    awaited = timer._awaited
    patch.setattr(timer, "_awaited", lambda t, key: (awaited(t, key) or t.now_us) + 1)


def window_is_ignored(patch: Patch) -> None:
    def broken(t: Transition, name: str) -> None:
        state = t.touch(name).map
        if state is not None:
            mapping.go_on(t, name, state.total - state.next_index)

    patch.setattr(mapping, "fill", broken)


def one_retry_too_many(patch: Patch) -> None:
    may_retry = outcome.may_retry
    patch.setattr(
        outcome, "may_retry", lambda policy, failed, failures: may_retry(policy, failed, failures - 1)
    )


def failure_unlocks(patch: Patch) -> None:
    patch.setattr(unlock, "fail", lambda t, name, error: unlock.succeed(t, name))


def failure_blocks_nothing(patch: Patch) -> None:
    patch.setattr(unlock, "_block", lambda t, names, because: None)


def head_is_not_marked(patch: Patch) -> None:
    touch = Transition.touch

    def broken(t: Transition, name: str) -> object:
        before = t.decision.head
        node = touch(t, name)
        t.decision.head = before
        return node

    patch.setattr(Transition, "touch", broken)


def node_is_not_marked(patch: Patch) -> None:
    patch.setattr(Transition, "touch", lambda t, name: t.run.nodes[name])


def stop_leaves_timers(patch: Patch) -> None:
    patch.setattr(stop, "_drop_timers", lambda t, name: None)


def failed_map_goes_on(patch: Patch) -> None:
    patch.setattr(mapping, "stop_items", lambda t, name, reason: None)


def lost_item_starts_from_one(patch: Patch) -> None:
    def broken(t: Transition, name: str, lost: tuple[int, ...]) -> None:
        state = t.move(name, NodeState.MAPPING).map
        assert state is not None
        state.items = {index: ItemState(attempt=0, parked=True) for index in lost}
        mapping.unpark(t, name)

    patch.setattr(mapping, "repeat", broken)


def window_is_ignored_for_lost_items(patch: Patch) -> None:
    def broken(t: Transition, name: str, lost: tuple[int, ...]) -> None:
        state = t.move(name, NodeState.MAPPING).map
        assert state is not None
        state.items = {index: ItemState(attempt=state.last_attempt, parked=True) for index in lost}
        mapping.unpark(t, name)

    patch.setattr(mapping, "repeat", broken)


def lost_input_is_not_awaited(patch: Patch) -> None:
    patch.setattr(mapping, "missing", lambda t, name: [])
    patch.setattr(unlock, "missing", lambda t, name: [])


def items_are_not_given_up(patch: Patch) -> None:
    """An item that misses an input is parked, and nobody makes the input again."""
    patch.setattr(recover, "_make_again", lambda t, producer: None)


def published_again_as_another_attempt(patch: Patch) -> None:
    publish = redispatch.publish
    patch.setattr(redispatch, "publish", lambda t, name, item, attempt: publish(t, name, item, attempt + 1))


def collecting_is_not_started_again(patch: Patch) -> None:
    patch.setattr(redispatch, "Collect", lambda *given: None)


def reload_forgets_the_order(patch: Patch) -> None:
    restore = books.restore

    def broken(*given: object) -> Run:
        run = restore(*given)
        run.active = dict.fromkeys(reversed(run.active))
        return run

    patch.setattr(books, "restore", broken)


def collected_too_early(patch: Patch) -> None:
    patch.setattr(MapState, "done", property(lambda state: state.next_index))


def retry_numbers_from_one(patch: Patch) -> None:
    reset = retry_run._reset

    def broken(t: Transition, name: str) -> None:
        reset(t, name)
        t.node(name).attempt = 0

    patch.setattr(retry_run, "_reset", broken)


def retry_forgets_items(patch: Patch) -> None:
    reset = retry_run._reset

    def broken(t: Transition, name: str) -> None:
        reset(t, name)
        progress = t.node(name).map
        for item in () if progress is None else progress.items.values():
            item.parked = False

    patch.setattr(retry_run, "_reset", broken)


def losses_are_not_counted(patch: Patch) -> None:
    again = loss._dispatch_again
    patch.setattr(
        loss,
        "lost",
        lambda t, lost: (
            again(t, lost.node, lost.item)
            if loss.holds_fence(t, lost.node, lost.item, lost.attempt)
            else None
        ),
    )


def one_loss_too_many(patch: Patch) -> None:
    lost = loss.lost

    def broken(t: Transition, told: AttemptLost) -> None:
        options = t.planned(told.node).definition.options
        more = msgspec.structs.replace(options, max_lost=options.max_lost + 1)
        definition = msgspec.structs.replace(t.planned(told.node).definition, options=more)
        planned = msgspec.structs.replace(t.planned(told.node), definition=definition)
        lost(MorePatient(t.plan, t.run, t.now_us, t.decision, {told.node: planned}), told)

    patch.setattr("headrace_coordinator.engine.decide.loss.lost", broken)


def suspect_runs_beside_others(patch: Patch) -> None:
    publish = dispatch.TaskMessage
    patch.setattr(dispatch, "TaskMessage", lambda **given: publish(**{**given, "alone": False}))


def return_is_charged(patch: Patch) -> None:
    def broken(t: Transition, told: Outcome) -> None:
        loss.holder_of(t.touch(told.node), told.item).failures += 1
        outcome._failed(t, told)

    patch.setattr(loss, "returned", broken)


def return_is_carried_out_twice(patch: Patch) -> None:
    returned = loss.returned

    def broken(t: Transition, told: Outcome) -> None:
        holder = loss.holder_of(t.node(told.node), told.item)
        returned(t, msgspec.structs.replace(told, dispatch=holder.dispatch))

    patch.setattr(loss, "returned", broken)


def charge_is_not_withdrawn(patch: Patch) -> None:
    patch.setattr(loss, "lived_on", lambda t, told: None)


def lost_attempt_is_told_of_twice(patch: Patch) -> None:
    patch.setattr(loss, "holds_fence", lambda t, name, item, attempt: True)


def bound_is_ignored(patch: Patch) -> None:
    patch.setattr(Lane, "admit", lambda lane, run_id, wanted, freed: wanted)


def line_is_not_popped(patch: Patch) -> None:
    patch.setattr(ReadyLine, "grants", lambda line: [])


def cancelled_run_stays_in_line(patch: Patch) -> None:
    rebook = transition.rebook

    def broken(plan: Plan, run: Run, line: ReadyLine, name: str) -> None:
        if run.nodes[name].state is not NodeState.CANCELLED:
            rebook(plan, run, line, name)

    patch.setattr(transition, "rebook", broken)


def rebuilt_line_doubles(patch: Patch) -> None:
    join = books.join

    def broken(plan: Plan, run: Run, line: ReadyLine) -> None:
        join(plan, run, line)
        join(plan, run, line)

    patch.setattr(books, "join", broken)


def capacity_is_not_applied(patch: Patch) -> None:
    patch.setattr(ReadyLine, "capacity", lambda line, queue, limit: None)


def republished_beyond_the_bound(patch: Patch) -> None:
    patch.setattr(ReadyLine, "excess", lambda line, place: 0)


def item_leaves_the_line_unmarked(patch: Patch) -> None:
    go_item = dispatch.go_item

    def broken(t: Transition, name: str, index: int) -> None:
        item = t.node(name).map.items[index]  # type: ignore[union-attr]
        ready = item.ready
        go_item(t, name, index)
        item.ready = ready

    patch.setattr(mapping, "go_item", broken)


MUTANTS: tuple[Callable[[Patch], None], ...] = (
    no_fence,
    retry_numbers_from_one,
    retry_forgets_items,
    late_result_overwrites,
    counter_is_not_decremented,
    early_timer_is_accepted,
    stale_timer_is_set_again,
    window_is_ignored,
    one_retry_too_many,
    failure_unlocks,
    failure_blocks_nothing,
    head_is_not_marked,
    node_is_not_marked,
    stop_leaves_timers,
    failed_map_goes_on,
    lost_item_starts_from_one,
    window_is_ignored_for_lost_items,
    lost_input_is_not_awaited,
    items_are_not_given_up,
    published_again_as_another_attempt,
    collecting_is_not_started_again,
    reload_forgets_the_order,
    collected_too_early,
    losses_are_not_counted,
    one_loss_too_many,
    suspect_runs_beside_others,
    return_is_charged,
    return_is_carried_out_twice,
    charge_is_not_withdrawn,
    lost_attempt_is_told_of_twice,
    bound_is_ignored,
    line_is_not_popped,
    cancelled_run_stays_in_line,
    rebuilt_line_doubles,
    capacity_is_not_applied,
    republished_beyond_the_bound,
    item_leaves_the_line_unmarked,
)
EXAMPLES = 100  # Hypothesis' own default


PROFILE = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def caught_by(machine: type[RuleBasedStateMachine] | Callable[[], None]) -> Exception | None:
    """The checks' AssertionError, the engine's InvariantBroken, or a plain crash of the broken engine."""
    try:
        if isinstance(machine, type):
            run_state_machine_as_test(machine, settings=PROFILE)
        else:
            machine()
    except Exception as error:
        return error
    return None


@pytest.mark.mutants
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_adversary_catches(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    machines = (
        *FIXED_PLANS,
        Crowd,
        Reaper,
        Adversary,
        Wiper,
        Mortal,
        Loser,
    )  # the quickest to find most come first
    assert any(caught_by(machine) for machine in machines), f"{EXAMPLES} examples did not catch it"
