"""The run's turn has come in the ready line: its tasks go to the bus.

Single tasks go first, in the order in which they became ready; the items of maps share what is left evenly, from the
map on whose items the bus has waited longest. So a branch of one task does not wait for a wide map beside it.
"""

from __future__ import annotations

from headrace_coordinator.engine.inputs import Granted
from headrace_coordinator.engine.plan import Place
from headrace_coordinator.engine.standing import standing_of
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.dispatch import go
from headrace_coordinator.engine.transitions.mapping import go_on


def granted(t: Transition, grant: Granted) -> None:
    """Publish as many tasks as were granted, or as many as there are."""
    if t.run.head.state is not RunState.RUNNING:
        return
    left, place = grant.count, grant.place
    while left and (name := _first_node(t, place)) is not None:
        t.line.sent(place)
        go(t, name)
        left -= 1
    if not left or place not in t.run.line:
        return
    maps = sorted(t.run.line[place], key=lambda name: (t.node(name).queued_at_us, t.node(name).motion))
    for behind, name in enumerate(maps):
        others = len(maps) - behind
        count = min(-(-left // others), standing_of(t.plan, t.run, name).ready)
        go_on(t, name, count)
        t.rebook(name)
        left -= count


def _first_node(t: Transition, place: Place) -> str | None:
    """The node that has been ready the longest, maps aside."""
    for name in t.run.line.get(place, ()):
        if t.run.nodes[name].state is NodeState.READY:
            return name
    return None
