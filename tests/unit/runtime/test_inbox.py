"""Events and everything else take turns; neither waits for all of the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.engine.inputs import Redispatch, RunInput
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.inbox import LEAST_EVENTS, SLICE, Inbox

PLENTY = 1_000


def commands(count: int = 1) -> Envelope:
    inputs: tuple[RunInput, ...] = tuple(Redispatch("run", attempts=()) for _ in range(count))
    return Envelope(inputs=inputs)


def event() -> Envelope:
    envelope = commands()
    envelope.conclude = lambda turn, replies: None
    return envelope


def filled(*envelopes: Envelope) -> Inbox:
    inbox = Inbox()
    for envelope in envelopes:
        inbox.put(envelope)
    return inbox


def numbers(taken: list[Envelope]) -> list[int]:
    return [envelope.arrival for envelope in taken]


def test_commands_go_before_the_events_that_came_before_them() -> None:
    inbox = filled(event(), commands(), event(), commands())
    assert numbers(inbox.take(PLENTY)) == [2, 4, 1, 3]
    assert len(inbox) == 0


@pytest.mark.parametrize(
    ("room", "events"), [(PLENTY, SLICE), (40, 40), (LEAST_EVENTS - 1, LEAST_EVENTS), (0, LEAST_EVENTS)]
)
def test_beside_outcomes_so_many_events_as_there_is_room_for(room: int, events: int) -> None:
    inbox = filled(*(event() for _ in range(200)), commands())
    assert len(inbox.take(room)) == 1 + events


def test_alone_events_need_no_room() -> None:
    """The runs that they start are to be seen, although nobody can work on them."""
    assert len(filled(*(event() for _ in range(200))).take(0)) == SLICE


def test_events_are_taken_up_during_a_flood_of_outcomes() -> None:
    inbox = filled(*(commands() for _ in range(10_000)), event())
    assert 10_001 in numbers(inbox.take(0))


def test_outcomes_are_taken_up_during_a_flood_of_events() -> None:
    inbox = filled(*(event() for _ in range(10_000)), commands())
    assert numbers(inbox.take(PLENTY))[0] == 10_001


def test_a_slice_ends_with_the_envelope_that_completes_it() -> None:
    inbox = filled(commands(SLICE - 1), commands(SLICE), commands())
    assert numbers(inbox.take(PLENTY)) == [1, 2]


def test_what_comes_after_all_waits_for_both_lines() -> None:
    barrier = Envelope(after_all=True)
    inbox = filled(*(commands() for _ in range(SLICE + 1)), event(), barrier, commands())
    assert barrier not in inbox.take(PLENTY)
    assert inbox.take(PLENTY)[-1] is barrier


def test_what_is_put_back_is_taken_again_in_its_order() -> None:
    inbox = filled(*(commands() for _ in range(SLICE + 1)), *(event() for _ in range(SLICE + 1)))
    taken = inbox.take(PLENTY)
    inbox.put_back(taken)
    assert inbox.take(PLENTY) == taken


@given(
    st.lists(st.sampled_from(["event", "command", "after_all"]), max_size=300),
    st.lists(st.integers(0, 100), min_size=1),
)
def test_nothing_is_lost_or_doubled(kinds: list[str], rooms: list[int]) -> None:
    """And what comes after all comes after all."""
    made = {"event": event, "command": commands, "after_all": lambda: Envelope(after_all=True)}
    inbox = filled(*(made[kind]() for kind in kinds))
    taken: list[int] = []
    while len(inbox):
        got = numbers(inbox.take(rooms[len(taken) % len(rooms)]))
        assert got
        taken += got
    assert sorted(taken) == list(range(1, len(kinds) + 1))
    for place, number in enumerate(taken):
        if kinds[number - 1] == "after_all":
            assert set(taken[: place + 1]) >= set(range(1, number + 1))
