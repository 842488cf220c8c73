"""The messages that this worker holds, kept alive by one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headrace.bus import Bus, Settlement

_TOKENS = 9
"""Of an acknowledgement subject without domain and account; see `headrace.bus.pull.as_delivery`."""


def consumer_of(reply: str) -> str:
    """The durable consumer that delivered a message, from the subject that settles it."""
    tokens = reply.split(".")
    return tokens[3 if len(tokens) == _TOKENS else 5]


def heartbeat_s(wanted_s: float, ack_wait_s: float) -> float:
    """Between two heartbeats: several of them in the time in which a worker may be silent."""
    return min(wanted_s, ack_wait_s / 4)


class Leases:
    """A delivery is *held* until it is settled. The bus gives it to another worker when it has not heard of
    it for the consumer's ack wait, so every third of that a sign of life is sent for each one held that
    long.

    A bus that has lost everything numbers its messages from the beginning again, and would take what is said of
    an old one for another's. So after the connection was gone, settlements wait until their consumer has been
    found again; those of a consumer that is not the one it was are dropped."""

    def __init__(self, bus: Bus, ack_wait_s: Callable[[], float]) -> None:
        self._bus = bus
        self._ack_wait_s = ack_wait_s
        self._held: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._clock = asyncio.get_running_loop().time
        self._known: set[str] = set()
        """Consumers that are known to be the ones that delivered what is held."""
        self._waiting: list[tuple[str, Settlement]] = []
        self.released: Callable[[str], None] = lambda _: None
        """Called with the reply subject of what is not held any more."""
        bus.on_disconnect(self._known.clear)

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, reply: str) -> None:
        self._held[reply] = self._clock()
        if self._timer is None:
            self._schedule()

    def settle(self, reply: str, settlement: Settlement) -> None:
        if self._held.pop(reply, None) is None:
            return
        self.released(reply)
        if self._bus.connected and consumer_of(reply) in self._known:
            self._bus.settle(reply, settlement)
        else:
            self._waiting.append((reply, settlement))

    def found(self, consumer: str, same: bool) -> None:
        """A consumer has been found at the bus; whether it is still the one that it was."""
        self._known.add(consumer)
        waiting = [entry for entry in self._waiting if consumer_of(entry[0]) == consumer]
        self._waiting = [entry for entry in self._waiting if consumer_of(entry[0]) != consumer]
        if same:
            for reply, settlement in waiting:
                self._bus.settle(reply, settlement)
        else:
            for reply in [reply for reply in self._held if consumer_of(reply) == consumer]:
                self.drop(reply)

    def drop(self, reply: str) -> None:
        """The bus has delivered the message again: this reply subject means nothing any more."""
        self._held.pop(reply, None)
        self.released(reply)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._held.clear()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._ack_wait_s() / 6, self._renew)

    def _renew(self) -> None:
        now = self._clock()
        due = now - self._ack_wait_s() / 6
        if self._bus.connected:
            for reply, renewed_at in self._held.items():
                if renewed_at <= due:
                    self._bus.settle(reply, Settlement.PROGRESS)
                    self._held[reply] = now
        self._schedule()
