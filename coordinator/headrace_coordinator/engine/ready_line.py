"""The ready line of a shard: what is ready to run and not on the bus yet, and whose turn it is to go there.

What is on the bus can be neither reordered nor taken back, so only as much of each queue is there as its workers need
to be kept busy (`Capacity`); the rest waits here. There is one *lane* for each queue and priority, each with the
queue's bound: a flood of low priority cannot keep high priority from the bus, where workers ask for it first.

Whose turn it is, deficit round robin says (Shreedhar and Varghese, *Efficient Fair Queueing using Deficit Round Robin*,
1995), over the runs that wait in the lane: each turn is good for `QUANTUM` tasks, so no run that waits falls more than
that behind another. A run that has used a part of its turn and has nothing else ready keeps the rest for what its own
tasks unlock: a short run goes through in one turn.

    admit     below the bound, and nobody else waits: it goes to the bus at once, and has never been in the line
    grants    room has come up: the runs whose turn it is, and how many tasks of each

The line holds runs, not tasks: how many tasks of a run wait is a number, and which ones they are the run itself knows.
All but the order of the runs is derived from their states (`standing`) and never stored: the shell books every run when
it takes a shard over, and books anew those whose changes could not be committed. Losing the order is harmless.

Keys and caps will select among the runs of a lane in `Lane.turns`, weights and ages change the quantum of a run there,
and a pause is a bound of 0.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Mapping

from headrace_coordinator.engine.inputs import Granted
from headrace_coordinator.engine.plan import Place, queue_of
from headrace_coordinator.engine.state import Standing

QUANTUM = 8
"""Tasks in one turn of a run. More of them make fewer, larger transactions; fewer let a new run begin sooner."""
DEFAULT_LIMIT = 1_000
"""Of a queue that no worker has spoken for: foreign workers need not tell that they are there."""


class _Share:
    """A run that waits in a lane."""

    __slots__ = ("credit", "ready")

    def __init__(self) -> None:
        self.ready = 0
        self.credit = 0
        """Tasks that are left of the turn that it is in."""


class Lane:
    """A queue and priority."""

    __slots__ = ("backlog", "credits", "limit", "on_bus", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.on_bus = 0
        self.backlog = 0
        self.waiting: OrderedDict[str, _Share] = OrderedDict()
        """Runs with something ready, the next one first."""
        self.credits: dict[str, int] = {}
        """Tasks that are left of the last turn of runs that have nothing else ready."""

    @property
    def open(self) -> bool:
        """Whether somebody waits and there is room."""
        return bool(self.waiting) and self.on_bus < self.limit

    def admit(self, run_id: str, wanted: int, freed: int) -> int:
        """How many tasks of a run may go to the bus at once."""
        room = min(self.limit - self.on_bus + freed, wanted)
        if room <= 0:
            return 0
        if not self.waiting or (len(self.waiting) == 1 and run_id in self.waiting):
            return room
        credit = self.credits.get(run_id, 0)
        admitted = min(room, credit)
        if admitted:
            self.credits[run_id] = credit - admitted
        return admitted

    def turns(self, muted: Container[str] = ()) -> dict[str, int]:
        """Tasks that may go now, by run. Whoever has had its turn stands at the end of the line then."""
        room = self.limit - self.on_bus
        given: dict[str, int] = {}
        content = 0
        """Runs in a row that have got all that they wanted."""
        while room > 0 and content < len(self.waiting):
            run_id, share = next(iter(self.waiting.items()))
            wanted = 0 if run_id in muted else share.ready - given.get(run_id, 0)
            share.credit = share.credit or QUANTUM
            count = min(room, wanted, share.credit)
            content = 0 if count else content + 1
            given[run_id] = given.get(run_id, 0) + count
            share.credit -= count
            room -= count
            if room or not share.credit:
                self.waiting.move_to_end(run_id)
        return {run_id: count for run_id, count in given.items() if count}

    def stand(self, run_id: str, change: int) -> None:
        """So many more tasks of a run are ready than before, or fewer."""
        share = self.waiting.get(run_id)
        if share is None:
            share = self.waiting[run_id] = _Share()
            self.credits.pop(run_id, None)
        share.ready += change
        if not share.ready:
            del self.waiting[run_id]
            if share.credit:
                self.credits[run_id] = share.credit

    def ahead(self, run_id: str) -> int:
        """Tasks of other runs that go to the bus before the next one of a run that waits."""
        count = 0
        for other, share in self.waiting.items():
            if other == run_id:
                return count
            count += min(share.ready, share.credit or QUANTUM)
        return 0


class ReadyLine:
    """The lanes of one shard."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        """`limits`: bounds by queue, as far as they are known."""
        self._limits = dict(limits or {})
        self._muted: set[str] = set()
        self._open: dict[Place, None] = {}
        """Lanes to look at: room has come up, or somebody new waits (an ordered set)."""
        self.lanes: dict[Place, Lane] = {}

    def capacity(self, queue: str, limit: int) -> None:
        """Bound what is on the bus of a queue, for each of its priorities."""
        self._limits[queue] = limit
        for place, lane in self.lanes.items():
            if queue_of(place) == queue:
                lane.limit = limit
                if lane.open:
                    self._open[place] = None

    def admit(self, place: Place, run_id: str, wanted: int, freed: int = 0) -> int:
        """How many of the tasks that a run has ready may go to the bus at once: there is room, and they overtake
        nobody by more than what is left of the run's turn. They are to be booked before anything else is asked, with
        the `freed` tasks of the run that are not on the bus any more."""
        lane = self.lanes.get(place) or self._lane(place)
        if not lane.waiting and lane.on_bus + wanted - freed <= lane.limit:
            return wanted
        return lane.admit(run_id, wanted, freed)

    def take(self, place: Place, run_id: str) -> bool:
        """Whether one task may go to the bus at once; it is booked there then."""
        lane = self.lanes.get(place) or self._lane(place)
        if (lane.waiting or lane.on_bus >= lane.limit) and not lane.admit(run_id, 1, 0):
            return False
        lane.on_bus += 1
        return True

    def sent(self, place: Place) -> None:
        """A task that was granted goes to the bus."""
        (self.lanes.get(place) or self._lane(place)).on_bus += 1

    def ended(self, place: Place) -> None:
        """One of the tasks on the bus is over."""
        lane = self.lanes.get(place) or self._lane(place)
        lane.on_bus -= 1
        if lane.waiting and lane.on_bus < lane.limit:
            self._open[place] = None

    def book(self, place: Place, run_id: str, before: Standing, now: Standing) -> None:
        """The standing of a run, or of one of its nodes, has changed."""
        lane = self.lanes.get(place) or self._lane(place)
        lane.on_bus += now.on_bus - before.on_bus
        if now.backlog != before.backlog:
            lane.backlog += now.backlog - before.backlog
        if now.ready != before.ready:
            lane.stand(run_id, now.ready - before.ready)
        if lane.waiting and lane.on_bus < lane.limit:
            self._open[place] = None

    def mute(self, run_id: str) -> None:
        """Grant a run nothing from now on: it cannot be continued."""
        self._muted.add(run_id)

    def leave(self, run_id: str) -> None:
        """The run is over: nothing is kept for it."""
        self._muted.discard(run_id)
        for lane in self.lanes.values():
            if lane.credits:
                lane.credits.pop(run_id, None)

    def grants(self) -> list[Granted]:
        """Tasks that may go to the bus now; to be decided before anything else is asked."""
        found = []
        for place in self._open:
            turns = self.lanes[place].turns(self._muted)
            found += [Granted(run_id, place, count) for run_id, count in turns.items()]
        self._open.clear()
        return found

    def room(self) -> int:
        """How many tasks the bus takes of the lane that has most room and nobody waiting; 0 where there is none."""
        free = [lane.limit - lane.on_bus for lane in self.lanes.values() if not lane.waiting]
        return max(free, default=DEFAULT_LIMIT if not self.lanes else 0)

    def excess(self, place: Place) -> int:
        """Tasks on the bus beyond the bound, as after the fleet has shrunk."""
        lane = self.lanes.get(place)
        return 0 if lane is None else max(0, lane.on_bus - lane.limit)

    def ahead(self, run_id: str) -> dict[Place, int]:
        """For each lane in which a run waits, the tasks of other runs that go to the bus before its next one."""
        return {place: lane.ahead(run_id) for place, lane in self.lanes.items() if run_id in lane.waiting}

    def limit(self, queue: str) -> int:
        """The bound of a queue, for each of its priorities."""
        return self._limits.get(queue, DEFAULT_LIMIT)

    def _lane(self, place: Place) -> Lane:
        lane = self.lanes[place] = Lane(self.limit(queue_of(place)))
        return lane


class OpenLine(ReadyLine):
    """A line in which nobody ever waits: the bus takes everything, and nothing is counted."""

    def admit(self, place: Place, run_id: str, wanted: int, freed: int = 0) -> int:
        return wanted

    def book(self, place: Place, run_id: str, before: Standing, now: Standing) -> None:
        pass

    def take(self, place: Place, run_id: str) -> bool:
        return True

    def sent(self, place: Place) -> None:
        pass

    def ended(self, place: Place) -> None:
        pass
