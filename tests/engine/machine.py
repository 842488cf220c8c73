"""The adversary: everything the contracts allow happens to a run, in any order, at any time."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.inputs import (
    AttemptOverdue,
    OutcomeReceived,
    Redispatch,
    RetryRun,
    TimerFired,
)
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import RunState
from headrace_protocol.definition import Output
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import (
    CancelRun,
    Outcome,
    OutcomeState,
    RetryAdvice,
    ReturnReason,
    TaskMessage,
)
from tests.engine.building import node, plan_of
from tests.engine.strategies import ERROR_KINDS, plans
from tests.engine.world import World

picks = st.integers(0, 1_000)
RICH = [
    plan_of(
        node("n0"),
        node("n1", "n0", over=Output("n0", ("rows",)), max_attempts=4),
        node("n2", "n1", over=Output("n1"), window=1, max_attempts=2),
        node("n4", "n0", max_attempts=3, backoff_s=2.0),
        node("n5", "n1", "n4", after=("n2",)),
    ),
    plan_of(
        node("n1", max_attempts=2),
        node("n2", "n1", over=Output("n1"), max_attempts=3, backoff_s=2.0),
        node("n4", "n1", over=Output("n1"), window=3),
        node("n5", "n2", "n4", max_attempts=3),
        node("n7", "n5", "n1", over=Output("n5"), window=2),
    ),
    plan_of(
        node("n0", max_attempts=2),
        node("n1", "n0", max_attempts=2, backoff_s=2.0),
        node("n2", "n1", "n0", max_attempts=4, backoff_s=2.0),
        node("n4", "n1", "n2", max_attempts=2),
    ),
]


class Adversary(RuleBasedStateMachine):
    """One run against the world. `World.step` holds the checks."""

    world: World

    @initialize(plan=plans())
    def start(self, plan: Plan) -> None:
        self.world = World(plan)
        self.world.step(self.world.command)

    def any_sent(self, pick: int) -> TaskMessage:
        """Any attempt there ever was: its outcome is late, or comes once more."""
        sent = list(self.world.sent.values())
        return sent[pick % len(sent)]

    def live(self, pick: int) -> TaskMessage:
        keys = sorted(self.world.live, key=str)
        return self.world.sent[keys[pick % len(keys)]]

    def is_live(self) -> bool:
        return bool(self.world.live)

    @rule(us=st.sampled_from([0, 1, 500_000, 5_000_000]))
    def time_passes(self, us: int) -> None:
        self.world.now_us += us

    @precondition(is_live)
    @rule(picked=st.lists(picks, min_size=1, max_size=6), keep=st.booleans())
    def workers_succeed(self, picked: list[int], keep: bool) -> None:
        for pick in picked:
            if self.world.live:
                self.world.succeed(self.live(pick), keep=keep)

    @precondition(is_live)
    @rule(pick=picks, length=st.integers(0, 6), keep=st.booleans())
    def worker_returns_another_length(self, pick: int, length: int, keep: bool) -> None:
        self.world.succeed(self.live(pick), length=length, keep=keep)

    @precondition(is_live)
    @rule(pick=picks, value=st.sampled_from([None, 5, "text", {}]))
    def worker_returns_no_list(self, pick: int, value: object) -> None:
        self.world.succeed(self.live(pick), value=value)

    @precondition(is_live)
    @rule(
        pick=picks,
        advice=st.sampled_from([RetryAdvice.POLICY, RetryAdvice.POLICY, *RetryAdvice]),
        after_s=st.sampled_from([None, 0.0, 3.0, float("inf"), float("nan")]),
        kinds=st.sampled_from(ERROR_KINDS),
    )
    def worker_fails(
        self, pick: int, advice: RetryAdvice, after_s: float | None, kinds: tuple[str, ...]
    ) -> None:
        self.world.fail(self.live(pick), advice=advice, after_s=after_s, kinds=kinds)

    @precondition(is_live)
    @rule(pick=picks, source=picks)
    def worker_misses_an_input(self, pick: int, source: int) -> None:
        """Also one that is there, that is none of its inputs, or that does not exist."""
        message = self.live(pick)
        names = [*self.world.plan.nodes[message.node].upstream] * 3 + ["", "x"]
        self.world.fail(
            message, code=ErrorCode.TASK_INPUT_LOST, kinds=(), lost_input=names[source % len(names)]
        )

    @precondition(is_live)
    @rule(pick=picks)
    def attempt_is_overdue(self, pick: int) -> None:
        name, item, attempt = sorted(self.world.live, key=str)[pick % len(self.world.live)]
        self.world.step(AttemptOverdue("r", name, item, attempt, "w"))

    @precondition(lambda self: self.world.sent)
    @rule(pick=picks, good=st.booleans())
    def fenced_worker_reports(self, pick: int, good: bool) -> None:
        message = self.any_sent(pick)
        if good:
            self.world.succeed(message)
        else:
            self.world.fail(message)

    @precondition(lambda self: self.world.outcomes)
    @rule(pick=picks)
    def outcome_comes_again(self, pick: int) -> None:
        outcomes = self.world.outcomes
        self.world.step(OutcomeReceived(outcomes[pick % len(outcomes)]))

    @precondition(lambda self: self.world.sent)
    @rule(pick=picks)
    def overdue_is_told_late(self, pick: int) -> None:
        message = self.any_sent(pick)
        self.world.step(AttemptOverdue("r", message.node, message.item, message.attempt, "w"))

    @precondition(lambda self: self.world.collects)
    @rule(pick=picks)
    def map_is_collected(self, pick: int) -> None:
        collects = self.world.collects
        self.world.collect(collects[pick % len(collects)])

    @precondition(lambda self: self.world.vault)
    @rule(picked=st.lists(picks, min_size=1, max_size=5), everything=st.booleans())
    def results_are_lost(self, picked: list[int], everything: bool) -> None:
        vault = self.world.vault
        for pick in range(len(vault)) if everything else picked:
            if vault:
                del vault[sorted(vault)[pick % len(vault)]]

    @precondition(lambda self: self.world.timers)
    @rule(pick=picks)
    def timer_fires(self, pick: int) -> None:
        timers = self.world.timers
        keys = sorted((k for k in timers if k.kind == "retry"), key=str) or list(timers)
        self.world.fire(keys[pick % len(keys)])

    @precondition(lambda self: self.world.timers)
    @rule(pick=picks, early=st.booleans())
    def timer_fires_early(self, pick: int, early: bool) -> None:
        timers = self.world.timers
        key = sorted(timers, key=str)[pick % len(timers)]
        self.world.step(TimerFired(key, timers[key] if early else self.world.now_us))

    @precondition(lambda self: self.world.old_timers)
    @rule(pick=picks)
    def timer_fires_again(self, pick: int) -> None:
        old = self.world.old_timers
        self.world.step(old[pick % len(old)])

    @rule(kind=st.sampled_from(["retry", "schedule"]), node=picks, item=st.sampled_from([None, 0, 9]))
    def timer_nobody_set(self, kind: str, node: int, item: int | None) -> None:
        self.world.step(TimerFired(TimerKey("r", kind, f"n{node % 4}", item), self.world.now_us))

    @rule(picked=st.none() | st.lists(picks, max_size=3))
    def bus_lost_messages(self, picked: list[int] | None) -> None:
        sent = list(self.world.sent)
        if picked is None or not sent:
            self.world.step(Redispatch("r"))
        else:
            named = tuple(dict.fromkeys(sent[pick % len(sent)] for pick in picked))
            self.world.step(Redispatch("r", named))

    @rule()
    def coordinator_restarts(self) -> None:
        """What was in flight inside of it is gone, so it starts collecting again."""
        self.world.collects.clear()
        self.world.restart()
        self.world.step(Redispatch("r", ()))

    @rule()
    def start_comes_again(self) -> None:
        self.world.step(self.world.command)

    @precondition(lambda self: self.world.run.head.state is RunState.RUNNING)
    @rule(dice=st.integers(0, 9))
    def somebody_cancels(self, dice: int) -> None:
        if dice == 7:
            self.world.step(CancelRun(run_id="r", by="me"))
            assert self.world.run.head.state is RunState.CANCELLED

    @precondition(lambda self: self.world.run.head.state is not RunState.RUNNING)
    @rule()
    def somebody_retries(self) -> None:
        """A run that has succeeded stays as it is."""
        before = self.world.run.head.state
        retries = self.world.run.head.retries
        self.world.step(RetryRun("r", "me", "again"))
        assert self.world.run.head.retries == retries + (before is not RunState.SUCCEEDED)

    @precondition(lambda self: self.world.run.head.state is RunState.RUNNING)
    @rule()
    def somebody_retries_too_early(self) -> None:
        decision = self.world.step(RetryRun("r", "me"))
        assert not decision.effects
        assert not decision.events

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.sound:
            self.world.finish_fairly()


class Mortal(Adversary):
    """The same with workers that die, live on, and give back what they have."""

    @precondition(Adversary.is_live)
    @rule(pick=picks, charged=st.booleans())
    def attempt_is_lost(self, pick: int, charged: bool) -> None:
        name, item, attempt = sorted(self.world.live, key=str)[pick % len(self.world.live)]
        self.world.lose(name, item, attempt, charged=charged)

    @precondition(lambda self: self.world.sent)
    @rule(pick=picks)
    def loss_is_told_late(self, pick: int) -> None:
        message = self.any_sent(pick)
        self.world.lose(message.node, message.item, message.attempt)

    @precondition(Adversary.is_live)
    @rule(pick=picks, reason=st.sampled_from(ReturnReason))
    def worker_returns(self, pick: int, reason: ReturnReason) -> None:
        message = self.live(pick)
        self.world.report(message, OutcomeState.RETURNED, reason=reason, dispatch=message.dispatch)


class Reaper(RuleBasedStateMachine):
    """Little else than that on small workflows: the same place is lost again and again."""

    world: World

    @initialize(over=st.sampled_from([None, Output("n0", ("rows",))]))
    def start(self, over: Output | None) -> None:
        nodes = (node("n0"), node("n1", "n0", over=over, window=2, max_attempts=2))
        options = [msgspec.structs.replace(one.options, max_lost=2) for one in nodes]
        few = [msgspec.structs.replace(one, options=o) for one, o in zip(nodes, options, strict=True)]
        self.world = World(plan_of(*few))
        self.world.step(self.world.command)

    def picked(self, pick: int, *, live: bool) -> TaskMessage | None:
        sent = self.world.sent
        keys = sorted(self.world.live if live else sent, key=str)
        return sent[keys[pick % len(keys)]] if keys else None

    @rule(pick=picks, charged=st.sampled_from([True, True, False]))
    def attempt_is_lost(self, pick: int, charged: bool) -> None:
        if (message := self.picked(pick, live=True)) is not None:
            self.world.lose(message.node, message.item, message.attempt, charged=charged)

    @rule(pick=picks)
    def worker_lives_on(self, pick: int) -> None:
        if (message := self.picked(pick, live=False)) is not None:
            self.world.succeed(message)

    @rule(pick=picks, reason=st.sampled_from(ReturnReason))
    def worker_returns(self, pick: int, reason: ReturnReason) -> None:
        if (message := self.picked(pick, live=True)) is not None:
            self.world.report(message, OutcomeState.RETURNED, reason=reason, dispatch=message.dispatch)

    @precondition(lambda self: self.world.outcomes)
    @rule(pick=picks)
    def outcome_comes_again(self, pick: int) -> None:
        outcomes = self.world.outcomes
        self.world.step(OutcomeReceived(outcomes[pick % len(outcomes)]))

    @rule(pick=picks)
    def worker_succeeds(self, pick: int) -> None:
        if (message := self.picked(pick, live=True)) is not None:
            self.world.succeed(message)

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.sound:
            self.world.finish_fairly()


class Crowd(Mortal):
    """The same with a bus that takes few tasks, of a fleet that grows and shrinks: the rest waits in the ready line."""

    @initialize(plan=plans() | st.sampled_from(RICH), limit=st.sampled_from([1, 1, 2, 3, 5]))
    def start(self, plan: Plan, limit: int) -> None:  # type: ignore[override]
        self.world = World(plan, limit)
        self.world.step(self.world.command)

    @rule(limit=st.integers(1, 6))
    def fleet_changes(self, limit: int) -> None:
        self.world.capacity(limit)

    @rule(limit=st.integers(1, 2))
    def bus_loses_everything_after_the_fleet_shrank(self, limit: int) -> None:
        self.world.capacity(limit)
        self.world.step(Redispatch("r"))

    @precondition(Adversary.is_live)
    @rule(pick=picks)
    def commit_fails(self, pick: int) -> None:
        """An outcome is decided, and comes again because that could not be committed."""
        message = self.live(pick)
        outcome = Outcome(
            run_id="r",
            node=message.node,
            item=message.item,
            attempt=message.attempt,
            state=OutcomeState.FAILED,
            started_at_us=self.world.now_us,
            finished_at_us=self.world.now_us,
            worker="w",
        )
        self.world.crash(OutcomeReceived(outcome))


class Wiper(RuleBasedStateMachine):
    """All goes well but for one thing: whatever has been stored when a map ends is gone before it is collected."""

    world: World

    @initialize(plan=st.sampled_from(RICH))
    def start(self, plan: Plan) -> None:
        self.world = World(plan)
        self.world.step(self.world.command)

    def succeed(self, *, items: bool) -> None:
        for key in [key for key in sorted(self.world.live, key=str) if (key[1] is not None) is items]:
            if key in self.world.live:
                self.world.succeed(self.world.sent[key], keep=True)

    @rule()
    def nodes_succeed(self) -> None:
        self.succeed(items=False)

    @rule(rounds=st.integers(1, 6), wiped=st.booleans())
    def items_succeed(self, rounds: int, wiped: bool) -> None:
        for _ in range(rounds):
            self.succeed(items=True)
        if wiped:
            self.world.vault.clear()
        for effect in list(self.world.collects):
            self.world.collect(effect)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish_fairly()


class Loser(Adversary):
    """The same on workflows in which every result has several readers, that themselves are read."""

    @initialize(plan=st.sampled_from(RICH))
    def start(self, plan: Plan) -> None:
        self.world = World(plan)
        self.world.step(self.world.command)

    @precondition(lambda self: self.world.vault)
    @rule(rounds=st.integers(1, 3))
    def all_results_are_lost_again_and_again(self, rounds: int) -> None:
        for _ in range(rounds):
            self.world.vault.clear()
            for effect in list(self.world.collects):
                self.world.collect(effect)
            for key in sorted(self.world.live, key=str):
                if key in self.world.live:
                    self.world.succeed(self.world.sent[key], keep=True)
