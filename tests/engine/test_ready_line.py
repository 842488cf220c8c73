"""The ready line by itself, with many runs: it shares evenly, keeps to the bound, loses nothing and never idles."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from headrace_coordinator.engine.inputs import Granted
from headrace_coordinator.engine.ready_line import DEFAULT_LIMIT, QUANTUM, Lane, ReadyLine
from headrace_coordinator.engine.state import NOWHERE, Standing

PLACES = ("default.normal", "default.low", "gpu.normal")
picks = st.integers(0, 1_000)
Seat = tuple[str, str]
"""Place and run."""


class Crowd(RuleBasedStateMachine):
    """Runs that come with tasks, have them done, want more of them and give up."""

    def __init__(self) -> None:
        super().__init__()
        self.line = ReadyLine()
        self.limits = {"default": DEFAULT_LIMIT, "gpu": DEFAULT_LIMIT}
        self.seats: dict[Seat, Standing] = {}
        self.runs = 0
        self.wanted = self.sent = self.dropped = 0
        self.lead: dict[tuple[Seat, Seat], tuple[int, int, int]] = {}
        """How far one is ahead of the other since both wait: now, at least, at most."""
        self.turn: Counter[Seat] = Counter()
        """Tasks that have gone since then was last looked at."""

    @initialize(limit=st.integers(1, 12))
    def start(self, limit: int) -> None:
        self.fleet_changes("default", limit)
        self.fleet_changes("gpu", 3)

    @rule(place=st.sampled_from(PLACES), tasks=st.sampled_from([1, 1, 2, 7, 8, 9, 40]))
    def run_comes(self, place: str, tasks: int) -> None:
        self.runs += 1
        self.more_is_ready((place, f"r{self.runs}"), tasks)

    @precondition(lambda self: self.seats)
    @rule(pick=picks, tasks=st.integers(1, 10))
    def run_wants_more(self, pick: int, tasks: int) -> None:
        self.more_is_ready(self.any_seat(pick), tasks)

    @precondition(lambda self: any(seat.on_bus for seat in self.seats.values()))
    @rule(picked=st.lists(picks, min_size=1, max_size=9), unlocks=st.booleans())
    def tasks_end(self, picked: list[int], unlocks: bool) -> None:
        """Several in one turn; what they unlock is ready before the line lets anybody go."""
        for pick in picked:
            busy = [key for key, standing in self.seats.items() if standing.on_bus]
            if busy:
                seat = busy[pick % len(busy)]
                self.move(seat, on_bus=-1)
                if unlocks:
                    self.ask(seat, 1)
        self.let_go()

    @precondition(lambda self: self.seats)
    @rule(pick=picks)
    def run_is_cancelled(self, pick: int) -> None:
        place, run_id = seat = self.any_seat(pick)
        before = self.seats.pop(seat)
        self.dropped += before.ready
        self.line.book(place, run_id, before, NOWHERE)
        self.line.leave(run_id)
        assert run_id not in self.line.lanes[place].waiting
        self.let_go()

    @rule(queue=st.sampled_from(["default", "gpu"]), limit=st.integers(1, 30))
    def fleet_changes(self, queue: str, limit: int) -> None:
        self.limits[queue] = limit
        self.line.capacity(queue, limit)
        self.let_go()

    # -- what the engine does ----------------------------------------------------------------------

    def any_seat(self, pick: int) -> Seat:
        return list(self.seats)[pick % len(self.seats)]

    def more_is_ready(self, seat: Seat, tasks: int) -> None:
        self.ask(seat, tasks)
        self.let_go()

    def ask(self, seat: Seat, tasks: int) -> None:
        self.wanted += tasks
        rest = self.seats.get(seat, NOWHERE).ready
        admitted = 0 if rest else self.line.admit(*seat, tasks)
        self.move(seat, on_bus=admitted, ready=tasks - admitted)
        self.served(seat, admitted)

    def move(self, seat: Seat, *, on_bus: int = 0, ready: int = 0) -> None:
        before = self.seats.get(seat, NOWHERE)
        now = Standing(before.on_bus + on_bus, before.ready + ready, before.backlog + ready)
        self.seats[seat] = now
        self.line.book(*seat, before, now)
        if now == NOWHERE:
            del self.seats[seat]

    def let_go(self) -> None:
        self.watch()
        while grants := self.line.grants():
            for grant in grants:
                self.granted(grant)
        self.watch()
        for place, lane in self.line.lanes.items():
            assert not lane.open, f"{place} has room and somebody waits"

    def granted(self, grant: Granted) -> None:
        seat = (grant.place, grant.run_id)
        assert 0 < grant.count <= self.seats[seat].ready, "granted what nobody wants"
        self.served(seat, grant.count)
        self.move(seat, on_bus=grant.count, ready=-grant.count)

    # -- what must hold ----------------------------------------------------------------------------

    def served(self, seat: Seat, count: int) -> None:
        if not count:
            return
        self.sent += count
        on_bus = sum(standing.on_bus for key, standing in self.seats.items() if key[0] == seat[0])
        assert on_bus <= self.limits[seat[0].partition(".")[0]], "more on the bus than its bound"
        self.turn[seat] += count

    def watch(self) -> None:
        """Pairs that both wait, and have done so without a break."""
        for pair, (before, least, most) in list(self.lead.items()):
            if all(self.seats.get(seat, NOWHERE).ready for seat in pair):
                now = before + self.turn[pair[0]] - self.turn[pair[1]]
                lowest, highest = min(least, now), max(most, now)
                self.lead[pair] = (now, lowest, highest)
                assert highest - lowest <= QUANTUM, f"{pair}: one is {highest - lowest} ahead"
        self.turn.clear()
        waiting = [key for key, standing in self.seats.items() if standing.ready]
        pairs = [(one, other) for one, other in combinations(waiting, 2) if one[0] == other[0]]
        self.lead = {pair: self.lead.get(pair, (0, 0, 0)) for pair in pairs}

    def teardown(self) -> None:
        for place in PLACES:
            seats = {key: standing for key, standing in self.seats.items() if key[0] == place}
            lane = self.line.lanes.get(place) or Lane(1)
            assert lane.on_bus == sum(one.on_bus for one in seats.values())
            assert lane.backlog == sum(one.ready for one in seats.values())
        for _ in range(100_000):
            busy = [key for key, standing in self.seats.items() if standing.on_bus]
            if not busy:
                break
            self.move(busy[0], on_bus=-1)
            self.let_go()
        assert not self.seats, "somebody waits for ever"
        assert self.wanted == self.sent + self.dropped, "tasks are lost, or went twice"


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(
    max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)


def standing(ready: int) -> Standing:
    return Standing(ready=ready, backlog=ready)


def test_a_run_behind_a_wide_map_is_next_but_one_turn() -> None:
    line = ReadyLine({"q": 10})
    line.book("q.normal", "map", NOWHERE, Standing(on_bus=10, ready=4_000, backlog=4_000))
    line.book("q.normal", "small", NOWHERE, standing(10))
    assert line.ahead("small") == {"q.normal": QUANTUM}
    assert line.grants() == []
    line.book("q.normal", "map", Standing(10, 4_000, 4_000), Standing(0, 4_000, 4_000))
    assert line.grants() == [Granted("map", "q.normal", 8), Granted("small", "q.normal", 2)]


def test_a_short_run_goes_through_in_one_turn() -> None:
    """What is left of its turn is for what its own tasks unlock."""
    line = ReadyLine({"q": 1})
    line.book("q.normal", "wide", NOWHERE, Standing(on_bus=1, ready=100, backlog=100))
    line.book("q.normal", "chain", NOWHERE, standing(1))
    line.book("q.normal", "wide", Standing(1, 100, 100), standing(92))
    assert line.grants() == [Granted("wide", "q.normal", 1)]
    line.lanes["q.normal"].waiting.move_to_end("wide")
    line.capacity("q", 2)
    assert line.grants() == [Granted("chain", "q.normal", 1), Granted("wide", "q.normal", 1)]
    line.book("q.normal", "chain", standing(1), Standing(on_bus=1))
    line.book("q.normal", "wide", standing(92), Standing(1, 91, 91))
    for _ in range(QUANTUM - 1):
        line.book("q.normal", "chain", Standing(on_bus=1), NOWHERE)
        assert line.admit("q.normal", "chain", 1) == 1
        line.book("q.normal", "chain", NOWHERE, Standing(on_bus=1))
    line.book("q.normal", "chain", Standing(on_bus=1), NOWHERE)
    assert line.admit("q.normal", "chain", 1) == 0, "its turn is over"


def test_priorities_do_not_take_each_others_room() -> None:
    line = ReadyLine({"q": 2})
    line.book("q.low", "flood", NOWHERE, Standing(on_bus=2, ready=50, backlog=50))
    assert line.admit("q.high", "urgent", 5) == 2


@pytest.mark.parametrize("tasks", [1, 1_000_000])
def test_a_run_takes_as_much_room_in_the_line_whatever_it_has_ready(tasks: int) -> None:
    line = ReadyLine({"q": 0})
    line.book("q.normal", "r", NOWHERE, standing(tasks))
    lane = line.lanes["q.normal"]
    assert (len(lane.waiting), lane.backlog) == (1, tasks)
