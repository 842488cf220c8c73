"""The coordinator's pull on a connection that only remembers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from nats.js.api import ConsumerConfig

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.bus.pull import Pull
from headrace_protocol.nats import Connection
from headrace_protocol.nats.connection import Listener
from headrace_protocol.topology import Topology

SPEC = Topology("n").input_consumer(0)
BATCH = 10


class Recorded:
    """A connection whose server is the test: what it sends finds only who listens still."""

    is_connected = True

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.asking = asyncio.Event()
        self.listeners: dict[str, Listener] = {}
        self._inboxes = 0

    def new_inbox(self) -> str:
        self._inboxes += 1
        return f"_INBOX.{self._inboxes}"

    def jetstream(self) -> "Recorded":
        return self

    async def consumer_info(self, stream: str, durable: str) -> SimpleNamespace:
        await asyncio.sleep(0)
        return SimpleNamespace(config=SimpleNamespace(ack_wait=SPEC.ack_wait_s))

    async def add_consumer(self, stream: str, config: ConsumerConfig) -> None:
        await asyncio.sleep(0)

    async def listen(self, subject: str, listener: Listener) -> "_Interest":
        self.listeners[subject] = listener
        return _Interest(self, subject)

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.asked.append((msgspec.json.decode(body)["batch"], reply))
        self.asking.set()

    def answer(self, request: str, subject: str, reply: str, headers: dict[str, str] | None = None) -> None:
        """What the server sends to the inbox of a request."""
        listener = self.listeners.get(f"{request.rpartition('.')[0]}.*")
        if listener is not None:
            listener(subject, reply, headers, b"")


class _Interest:
    def __init__(self, recorded: Recorded, subject: str) -> None:
        self._recorded = recorded
        self._subject = subject

    async def unsubscribe(self) -> None:
        del self._recorded.listeners[self._subject]


class Setting:
    def __init__(self) -> None:
        self.server = Recorded()
        self.connection = 1
        self.received: list[Incoming] = []
        self.pull = Pull(
            cast("Connection", self.server), SPEC, BATCH, self.received.append, lambda: self.connection
        )

    async def request(self, number: int) -> str:
        """The inbox of a request, once it is asked."""
        while len(self.server.asked) < number:
            self.server.asking.clear()
            await asyncio.wait_for(self.server.asking.wait(), 30)
        return self.server.asked[number - 1][1]

    def deliver(self, request: str, sequence: int) -> None:
        self.server.answer(
            request, "hr.n.in.0.outcome.q", f"$JS.ACK.S.C.1.{sequence}.{sequence}.1700000000.0"
        )


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    await made.pull.start()
    yield made
    await made.pull.stop()


async def test_what_answers_a_request_from_before_is_not_lost(setting: Setting) -> None:
    """The server knows nothing of it when a pull begins again, and may be delivering just then."""
    first = await setting.request(1)
    setting.pull.again()
    await setting.request(2)
    setting.deliver(first, 1)
    assert [message.reply.split(".")[5] for message in setting.received] == ["1"]


async def test_the_end_of_a_request_from_before_changes_nothing(setting: Setting) -> None:
    first = await setting.request(1)
    setting.pull.again()
    second = await setting.request(2)
    expired = {"Status": "408", "Nats-Pending-Messages": str(BATCH)}
    setting.server.answer(first, first, "", expired)
    assert len(setting.server.asked) == 2
    setting.server.answer(second, second, "", expired)
    assert [count for count, _ in setting.server.asked] == [BATCH] * 3


async def test_a_message_is_of_the_connection_that_brought_it(setting: Setting) -> None:
    """Also where the request was kept by a connection that broke, and went out over the next one."""
    first = await setting.request(1)
    setting.connection = 2
    setting.deliver(first, 1)
    assert [message.connection for message in setting.received] == [2]


async def test_a_request_of_which_the_server_knows_nothing_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The consumer has another leader: nobody says so, but its heartbeats are missing."""
    monkeypatch.setattr("headrace_coordinator.bus.pull.LOOK_S", 0.01)
    monkeypatch.setattr("headrace_coordinator.bus.pull.SILENCE_S", 0.05)
    setting = Setting()
    await setting.pull.start()
    assert await setting.request(2)
    assert [count for count, _ in setting.server.asked][:2] == [BATCH, BATCH]
    await setting.pull.stop()


async def test_a_server_that_says_that_the_request_waits_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace_coordinator.bus.pull.LOOK_S", 0.01)
    monkeypatch.setattr("headrace_coordinator.bus.pull.SILENCE_S", 0.5)
    setting = Setting()
    await setting.pull.start()
    first = await setting.request(1)
    for _ in range(20):
        await asyncio.sleep(0.05)
        setting.server.answer(first, first, "", {"Status": "100"})
    assert len(setting.server.asked) == 1
    await setting.pull.stop()


async def test_nothing_is_heard_after_the_stop(setting: Setting) -> None:
    await setting.pull.stop()
    assert setting.server.listeners == {}
