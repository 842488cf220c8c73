"""Connections to the server in memory.

A connection is *up* or *cut*, until it is closed. What is sent while it is cut is kept and goes out when it is up
again, as nats-py does it; a publish that has not been acknowledged when it is cut fails.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context

import msgspec

from headrace_coordinator.bus.memory.server import Server
from headrace_coordinator.bus.memory.streams import Headers
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.topology import MAX_PAYLOAD_BYTES

Receiver = Callable[[str, bytes, Headers, str], None]
"""Subject, body, headers, reply."""
ALWAYS = -1


class Rule(msgspec.Struct, kw_only=True):
    """What happens to messages of one kind on their way to the server."""

    kind: str
    """`outcome`, `task`, `event` or `log`."""
    delay_s: float = 0.0
    copies: int = 0
    """Sent again that many times, without the id by which the stream would notice."""
    dropped: bool = False
    times: int = ALWAYS
    """Messages that it still applies to."""
    used: int = 0


class _Refusal(msgspec.Struct):
    description: str = ""


class _PubAck(msgspec.Struct):
    seq: int = 0
    error: _Refusal | None = None


_decode_ack = msgspec.json.Decoder(_PubAck).decode


def kind_of(subject: str) -> str:
    """What a message is, by its subject."""
    tokens = subject.split(".", 5)
    if len(tokens) < 4 or tokens[0] != "hr":
        return ""
    return tokens[4] if tokens[2] == "in" and len(tokens) > 4 else tokens[2]


class Network:
    """What is between the connections and the server."""

    def __init__(self, loop: AbstractEventLoop, start_us: int = 0) -> None:
        self.loop = loop
        self.server = Server(loop.time, loop.call_at, start_us)
        self.rules: list[Rule] = []
        self.connections: list[Connection] = []
        self._under_way = 0
        self._world = Context()
        """Of no process: what the server does outlives whoever asked for it."""

    def connect(self, name: str, refused: type[Exception], gone: type[Exception]) -> Connection:
        """A connection of whoever's context this is. `refused` and `gone` are raised by publishes."""
        connection = Connection(self, f"{name}-{len(self.connections) + 1}", refused, gone)
        self.connections.append(connection)
        return connection

    @property
    def quiet(self) -> bool:
        """Whether everybody is connected, and nothing is on its way, queued, or held by anybody."""
        return (
            not self._under_way
            and all(connection.up for connection in self.connections)
            and all(
                not (consumer.in_flight or consumer.fresh or consumer.again)
                for stream in self.server.streams.values()
                for consumer in stream.consumers.values()
            )
        )

    def cut(self) -> None:
        for connection in self.connections:
            connection.cut()

    def restore(self) -> None:
        for connection in self.connections:
            connection.restore()

    def carry(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        rule = self._rule(subject) if self.rules else None
        if rule is None:
            self.loop.call_soon(self.server.receive, subject, body, reply, headers, context=self._world)
            return
        rule.used += 1
        if rule.times > 0:
            rule.times -= 1
        if rule.dropped:
            return
        for copy in range(rule.copies + 1):
            sent = headers
            if copy and headers is not None:
                sent = {name: value for name, value in headers.items() if name != MESSAGE_ID}
            self._under_way += 1
            arguments = (subject, body, "" if copy else reply, sent)
            self.loop.call_later(rule.delay_s, self._late, *arguments, context=self._world)

    def _late(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        self._under_way -= 1
        self.server.receive(subject, body, reply, headers)

    def _rule(self, subject: str) -> Rule | None:
        kind = kind_of(subject)
        return next((rule for rule in self.rules if rule.kind == kind and rule.times), None)


class _Interest:
    """A subscription; see `server.Inbox`."""

    def __init__(self, connection: Connection, subject: str, receive: Receiver) -> None:
        self.subject = subject
        self._connection = connection
        self._receive = receive
        self.ended = False

    @property
    def interested(self) -> bool:
        return self._connection.up and not self.ended

    def deliver(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        connection = self._connection
        arguments = (connection.epoch, subject, body, headers, reply)
        connection.loop.call_soon(self._arrived, *arguments, context=connection.context)

    def _arrived(self, epoch: int, subject: str, body: bytes, headers: Headers, reply: str) -> None:
        if epoch == self._connection.epoch and not self.ended:
            self._receive(subject, body, headers, reply)

    def end(self) -> None:
        self.ended = True
        self._connection.forget(self)


class Connection:
    """One program's connection."""

    def __init__(self, network: Network, name: str, refused: type[Exception], gone: type[Exception]) -> None:
        self.name = name
        self.loop = network.loop
        self.server = network.server
        self.context = copy_context()
        self.up = True
        self.closed = False
        self.epoch = 0
        """Messages on their way when a connection is cut never arrive."""
        self.disconnected: list[Callable[[], None]] = []
        self.reconnected: list[Callable[[], Awaitable[None]]] = []
        self._network = network
        self._refused = refused
        self._gone = gone
        self._inboxes = 0
        self._interests: list[_Interest] = []
        self._buffer: list[tuple[str, bytes, str, Headers]] = []
        self._awaited: dict[str, Future[int]] = {}
        self._token = 0
        self._background: set[asyncio.Task[None]] = set()
        self._acks = self.inbox()
        self.subscribe(f"{self._acks}.*", self._acknowledged)

    def inbox(self) -> str:
        """A subject that nobody else uses."""
        self._inboxes += 1
        return f"_INBOX.{self.name}-{self._inboxes}"

    def send(self, subject: str, body: bytes, reply: str = "", headers: Headers = None) -> None:
        if self.closed:
            return
        if self.up:
            self._network.carry(subject, body, reply, headers)
        else:
            self._buffer.append((subject, body, reply, headers))

    def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None) -> Future[int]:
        """Into a stream; resolves to the sequence, or raises `refused` or `gone`."""
        future: Future[int] = self.loop.create_future()
        if not self.up:
            future.set_exception(self._gone("not connected"))
        elif len(body) > MAX_PAYLOAD_BYTES:
            future.set_exception(self._refused("maximum payload exceeded"))
        else:
            self._token += 1
            reply = f"{self._acks}.{self._token}"
            self._awaited[reply] = future
            self.send(subject, body, reply, headers)
        return future

    def _acknowledged(self, subject: str, body: bytes, headers: Headers, _: str) -> None:
        future = self._awaited.pop(subject, None)
        if future is None or future.done():
            return
        if headers is not None and "Status" in headers:
            future.set_exception(self._refused(f"no stream takes this subject ({headers['Status']})"))
            return
        answer = _decode_ack(body)
        if answer.error is None:
            future.set_result(answer.seq)
        else:
            future.set_exception(self._refused(answer.error.description))

    def subscribe(self, subject: str, receive: Receiver) -> _Interest:
        interest = _Interest(self, subject, receive)
        self._interests.append(interest)
        if self.up:
            self.server.subscribe(subject, interest)
        return interest

    def forget(self, interest: _Interest) -> None:
        if interest in self._interests:
            self._interests.remove(interest)
        self.server.unsubscribe(interest.subject, interest)

    async def flush(self) -> None:
        """Returns when the server has read all that was sent."""
        if not self.up:
            raise self._gone("not connected")
        read: Future[None] = self.loop.create_future()
        self.loop.call_soon(_resolve, read)
        await read

    def cut(self) -> None:
        """The connection breaks; whatever is on its way is lost."""
        if not self.up:
            return
        self.up = False
        self.epoch += 1
        for interest in self._interests:
            self.server.unsubscribe(interest.subject, interest)
        for callback in self.disconnected:
            callback()
        awaited, self._awaited = self._awaited, {}
        for future in awaited.values():
            if not future.done():
                future.set_exception(self._gone("the connection went away"))
                future.exception()  # heard by whoever awaits it; silent when nobody does

    def restore(self) -> None:
        if self.closed or self.up:
            return
        self.up = True
        for interest in self._interests:
            self.server.subscribe(interest.subject, interest)
        kept, self._buffer = self._buffer, []
        for message in kept:
            self._network.carry(*message)
        self.loop.call_soon(self._again, context=self.context)

    def _again(self) -> None:
        task = asyncio.create_task(self._tell_reconnected(), name="reconnected")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _tell_reconnected(self) -> None:
        for callback in self.reconnected:
            await callback()

    def close(self) -> None:
        """Also when its process has gone: a kernel closes connections."""
        self.cut()
        self.closed = True
        if self in self._network.connections:
            self._network.connections.remove(self)


def _resolve(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
