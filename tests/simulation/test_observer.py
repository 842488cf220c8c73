"""Forged histories: what no mutant brings about within its seeds, the observer must notice all the same."""

from __future__ import annotations

import pytest

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.store.memory_tables import Tables
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.messages import Outcome, OutcomeBatch, OutcomeState
from tests.simulation.observer import IN_HAND_S, Observer

KEY = ("run", "node", None)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def lost_after(told_s: float | None, state: OutcomeState, *, forgotten: bool = False) -> list[str]:
    """What the observer says of an attempt that is charged as lost so long after its outcome was on the bus."""
    clock = Clock()
    observer = Observer(Tables(), clock, lambda: None)
    if told_s is not None:
        outcome = Outcome(
            run_id="run", node="node", attempt=1, state=state, started_at_us=1, finished_at_us=2, worker="w"
        )
        observer.stored(
            "hr.default.in.0.outcome.default", headers.make(), encode(OutcomeBatch(outcomes=(outcome,)))
        )
        clock.now_s = told_s
    if forgotten:
        observer.bus_forgets()
    record = AttemptRecord(
        run_id="run",
        node="node",
        item=None,
        attempt=1,
        state="lost",
        queued_at_us=0,
        started_at_us=1,
        finished_at_us=2,
        worker="w",
    )
    observer._ended(record, {KEY: 1})
    return [str(breach) for breach in observer.breaches]


def test_an_end_that_was_told_is_not_a_loss() -> None:
    (breach,) = lost_after(2 * IN_HAND_S, OutcomeState.SUCCEEDED)
    assert breach.startswith("lost: ")
    assert "its end was told 2.0 s before" in breach


@pytest.mark.parametrize(
    ("told_s", "state", "forgotten"),
    [
        (None, OutcomeState.SUCCEEDED, False),
        (IN_HAND_S / 2, OutcomeState.FAILED, False),
        (9.0, OutcomeState.RETURNED, False),
        (9.0, OutcomeState.SUCCEEDED, True),
    ],
    ids=["nobody told", "told while it was decided", "returned", "the bus has forgotten it"],
)
def test_a_loss_is_allowed(told_s: float | None, state: OutcomeState, forgotten: bool) -> None:
    assert not lost_after(told_s, state, forgotten=forgotten)
