"""The bus in memory: connections, and what rules do to messages. What streams do is the simulator's business too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from headrace.testing.loop import VirtualLoop
from headrace_coordinator.bus.memory import Connection, MemoryBus, Network, Rule
from headrace_coordinator.bus.memory.network import kind_of
from headrace_coordinator.bus.port import BusError, Incoming
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.topology import Topology

TOPOLOGY = Topology("default")
EVENT = TOPOLOGY.subjects.event("t")
OUTCOME = TOPOLOGY.subjects.input(0, "outcome", "default")


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.run_to(made.time())
    made.close()


class Site:
    """A bus whose shard is listened to."""

    def __init__(self, loop: VirtualLoop, start_us: int = 0) -> None:
        self.loop = loop
        self.network = Network(loop, start_us)
        self.bus = MemoryBus(self.network.connect("coordinator", BusError, BusError))
        self.received: list[tuple[bytes, float]] = []
        self.acknowledges = True
        loop.create_task(self._open())
        loop.run_to(0)

    async def _open(self) -> None:
        await self.bus.ensure(TOPOLOGY)
        await self.bus.consume(TOPOLOGY.input_consumer(0), 10, self._receive)

    def _receive(self, message: Incoming) -> None:
        self.received.append((message.body, self.loop.time()))
        if self.acknowledges:
            self.bus.acknowledge(message)

    def publish(self, body: bytes, message_id: str) -> asyncio.Future[int]:
        return self.bus.publish(OUTCOME, {MESSAGE_ID: message_id}, body)


def test_what_is_published_is_delivered_once_and_acknowledged(loop: VirtualLoop) -> None:
    site = Site(loop)
    first, again = site.publish(b"a", "1"), site.publish(b"a", "1")
    loop.run_to(100)
    assert site.received == [(b"a", 0.0)]
    assert (first.result(), again.result()) == (1, 1)
    assert site.network.quiet


def test_what_is_not_acknowledged_comes_again(loop: VirtualLoop) -> None:
    site = Site(loop)
    site.acknowledges = False
    site.publish(b"a", "1")
    loop.run_to(TOPOLOGY.ack_wait_s + 1)
    assert site.received == [(b"a", 0.0), (b"a", TOPOLOGY.ack_wait_s)]
    assert not site.network.quiet


def test_events_that_were_read_are_trimmed_by_age(loop: VirtualLoop) -> None:
    site = Site(loop, start_us=1_000_000)
    spec = TOPOLOGY.event_consumer()
    received: list[Incoming] = []
    bus, stream = site.bus, site.network.server.streams[spec.stream]

    def left_when_trimmed_at(before_us: int) -> list[int]:
        trimming = loop.create_task(bus.trim(spec, before_us))
        loop.run_to(loop.time() + 1)
        trimming.result()
        return list(stream.messages)

    consuming = loop.create_task(bus.consume(spec, 10, received.append))
    for moment in range(0, 40, 10):
        loop.run_to(moment)
        bus.publish(EVENT, {}, b"x")
    loop.run_to(40)
    assert consuming.done()
    assert left_when_trimmed_at(100_000_000) == [1, 2, 3, 4], "nothing is read"
    bus.acknowledge(received[0])
    bus.acknowledge(received[1])
    bus.acknowledge(received[3])
    loop.run_to(loop.time() + 1)
    assert left_when_trimmed_at(1_000_000) == [1, 2, 3, 4], "nothing is so old"
    assert left_when_trimmed_at(10_000_000) == [2, 3, 4]
    assert left_when_trimmed_at(100_000_000) == [3, 4], "one is not acknowledged"


def test_how_long_the_next_message_has_waited(loop: VirtualLoop) -> None:
    site = Site(loop, start_us=1_000_000)
    spec = TOPOLOGY.event_consumer()

    async def waits_since() -> int | None:
        await site.bus.ensure_consumer(spec)
        state = await site.bus.consumer_state(spec)
        assert state is not None
        return await site.bus.next_published_us(spec, state)

    before = loop.create_task(waits_since())
    for moment in (5, 10):
        loop.run_to(moment)
        site.bus.publish(EVENT, {}, b"x")
    loop.run_to(15)
    after = loop.create_task(waits_since())
    loop.run_to(16)
    assert (before.result(), after.result()) == (None, 6_000_000)


def test_nobody_takes_an_unknown_subject(loop: VirtualLoop) -> None:
    site = Site(loop)
    refused = site.bus.publish("hr.elsewhere.in.0.outcome.default", {}, b"a")
    loop.run_to(1)
    with pytest.raises(BusError, match="no stream"):
        refused.result()


def test_a_cut_connection_fails_what_is_under_way_and_keeps_what_is_sent(loop: VirtualLoop) -> None:
    site = Site(loop)
    reconnected: list[float] = []

    async def again() -> None:
        reconnected.append(loop.time())

    site.bus.on_reconnect(again)
    lost = site.publish(b"lost", "1")
    site.network.cut()
    site.bus.send(OUTCOME, {}, b"kept")
    refused = site.publish(b"refused", "2")
    loop.run_to(1)
    for future in (lost, refused):
        with pytest.raises(BusError):
            future.result()
    site.network.restore()
    loop.run_to(2)
    assert (b"kept", 1.0) in site.received
    assert reconnected == [1.0]


def test_a_closed_connection_says_nothing_more(loop: VirtualLoop) -> None:
    site = Site(loop)
    loop.run_until_complete(site.bus.close())
    site.bus.send(OUTCOME, {}, b"a")
    other = Connection(site.network, "other", BusError, BusError)
    other.send(OUTCOME, b"b")
    loop.run_to(1)
    assert site.received == []


@pytest.mark.parametrize(
    ("rule", "received"),
    [
        (Rule(kind="outcome", delay_s=5.0), [(b"a", 5.0), (b"b", 5.0)]),
        (Rule(kind="outcome", delay_s=5.0, times=1), [(b"b", 0.0), (b"a", 5.0)]),
        (Rule(kind="outcome", copies=1, times=1), [(b"a", 0.0), (b"a", 0.0), (b"b", 0.0)]),
        (Rule(kind="outcome", dropped=True, times=1), [(b"b", 0.0)]),
        (Rule(kind="task", dropped=True), [(b"a", 0.0), (b"b", 0.0)]),
    ],
)
def test_rules_apply_to_the_messages_they_name(
    loop: VirtualLoop, rule: Rule, received: list[tuple[bytes, float]]
) -> None:
    site = Site(loop)
    site.network.rules.append(rule)
    site.publish(b"a", "1")
    site.publish(b"b", "2")
    loop.run_to(10)
    assert sorted(site.received, key=lambda one: (one[1], one[0])) == received
    assert rule.used == (0 if rule.kind == "task" else 2 if rule.times == -1 else 1)


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        (OUTCOME, "outcome"),
        (TOPOLOGY.subjects.event("orders.placed"), "event"),
        (TOPOLOGY.subjects.log("default"), "log"),
        ("_INBOX.a.1", ""),
        ("$JS.ACK.a.b.1.1.1.0.0", ""),
    ],
)
def test_kinds_are_told_by_the_subject(subject: str, kind: str) -> None:
    assert kind_of(subject) == kind
