"""What is said of messages when the connection was gone in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.bus import Settlement
from headrace.runtime.leases import Leases, consumer_of

ONE = "$JS.ACK.HR_TASKS_n.q_high.1.1.1.1700000000.0"
TWO = "$JS.ACK.HR_TASKS_n.q_high.1.2.2.1700000000.0"
OTHER = "$JS.ACK.HR_TASKS_n.q_low.1.3.1.1700000000.0"


class Bus:
    """Remembers what was settled."""

    def __init__(self) -> None:
        self.connected = True
        self.settled: list[tuple[str, Settlement]] = []
        self._disconnected: list[Callable[[], None]] = []

    def settle(self, reply: str, settlement: Settlement) -> None:
        self.settled.append((reply, settlement))

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._disconnected.append(callback)

    def drop(self) -> None:
        for callback in self._disconnected:
            callback()


@pytest.fixture
async def bus() -> Bus:
    return Bus()


@pytest.fixture
async def leases(bus: Bus) -> Leases:
    """With all three messages held."""
    leases = Leases(bus, lambda: 1_000.0)  # type: ignore[arg-type]
    for consumer in ("q_high", "q_low"):
        leases.found(consumer, same=True)
    for reply in (ONE, TWO, OTHER):
        leases.hold(reply)
    return leases


@pytest.mark.parametrize(
    "reply", ["$JS.ACK.S.C.3.10.11.1700000000.42", "$JS.ACK._.hash.S.C.2.10.11.1700000000.9.token"]
)
def test_a_reply_names_its_consumer(reply: str) -> None:
    assert consumer_of(reply) == "C"


async def test_a_settlement_goes_out_at_once_and_once(bus: Bus, leases: Leases) -> None:
    leases.settle(ONE, Settlement.ACK)
    leases.settle(ONE, Settlement.NAK)
    assert bus.settled == [(ONE, Settlement.ACK)]


async def test_after_a_disconnect_it_waits_for_the_same_consumer(bus: Bus, leases: Leases) -> None:
    bus.drop()
    leases.settle(ONE, Settlement.ACK)
    leases.settle(OTHER, Settlement.NAK)
    leases.found("q_high", same=True)
    assert bus.settled == [(ONE, Settlement.ACK)]
    leases.settle(TWO, Settlement.ACK)
    leases.found("q_low", same=True)
    assert bus.settled == [(ONE, Settlement.ACK), (TWO, Settlement.ACK), (OTHER, Settlement.NAK)]


async def test_another_consumer_hears_nothing_of_what_was_held(bus: Bus, leases: Leases) -> None:
    bus.drop()
    leases.settle(ONE, Settlement.ACK)
    leases.found("q_high", same=False)
    leases.settle(TWO, Settlement.ACK)
    assert bus.settled == []
    leases.hold(TWO)  # it has delivered a message of its own under this number
    leases.settle(TWO, Settlement.ACK)
    assert bus.settled == [(TWO, Settlement.ACK)]
    assert len(leases) == 1


async def test_nothing_is_settled_into_a_connection_that_is_not_there(bus: Bus, leases: Leases) -> None:
    bus.connected = False
    leases.settle(ONE, Settlement.ACK)
    assert bus.settled == []
