"""Breakages of the engine's transitions."""

from __future__ import annotations

from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, outcome, redispatch, stop, unlock
from headrace_protocol.messages import (
    Outcome,
    OutcomeState,
)
from tests.simulation.mutants.registry import mutant, nothing, table

_holds_fence = outcome.holds_fence
_apply_outcome = outcome.apply
_block = unlock._block


@mutant("an outcome of any attempt of a dispatched node is applied", (outcome, "holds_fence"))
def no_attempt_fence(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    node = t.run.nodes[name]
    if item is None:
        return node.state is NodeState.DISPATCHED
    return node.map is not None and item in node.map.items and node.map.items[item].live


@mutant("an outcome that comes again is applied again", (outcome, "holds_fence"))
def outcome_applied_twice(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    node = t.run.nodes[name]
    again = item is None and node.state is NodeState.SUCCEEDED and node.attempt == attempt
    return again or _holds_fence(t, name, item, attempt)


@mutant("a late success overwrites the result", (outcome, "apply"))
def late_outcome_overwrites(t: Transition, reported: Outcome) -> None:
    late = not _holds_fence(t, reported.node, reported.item, reported.attempt)
    if late and reported.item is None and reported.state is OutcomeState.SUCCEEDED:
        t.touch(reported.node).result = reported.result
    _apply_outcome(t, reported)


@mutant("the end of a node that failed unlocks what is behind it", (unlock, "_block"))
def unlock_on_failure(t: Transition, names: list[str], because: str) -> None:
    freed = [name for name in names if t.node(name).state is NodeState.WAITING]
    for name in freed:
        t.run.remaining[name] -= 1
    unlock.ready(t, [name for name in freed if not t.run.remaining[name]])
    _block(t, [name for name in names if t.node(name).state is NodeState.WAITING], because)


table(
    "retry_beyond_max",
    "a failed attempt is always followed by another",
    (outcome, "may_retry", lambda *_: True),
)
table("cancel_ignored", "a cancel is answered and not carried out", (stop, "cancel", nothing))
table(
    "deadline_ignored",
    "a run goes on after its deadline, and its timer is used up",
    (stop, "deadline", nothing),
)
table(
    "items_stay_parked",
    "items of a map that waited for a lost input are not started again",
    (mapping, "unpark", nothing),
)


def _no_attempts(*_: object) -> list[object]:
    return []


table(
    "redispatch_misses_live_attempts",
    "publishing again after a loss believes that nothing is live",
    (redispatch, "live_attempts", _no_attempts),
)
