"""The judge finds nothing in an honest history, and every invariant refuses what is forged against it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.store.records import DeadLetter
from headrace_protocol.codec import raw
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import LifecycleEvent, Result
from tests.faults.evidence import Evidence, Fleet, Kept, Seen
from tests.faults.honest import honest
from tests.faults.invariants import INVARIANTS, judge
from tests.faults.journal import Effect

Forgery = Callable[[Evidence], None]


def _effect(evidence: Evidence, node: str, phase: str, item: int | None = None) -> tuple[int, Effect]:
    return next(
        (index, effect)
        for index, effect in enumerate(evidence.effects)
        if (effect.node, effect.phase, effect.item) == (node, phase, item)
    )


def _change(evidence: Evidence, node: str, phase: str, item: int | None = None, **changes: object) -> None:
    index, effect = _effect(evidence, node, phase, item)
    evidence.effects[index] = msgspec.structs.replace(effect, **changes)


def _again(run: Kept, kind: str) -> None:
    """The history tells something a second time."""
    batch = next(batch for batch in run.history if batch.events[0].kind == kind)
    run.history.append(msgspec.structs.replace(batch, position=1_000))


def lost_run(evidence: Evidence) -> None:
    del evidence.runs["r-fan"]


def lost_event(evidence: Evidence) -> None:
    del evidence.runs["r-flaky"]


def failed_run(evidence: Evidence) -> None:
    evidence.runs["r-fan"].head.state = RunState.FAILED


def dead_letter(evidence: Evidence) -> None:
    error = ErrorInfo(code=ErrorCode.INTERNAL, message="boom")
    evidence.dead_letters.append(
        DeadLetter(letter_id="d", received_at_us=1, subject="hr", headers={}, body=b"", error=error)
    )


def _twin(evidence: Evidence, run_id: str) -> None:
    twin = msgspec.structs.replace(evidence.runs[run_id].head, run_id="twin")
    evidence.runs["twin"] = msgspec.structs.replace(evidence.runs[run_id], head=twin)


def event_twice(evidence: Evidence) -> None:
    _twin(evidence, "r-flaky")


def fire_time_twice(evidence: Evidence) -> None:
    _twin(evidence, "r-tick")


def command_twice(evidence: Evidence) -> None:
    _twin(evidence, "r-fan")


def outcome_twice(evidence: Evidence) -> None:
    attempts = evidence.runs["r-flaky"].attempts
    attempts.append(attempts[1])


def two_winners(evidence: Evidence) -> None:
    attempts = evidence.runs["r-fan"].attempts
    attempts.append(msgspec.structs.replace(attempts[1], attempt=2))


def fenced_winner(evidence: Evidence) -> None:
    evidence.runs["r-flaky"].nodes["stumble"].attempt = 3


def no_winner(evidence: Evidence) -> None:
    evidence.runs["r-fan"].attempts.pop(2)


def succeeded_twice(evidence: Evidence) -> None:
    _again(evidence.runs["r-flaky"], "node.succeeded")


def early_begin(evidence: Evidence) -> None:
    _, end = _effect(evidence, "first", "ok")
    _change(evidence, "stumble", "begin", at_us=end.at_us - 1)


def begin_before_the_last_item(evidence: Evidence) -> None:
    _, begin = _effect(evidence, "collect", "begin")
    _change(evidence, "item", "ok", 2, at_us=begin.at_us + 1)


def stuck(evidence: Evidence) -> None:
    evidence.runs["r-fan"].head.state = RunState.RUNNING


def no_reason(evidence: Evidence) -> None:
    evidence.seen[0] = msgspec.structs.replace(evidence.seen[0], waits=False)


def shown_otherwise(evidence: Evidence) -> None:
    evidence.seen.append(Seen(run_id="r-fan", state="cancelled", finished_at_us=1, waits=False))


def stored_otherwise(evidence: Evidence) -> None:
    evidence.runs["r-late"].head.state = RunState.CANCELLED


def went_on(evidence: Evidence) -> None:
    _again(evidence.runs["r-fan"], "node.dispatched")


def ended_twice(evidence: Evidence) -> None:
    _again(evidence.runs["r-fan"], "run.succeeded")


def heartbeat_too_full(evidence: Evidence) -> None:
    evidence.fleets.append(Fleet("w", 2, 3))


def slots_overrun(evidence: Evidence) -> None:
    evidence.slots = 2
    _, last = _effect(evidence, "item", "begin", 2)
    for item in (0, 1, 2):
        _change(evidence, "item", "ok", item, at_us=last.at_us + 1 + item)


def executed_uncommitted(evidence: Evidence) -> None:
    _, begin = _effect(evidence, "cut", "begin")
    evidence.effects.append(msgspec.structs.replace(begin, attempt=2, token="r-fan/cut//2#x"))


def executed_before_the_commit(evidence: Evidence) -> None:
    _change(evidence, "cut", "begin", at_us=1)


def executed_item_beyond(evidence: Evidence) -> None:
    _, begin = _effect(evidence, "item", "begin", 2)
    evidence.effects.append(msgspec.structs.replace(begin, item=3, token="r-fan/item/3/1#x"))


def executed_for_nobody(evidence: Evidence) -> None:
    _, begin = _effect(evidence, "cut", "begin")
    evidence.effects.append(msgspec.structs.replace(begin, run_id="nobody"))


def told_uncommitted(evidence: Evidence) -> None:
    batch = evidence.told[0]
    evidence.told.append(msgspec.structs.replace(batch, position=999))


def told_otherwise(evidence: Evidence) -> None:
    batch = evidence.told[0]
    evidence.told[0] = msgspec.structs.replace(batch, events=(LifecycleEvent(kind="run.failed", at_us=1),))


def never_confirmed(evidence: Evidence) -> None:
    evidence.unconfirmed = 1


def read_nothing_written(evidence: Evidence) -> None:
    _change(evidence, "stumble", "begin", reads=("r-flaky/first//1#ffffff",))


def read_a_loser(evidence: Evidence) -> None:
    """Two executions of an attempt: only what one of them wrote was applied."""
    _, end = _effect(evidence, "first", "ok")
    evidence.effects.append(msgspec.structs.replace(end, token="r-flaky/first//1#other"))
    _change(evidence, "stumble", "begin", reads=("r-flaky/first//1#other",))


def read_an_attempt_that_lost(evidence: Evidence) -> None:
    _, end = _effect(evidence, "first", "ok")
    evidence.effects.append(msgspec.structs.replace(end, attempt=2, token="r-flaky/first//2#other"))
    _change(evidence, "stumble", "begin", reads=("r-flaky/first//2#other",))


def read_what_it_does_not_depend_on(evidence: Evidence) -> None:
    _, end = _effect(evidence, "cut", "ok")
    _change(evidence, "stumble", "begin", reads=(end.token,))


def read_in_another_order(evidence: Evidence) -> None:
    _, begin = _effect(evidence, "collect", "begin")
    _change(evidence, "collect", "begin", reads=tuple(reversed(begin.reads)))


def other_output(evidence: Evidence) -> None:
    evidence.runs["r-fan"].head.output = Result(raw("r-fan/collect//1#other"))


def early_retry(evidence: Evidence) -> None:
    run = evidence.runs["r-flaky"]
    index, batch = next(
        (i, batch) for i, batch in enumerate(run.history) if batch.events[0].kind == "node.retrying"
    )
    event = msgspec.structs.replace(batch.events[0], data={"retry_at_us": 9_000_000})
    run.history[index] = msgspec.structs.replace(batch, events=(event,))


def early_deadline(evidence: Evidence) -> None:
    evidence.runs["r-late"].head.deadline_us = 9_000_000


def early_schedule(evidence: Evidence) -> None:
    evidence.runs["r-tick"].head.scheduled_at_us = 3_000_000


def lost_with_the_bus(evidence: Evidence) -> None:
    evidence.runs["r-flaky"].head.finished_at_us = None


FORGERIES: dict[str, tuple[Forgery, ...]] = {
    "I1": (lost_run, lost_event, failed_run, dead_letter),
    "I2": (event_twice, fire_time_twice, command_twice),
    "I3": (outcome_twice, two_winners, fenced_winner, no_winner, succeeded_twice),
    "I4": (early_begin, begin_before_the_last_item),
    "I5": (stuck, no_reason),
    "I6": (shown_otherwise, stored_otherwise, went_on, ended_twice),
    "I7": (heartbeat_too_full, slots_overrun),
    "I8": (
        executed_uncommitted,
        executed_before_the_commit,
        executed_item_beyond,
        executed_for_nobody,
        told_uncommitted,
        told_otherwise,
        never_confirmed,
    ),
    "I9": (
        read_nothing_written,
        read_a_loser,
        read_an_attempt_that_lost,
        read_what_it_does_not_depend_on,
        read_in_another_order,
        other_output,
    ),
    "I10": (early_retry, early_deadline, early_schedule),
    "I11": (lost_with_the_bus,),
}


def test_an_honest_history_passes() -> None:
    assert judge(honest()) == {}


@pytest.mark.parametrize(
    ("invariant", "forgery"),
    [
        pytest.param(name, forgery, id=f"{name}-{forgery.__name__}")
        for name, forgeries in FORGERIES.items()
        for forgery in forgeries
    ],
)
def test_a_forged_history_is_refused(invariant: str, forgery: Forgery) -> None:
    evidence = honest()
    forgery(evidence)
    assert list(INVARIANTS[invariant](evidence)), forgery.__doc__ or forgery.__name__


def test_every_invariant_is_forged() -> None:
    assert FORGERIES.keys() == INVARIANTS.keys()
