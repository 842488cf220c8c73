"""The one entry to the engine."""

from __future__ import annotations

from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.inputs import (
    AttemptLost,
    AttemptOverdue,
    Collected,
    OutcomeReceived,
    Redispatch,
    RetryRun,
    RunInput,
    TimerFired,
)
from headrace_coordinator.engine.invariants import check
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import (
    loss,
    outcome,
    recover,
    redispatch,
    retry_run,
    start,
    stop,
    timer,
)
from headrace_coordinator.engine.transitions.finish import settle
from headrace_coordinator.engine.wait import wait_of
from headrace_protocol.messages import CancelRun, StartRun


def decide(plan: Plan, run: Run, received: RunInput, now_us: int) -> Decision:
    """Apply one input to a run, in place.

    Raises InvariantBroken when the engine finds itself wrong; the run is then to be thrown away unstored.
    """
    decision = Decision()
    t = Transition(plan, run, now_us, decision)
    match received:
        case StartRun():
            start.start(t)
        case OutcomeReceived(outcome=reported):
            outcome.apply(t, reported)
        case TimerFired(key=key):
            timer.fired(t, key)
        case CancelRun():
            stop.cancel(t, received)
        case RetryRun():
            retry_run.retry_run(t, received)
        case Collected():
            recover.collected(t, received)
        case Redispatch():
            if run.head.state is RunState.RUNNING:
                redispatch.redispatch(t, received)
        case AttemptOverdue():
            outcome.overdue(t, received)
        case AttemptLost():
            loss.lost(t, received)
    settle(t)
    wait = wait_of(run)
    if wait != run.head.wait:
        run.head.wait = wait
        decision.head = True
    check(plan, run, decision)
    return decision
