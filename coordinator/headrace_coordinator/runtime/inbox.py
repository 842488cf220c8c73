"""What has arrived at a shard and is not decided yet, and in which order it is taken up.

Outcomes and commands go before events: they end what has begun, and make room for what is new. Between two slices of
them goes a slice of events, so that neither waits for all of the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from headrace_coordinator.runtime.envelope import Envelope

SLICE = 64
"""Inputs of either kind that are decided before the loop is let go on, which may have a flight to land."""
LEAST_EVENTS = 16
"""Of a slice of events, however full the ready line is."""


class Inbox:
    """Two lines: events, and everything else."""

    def __init__(self) -> None:
        self._first: deque[Envelope] = deque()
        self._events: deque[Envelope] = deque()
        self._arrived = 0

    def __len__(self) -> int:
        return len(self._first) + len(self._events)

    def __iter__(self) -> Iterator[Envelope]:
        yield from self._first
        yield from self._events

    def put(self, envelope: Envelope) -> None:
        self._arrived += 1
        envelope.arrival = self._arrived
        self._line_of(envelope).append(envelope)

    def put_back(self, envelopes: list[Envelope]) -> None:
        """The first ones again: they were taken, and are not committed."""
        for envelope in reversed(envelopes):
            self._line_of(envelope).appendleft(envelope)

    def take(self, room: int) -> list[Envelope]:
        """The next ones: a slice of each kind, and the rest of the envelope that completes it.

        `room` is how many tasks the bus takes at once. Where it takes none, new runs would only join the ready line,
        so what has begun goes before them.
        """
        taken = _slice(self._first, SLICE)
        events = min(SLICE, max(LEAST_EVENTS, room)) if taken else SLICE
        while self._events and events > 0:
            if self._events[0].after_all and self._first and self._first[0].arrival < self._events[0].arrival:
                break
            taken.append(self._events.popleft())
            events -= taken[-1].weight
        return taken

    def _line_of(self, envelope: Envelope) -> deque[Envelope]:
        return self._events if envelope.is_event or envelope.after_all else self._first


def _slice(line: deque[Envelope], inputs: int) -> list[Envelope]:
    taken = []
    while line and inputs > 0:
        taken.append(line.popleft())
        inputs -= taken[-1].weight
    return taken
