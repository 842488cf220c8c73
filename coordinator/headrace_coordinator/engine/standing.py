"""Where a run stands in the ready line, derived from its state: what is on the bus, and what waits to go there (I7)."""

from __future__ import annotations

from collections.abc import Iterator

from headrace_coordinator.engine.plan import Place, Plan
from headrace_coordinator.engine.ready_line import OpenLine, ReadyLine
from headrace_coordinator.engine.state import NOWHERE, MapState, Node, NodeState, Resting, Run, Standing

ON_BUS = Standing(on_bus=1)
READY = Standing(ready=1, backlog=1)


def standing_of(plan: Plan, run: Run, name: str) -> Standing:
    """Of one node. It is looked up, not counted: also a map's items that wait are numbers here."""
    node = run.nodes[name]
    state = node.state
    if state is NodeState.DISPATCHED:
        return ON_BUS
    if state is NodeState.READY:
        return READY
    if state is not NodeState.MAPPING or node.map is None:
        return NOWHERE
    return _of_map(plan, run, name, node.map)


def _of_map(plan: Plan, run: Run, name: str, progress: MapState) -> Standing:
    planned = plan.nodes[name]
    resting = resting_of(run, name)
    moving = len(progress.items)
    on_bus = moving - len(resting.ready) - len(resting.idle)
    for source in planned.upstream:
        if run.nodes[source].state is not NodeState.SUCCEEDED:  # a lost input is being made again
            return Standing(on_bus)
    left = progress.total - progress.next_index
    over = planned.definition.map
    room = left if over is None else max(0, min(left, over.window - moving))
    waiting = len(resting.ready)
    return Standing(on_bus, waiting + room, waiting + left)


def resting_of(run: Run, name: str) -> Resting:
    """Which of a map's items in motion are not on the bus."""
    resting = run.resting.get(name)
    if resting is None:
        resting = run.resting[name] = find_resting(run.nodes[name])
    return resting


def find_resting(node: Node) -> Resting:
    """The same, found by looking at every item."""
    items = {} if node.map is None else node.map.items
    return Resting(
        ready={index for index, item in items.items() if item.live and item.ready},
        idle={index for index, item in items.items() if not item.live},
    )


def rebook(plan: Plan, run: Run, line: ReadyLine, name: str) -> None:
    """Tell the line how a map stands now, if that has changed."""
    before = run.standing.get(name, NOWHERE)
    node = run.nodes[name]
    mapping = node.state is NodeState.MAPPING and node.map is not None
    now = _of_map(plan, run, name, node.map) if mapping and node.map is not None else NOWHERE
    if now == before:
        return
    place = plan.nodes[name].place
    if now == NOWHERE:
        del run.standing[name]
    else:
        run.standing[name] = now
    if bool(now.ready) is not bool(before.ready):
        _stand(run, place, name, waits=bool(now.ready))
    line.book(place, run.head.run_id, before, now)


def line_of_one(plan: Plan, run: Run, line: ReadyLine, name: str, *, waits: bool) -> None:
    """A single node joins or leaves the line."""
    place = plan.nodes[name].place
    _stand(run, place, name, waits=waits)
    before, now = (NOWHERE, READY) if waits else (READY, NOWHERE)
    line.book(place, run.head.run_id, before, now)


def _stand(run: Run, place: Place, name: str, *, waits: bool) -> None:
    if waits:
        run.line.setdefault(place, {})[name] = None
        return
    names = run.line[place]
    del names[name]
    if not names:
        del run.line[place]


def derive(plan: Plan, run: Run) -> None:
    """Find the standing of a run that has just been loaded."""
    unread = OpenLine()
    for name in run.active:
        state = run.nodes[name].state
        if state is NodeState.MAPPING:
            rebook(plan, run, unread, name)
        elif state is NodeState.READY:
            line_of_one(plan, run, unread, name, waits=True)


def totals(plan: Plan, run: Run) -> Iterator[tuple[Place, Standing]]:
    """How the run stands in each lane."""
    found: dict[Place, Standing] = {}
    for name in run.active:
        one = (
            run.standing.get(name, NOWHERE)
            if run.nodes[name].map is not None
            else standing_of(plan, run, name)
        )
        if one == NOWHERE:
            continue
        place = plan.nodes[name].place
        sum_ = found.get(place, NOWHERE)
        found[place] = Standing(sum_.on_bus + one.on_bus, sum_.ready + one.ready, sum_.backlog + one.backlog)
    yield from found.items()


def join(plan: Plan, run: Run, line: ReadyLine) -> None:
    """Book a run that the line does not know."""
    for place, standing in totals(plan, run):
        line.book(place, run.head.run_id, NOWHERE, standing)


def withdraw(plan: Plan, run: Run, line: ReadyLine) -> None:
    """Take a run out of the line: what it has booked was never committed."""
    for place, standing in totals(plan, run):
        line.book(place, run.head.run_id, standing, NOWHERE)
