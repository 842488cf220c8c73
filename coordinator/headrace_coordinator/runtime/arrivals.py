"""Who is told that something was committed: of which kind, not what. Readers look into the store then.

Numbers of every kind grow in the order of commits, so whoever reads behind the last number that it has seen misses
nothing, and need not be told of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from headrace_coordinator.store.records import Transaction


class Arrival(StrEnum):
    """What only grows."""

    HISTORY = "history"
    LOGS = "logs"
    EVENTS = "events"
    DEAD_LETTERS = "dead_letters"


Listener = Callable[[Arrival], None]


class Arrivals:
    """Called back on the loop, after each commit."""

    def __init__(self) -> None:
        self._listeners: dict[int, Listener] = {}
        self._next = 0

    def committed(self, transaction: Transaction) -> None:
        if not self._listeners:
            return
        found = [kind for kind in Arrival if getattr(transaction, kind)]
        for listener in tuple(self._listeners.values()):
            for kind in found:
                listener(kind)

    @contextmanager
    def listen(self, listener: Listener) -> Iterator[None]:
        """Tell of what is committed from now on."""
        self._next += 1
        number = self._next
        self._listeners[number] = listener
        try:
            yield
        finally:
            del self._listeners[number]
