"""Demand against slots, on a bus that only remembers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

import pytest

from headrace.bus.port import ConsumerFound, Delivery, Handler, Message, StreamMissing
from headrace.bus.pull import SILENCE_S, Pull, as_delivery
from headrace_protocol.definition import Priority
from headrace_protocol.topology import ConsumerSpec, Topology

TOPOLOGY = Topology("test")


class Recorded:
    """A bus whose server is the test."""

    connected = True
    idle_heartbeat_s = 0.0

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, bool, str]] = []
        self.handlers: dict[str, Handler] = {}
        self.missing = False
        self.consumer = "first"
        self.made = asyncio.Event()
        self.reconnect: Callable[[], Awaitable[None]] | None = None
        self._inboxes = 0

    def inbox(self) -> str:
        self._inboxes += 1
        return f"_INBOX.{self._inboxes}"

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        wanted = json.loads(body)
        self.asked.append((subject.rsplit("_", 1)[1], wanted["batch"], "no_wait" in wanted, reply))

    async def ensure_consumer(self, spec: ConsumerSpec) -> ConsumerFound:
        if self.missing:
            raise StreamMissing(spec.stream)
        return ConsumerFound(5.0, self.consumer)

    async def subscribe(self, subject: str, handler: Handler) -> "Recorded":
        self.handlers[subject] = handler
        self.made.set()
        return self

    async def unsubscribe(self) -> None:
        return None

    async def drain(self) -> None:
        return None

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self.reconnect = callback


class Fleet:
    """A pull over three priorities of one queue."""

    def __init__(self, slots: int, queues: tuple[str, ...] = ("q",), heartbeat_s: float = 0.0) -> None:
        self.bus = Recorded()
        self.bus.idle_heartbeat_s = heartbeat_s
        self.slots = slots
        self.held: list[Delivery] = []
        self.refused: list[Delivery] = []
        self.inboxes: dict[str, str] = {}
        consumers = [
            (rank, TOPOLOGY.task_consumer(queue, priority))
            for rank, priority in enumerate((Priority.HIGH, Priority.NORMAL, Priority.LOW))
            for queue in queues
        ]
        self.pull = Pull(
            self.bus,  # type: ignore[arg-type]
            consumers,
            lambda: self.slots - len(self.held),
            self.held.append,
            self.refused.append,
        )
        self.pull.start()

    async def asked(self) -> list[tuple[str, int, bool]]:
        """What was asked since the last call; hot requests are marked."""
        for _ in range(20):
            await asyncio.sleep(0)
        asked, self.bus.asked = self.bus.asked, []
        self.inboxes |= {name: reply for name, _, _, reply in asked}
        return [(name, batch, hot) for name, batch, hot, _ in asked]

    def deliver(self, name: str, pending: int) -> None:
        reply = f"$JS.ACK.HR_TASKS_test.q_{name}.1.7.7.1700000000.{pending}"
        self.bus.handlers[self.inboxes[name]](Message(f"hr.test.task.q.{name}", b"", None, reply))

    def end(self, name: str, status: str, description: str = "") -> None:
        inbox = self.inboxes[name]
        headers = {"Status": status, "Description": description}
        self.bus.handlers[inbox](Message(inbox, b"", headers, ""))


PARKED = [("high", 1, False), ("normal", 1, False), ("low", 1, False)]


@pytest.mark.parametrize(
    ("reply", "count", "pending"),
    [
        ("$JS.ACK.S.C.3.10.11.1700000000.42", 3, 42),
        ("$JS.ACK._.hash.S.C.2.10.11.1700000000.9.token", 2, 9),
        ("$JS.ACK.domain.hash.S.C.1.10.11.1700000000.0", 1, 0),
    ],
)
def test_metadata(reply: str, count: int, pending: int) -> None:
    delivery = as_delivery(Message("s", b"", None, reply))
    assert (delivery.count, delivery.pending) == (count, pending)


async def test_an_idle_worker_parks_one_request_everywhere() -> None:
    fleet = Fleet(10)
    assert await fleet.asked() == PARKED
    assert fleet.pull.ack_wait_s == 5.0


async def test_a_delivery_renews_its_request() -> None:
    fleet = Fleet(10)
    await fleet.asked()
    fleet.deliver("normal", 0)
    assert await fleet.asked() == [("normal", 1, False)]


async def test_a_backlog_fills_the_slots() -> None:
    fleet = Fleet(10)
    await fleet.asked()
    fleet.deliver("normal", 500)
    assert await fleet.asked() == [("normal", 9, True)]
    for left in range(9):
        fleet.deliver("normal", 499 - left)
    assert await fleet.asked() == []
    del fleet.held[:3]
    fleet.pull.refill()
    assert await fleet.asked() == [("normal", 3, True)]


async def test_a_small_backlog_is_asked_for_exactly() -> None:
    fleet = Fleet(10)
    await fleet.asked()
    fleet.deliver("low", 2)
    assert await fleet.asked() == [("low", 2, True)]
    fleet.deliver("low", 1)
    fleet.deliver("low", 0)
    assert await fleet.asked() == [("low", 1, False)]


async def test_what_others_took_is_not_waited_for() -> None:
    fleet = Fleet(4)
    await fleet.asked()
    fleet.deliver("normal", 50)
    assert await fleet.asked() == [("normal", 3, True)]
    fleet.end("normal", "404")
    assert await fleet.asked() == [("normal", 1, False)]


async def test_a_consumer_is_asked_once_at_a_time() -> None:
    """The server ends a hot request without saying how much of it is left: what else was asked could not be told."""
    fleet = Fleet(4)
    await fleet.asked()
    fleet.deliver("normal", 9)
    assert await fleet.asked() == [("normal", 3, True)]
    fleet.deliver("normal", 8)
    del fleet.held[:]
    fleet.pull.refill()
    assert await fleet.asked() == []
    fleet.end("normal", "404", "No Messages")
    assert await fleet.asked() == [("normal", 1, False)]
    fleet.deliver("normal", 0)
    assert await fleet.asked() == [("normal", 1, False)]


async def test_one_hot_request_at_a_time_keeps_slots_from_lower_ranks() -> None:
    fleet = Fleet(4)
    await fleet.asked()
    fleet.deliver("high", 50)
    assert await fleet.asked() == [("high", 3, True)]
    fleet.deliver("low", 50)
    assert len(fleet.held) == 2
    fleet.deliver("high", 48)
    fleet.deliver("high", 47)
    assert (len(fleet.held), await fleet.asked()) == (4, [])
    del fleet.held[1:]
    fleet.pull.refill()
    assert await fleet.asked() == []
    fleet.deliver("high", 46)
    assert await fleet.asked() == [("high", 2, True)]


async def test_a_hot_request_that_is_not_answered_does_not_keep_its_slots_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet(4)
    await fleet.asked()
    fleet.deliver("high", 50)
    assert await fleet.asked() == [("high", 3, True)]
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    looks = ((SILENCE_S - 1, []), (SILENCE_S + 1, []), (SILENCE_S + 2, [("high", 1, False)]))
    for late_s, again in looks:
        monkeypatch.setattr(loop, "time", lambda late_s=late_s: asked_at + late_s)
        fleet.pull.check()
        assert await fleet.asked() == again


async def test_an_answer_that_could_not_be_read_in_time_is_no_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop was held up."""
    fleet = Fleet(4)
    await fleet.asked()
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    for late_s in (100, 200, 300):
        monkeypatch.setattr(loop, "time", lambda late_s=late_s: asked_at + late_s)
        fleet.pull.check()
        assert await fleet.asked() == []
        for name in ("high", "normal", "low"):
            fleet.end(name, "408", "Request Timeout")
        assert await fleet.asked() == PARKED


async def test_a_parked_request_of_which_the_server_knows_nothing_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The consumer has another leader: nobody says so, but its heartbeats are missing."""
    fleet = Fleet(4, heartbeat_s=3.0)
    await fleet.asked()
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    for late_s in (3, 6, 9):
        monkeypatch.setattr(loop, "time", lambda late_s=late_s: asked_at + late_s)
        for name in ("high", "low"):
            fleet.end(name, "100", "Idle Heartbeat")
        fleet.pull.check()
        fleet.pull.check()
    assert await fleet.asked() == [("normal", 1, False)]


async def test_what_arrives_without_a_slot_is_refused() -> None:
    fleet = Fleet(1)
    await fleet.asked()
    fleet.deliver("normal", 0)
    fleet.deliver("high", 0)
    assert len(fleet.held) == 1
    assert len(fleet.refused) == 1
    assert await fleet.asked() == []
    fleet.held.clear()
    fleet.pull.refill()
    assert await fleet.asked() == [("high", 1, True)]


async def test_a_lower_rank_waits_while_a_higher_one_has_a_backlog() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    fleet.deliver("high", 100)
    fleet.deliver("low", 100)
    assert await fleet.asked() == []
    fleet.held.pop()
    fleet.pull.refill()
    assert await fleet.asked() == [("high", 1, True)]


async def test_parked_requests_that_expire_are_repeated() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    fleet.end("low", "408", "Request Timeout")
    assert await fleet.asked() == [("low", 1, False)]


async def test_a_consumer_that_is_gone_is_made_again() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    old = fleet.inboxes["high"]
    fleet.end("high", "409", "Consumer Deleted")
    assert await fleet.asked() == [("high", 1, False)]
    assert fleet.inboxes["high"] != old


async def test_a_reconnect_asks_for_everything_again() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    assert fleet.bus.reconnect is not None
    await fleet.bus.reconnect()
    assert sorted(await fleet.asked()) == sorted(PARKED)


async def test_two_reconnects_in_a_row_bring_consumers_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the first one's answers come in the moment of the second: `wait_for` loses the cancellation then."""
    fleet = Fleet(2)
    await fleet.asked()
    answers: list[asyncio.Future[None]] = []

    async def ensure_consumer(spec: ConsumerSpec) -> ConsumerFound:
        answers.append(asyncio.get_running_loop().create_future())
        await asyncio.wait_for(answers[-1], 60)
        return ConsumerFound(5.0, "first")

    monkeypatch.setattr(fleet.bus, "ensure_consumer", ensure_consumer)
    assert fleet.bus.reconnect is not None
    await fleet.bus.reconnect()
    await asyncio.sleep(0)
    first = [*answers]
    for answer in first:
        answer.set_result(None)
    await fleet.bus.reconnect()
    await asyncio.sleep(0)
    for answer in answers[len(first) :]:
        answer.set_result(None)
    assert sorted(await fleet.asked()) == sorted(PARKED)


async def test_a_consumer_that_was_made_anew_is_told_from_the_one_before() -> None:
    fleet = Fleet(2)
    found: list[tuple[str, bool]] = []
    fleet.pull.found = lambda name, same: found.append((name, same))
    assert fleet.bus.reconnect is not None
    for consumer, same in (("first", True), ("first", True), ("second", False), ("second", True)):
        fleet.bus.consumer = consumer
        await fleet.bus.reconnect()
        await fleet.asked()
        assert sorted(found) == [("q_high", same), ("q_low", same), ("q_normal", same)]
        found.clear()


async def test_what_is_held_at_the_end_can_be_settled_after_a_reconnect_too() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    fleet.pull.stop()
    found: list[str] = []
    fleet.pull.found = lambda name, same: found.append(name)
    assert fleet.bus.reconnect is not None
    await fleet.bus.reconnect()
    assert sorted(found) == ["q_high", "q_low", "q_normal"]
    assert await fleet.asked() == []


async def test_queues_share_a_backlog() -> None:
    fleet = Fleet(9, ("q", "r"))
    assert len(await fleet.asked()) == 6


async def test_after_stop_everything_is_refused() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    fleet.pull.stop()
    fleet.deliver("high", 3)
    assert (len(fleet.held), len(fleet.refused)) == (0, 1)
    assert await fleet.asked() == []


CODE = TOPOLOGY.task_consumer("q", Priority.NORMAL, "c0de")


async def test_a_consumer_that_is_added_is_asked_until_nothing_has_come_for_a_while() -> None:
    fleet = Fleet(2)
    await fleet.asked()
    fleet.pull.add(1, CODE)
    fleet.pull.add(1, CODE)
    assert await fleet.asked() == [("c0de", 1, False)]
    fleet.deliver("c0de", 0)
    assert len(fleet.held) == 1
    assert await fleet.asked() == [("c0de", 1, False)]
    fleet.end("c0de", "408", "Request Timeout")
    assert await fleet.asked() == []
    fleet.pull.add(1, CODE)
    assert await fleet.asked() == [("c0de", 1, False)]


async def test_a_pull_that_is_narrowed_refuses_all_but_what_it_keeps() -> None:
    fleet = Fleet(2)
    fleet.pull.add(1, CODE)
    await fleet.asked()
    await fleet.pull.narrow(lambda spec: spec.inactive_s > 0)
    fleet.deliver("normal", 3)
    assert (len(fleet.held), len(fleet.refused)) == (0, 1)
    fleet.deliver("c0de", 3)
    assert (len(fleet.held), len(fleet.refused)) == (1, 1)
    assert await fleet.asked() == [("c0de", 1, True)]
