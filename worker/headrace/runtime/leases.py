"""The messages that this worker holds, kept alive by one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headrace.bus import Bus, Settlement


class Leases:
    """A delivery is *held* until it is settled. The bus gives it to another worker when it has not heard of
    it for the consumer's ack wait, so every third of that a sign of life is sent for each one held that
    long."""

    def __init__(self, bus: Bus, ack_wait_s: Callable[[], float]) -> None:
        self._bus = bus
        self._ack_wait_s = ack_wait_s
        self._held: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._clock = asyncio.get_running_loop().time

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, reply: str) -> None:
        self._held[reply] = self._clock()
        if self._timer is None:
            self._schedule()

    def settle(self, reply: str, settlement: Settlement) -> None:
        if self._held.pop(reply, None) is not None:
            self._bus.settle(reply, settlement)

    def drop(self, reply: str) -> None:
        """The bus has delivered the message again: this reply subject means nothing any more."""
        self._held.pop(reply, None)

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
