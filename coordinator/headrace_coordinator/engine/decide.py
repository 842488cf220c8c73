"""The one entry to the engine."""

from __future__ import annotations

from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.inputs import (
    AttemptLost,
    AttemptOverdue,
    Collected,
    Granted,
    OutcomeReceived,
    Redispatch,
    RetryRun,
    RunInput,
    TimerFired,
)
from headrace_coordinator.engine.invariants import check
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.ready_line import OpenLine, ReadyLine
from headrace_coordinator.engine.state import NodeState, Run, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import (
    granted,
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

_OPEN = OpenLine()


def decide(plan: Plan, run: Run, received: RunInput, now_us: int, line: ReadyLine = _OPEN) -> Decision:
    """Apply one input to a run, in place. What the bus has no room for joins `line`, and comes out of it by a
    `Granted` input.

    Raises InvariantBroken when the engine finds itself wrong; the run is then to be thrown away unstored.
    """
    decision = Decision()
    t = Transition(plan, run, now_us, decision, line)
    _apply(t, received)
    settle(t)
    for name in decision.touched:
        if run.nodes[name].state is NodeState.MAPPING:  # single nodes are booked as they move
            t.rebook(name)
    if run.head.state is not RunState.RUNNING:
        line.leave(run.head.run_id)
    wait = wait_of(run)
    if wait != run.head.wait:
        run.head.wait = wait
        decision.head = True
    check(plan, run, decision)
    return decision


def _apply(t: Transition, received: RunInput) -> None:
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
            if t.run.head.state is RunState.RUNNING:
                redispatch.redispatch(t, received)
        case AttemptOverdue():
            outcome.overdue(t, received)
        case AttemptLost():
            loss.lost(t, received)
        case Granted():
            granted.granted(t, received)
