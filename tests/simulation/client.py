"""The part of nats-py's client that Headrace's bus adapters use, connected to the simulated server.

Both real adapters run on it, so that their reconnecting and asking again is simulated too. A connection keeps
order in each direction for one destination, has latency, and may lose messages in bad weather. What is sent
while there is no connection is kept and goes out with the next one, as nats-py does it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Container, Mapping
from contextvars import Context, copy_context
from datetime import UTC, datetime
from types import SimpleNamespace

import nats.errors
import nats.js.errors
from nats.js.api import (
    ConsumerConfig,
    DiscardPolicy,
    RawStreamMsg,
    RetentionPolicy,
    StreamConfig,
    StreamInfo,
    StreamState,
)

from headrace_coordinator.bus.memory.server import Server
from headrace_coordinator.bus.memory.streams import Consumer, Headers, Stream
from headrace_protocol.nats import ObjectsError
from headrace_protocol.nats.objects import Key, Listed, Publish, Strays
from headrace_protocol.topology import MAX_PAYLOAD_BYTES
from tests.simulation.loop import SimulatedLoop

API_TIMEOUT_S = 5.0
RECONNECT_S = 0.1
Listener = Callable[[str, str, Headers, bytes], None]


class Weather:
    """How the network is now."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.slow_s = 0.0
        self.down = False
        """The server is not there at all."""


class Subscription:
    """Interest of one client. Its listener is called in order of arrival."""

    def __init__(self, client: Client, subject: str, listener: Listener) -> None:
        self._client = client
        self.subject = subject
        self._listener = listener
        self._ended = False
        self._arrives_at = 0.0

    @property
    def interested(self) -> bool:
        return self._client.up and not self._ended

    def deliver(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        """The server sends something."""
        client = self._client
        if client.lost():
            return
        self._arrives_at = max(self._arrives_at, client.loop.time() + client.latency())
        copied = None if headers is None else dict(headers)
        client.loop.call_at(
            self._arrives_at,
            self._arrived,
            subject,
            reply,
            copied,
            body,
            client.epoch,
            context=client.context,
        )

    def _arrived(self, subject: str, reply: str, headers: Headers, body: bytes, epoch: int) -> None:
        if epoch != self._client.epoch or self._ended:
            return
        self._client.on_arrival(subject, body)
        try:
            self._listener(subject, reply, headers, body)
        except Exception as error:
            self._client.on_listener_error(error)

    async def unsubscribe(self) -> None:
        if self._ended:
            raise nats.errors.BadSubscriptionError
        self._ended = True
        self._client.unsubscribed(self)

    async def drain(self) -> None:
        self._client.unsubscribed(self)
        await self._client.flush()
        self._ended = True


class Client:
    """Stands in for `headrace_protocol.nats.Connection`."""

    in_cluster = False

    def __init__(
        self, name: str, server: Server, weather: Weather, rng: random.Random, loop: SimulatedLoop
    ) -> None:
        self.name = name
        self.loop = loop
        self.context: Context = copy_context()
        self.options: dict[str, object] = {}
        self.max_payload = MAX_PAYLOAD_BYTES
        self.epoch = 0
        self.up = False
        self.is_closed = False
        self.reachable = True
        self.on_publish: Callable[[str, Headers, bytes], None] = lambda *_: None
        self.on_arrival: Callable[[str, bytes], None] = lambda *_: None
        """Called with what subscriptions get, before they do."""
        self.on_listener_error: Callable[[Exception], None] = lambda _: None
        self._server = server
        self._weather = weather
        self._rng = rng
        self._inboxes = 0
        self._subscriptions: list[Subscription] = []
        self._buffer: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._arrives_at: dict[str, float] = {}
        self._disconnected: Callable[[], Awaitable[None]] | None = None
        self._reconnected: Callable[[], Awaitable[None]] | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    # -- the network -------------------------------------------------------------------------------

    def latency(self) -> float:
        value = self._rng.random()
        return 0.0002 + 0.001 * value + self._weather.slow_s * self._rng.random()

    def lost(self) -> bool:
        return bool(self._weather.loss) and self._rng.random() < self._weather.loss

    def _to_server(self, place: str, action: Callable[..., None], *args: object) -> None:
        if not self.up:
            self._buffer.append((action, args))
            return
        if self.lost():
            return
        at = max(self._arrives_at.get(place, 0.0), self.loop.time() + self.latency())
        self._arrives_at[place] = at
        self.loop.call_at(at, self._at_server, self.epoch, action, args, context=Context())

    def _at_server(self, epoch: int, action: Callable[..., None], args: tuple[object, ...]) -> None:
        if epoch == self.epoch and self.up:
            action(*args)

    def cut(self) -> None:
        """The connection breaks; whatever is on its way is lost."""
        if not self.up:
            return
        self.up = False
        self.epoch += 1
        for subscription in self._subscriptions:
            self._server.unsubscribe(subscription.subject, subscription)
        if not self.is_closed:
            self.loop.call_soon(self._begin_reconnecting, context=self.context)

    def _begin_reconnecting(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        self._reconnecting = asyncio.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        if self._disconnected is not None:
            await self._disconnected()
        while not self.is_closed and (self._weather.down or not self.reachable):
            await asyncio.sleep(RECONNECT_S)
        await asyncio.sleep(self.latency())
        if self.is_closed:
            return
        self._connect()
        if self._reconnected is not None:
            await self._reconnected()

    def _connect(self) -> None:
        self.up = True
        self._arrives_at.clear()
        for subscription in self._subscriptions:
            self._server.subscribe(subscription.subject, subscription)
        kept, self._buffer = self._buffer, []
        for action, args in kept:
            self._to_server("buffer", action, *args)

    # -- what nats-py offers -----------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self.up

    async def connect(
        self,
        servers: object,
        *,
        disconnected_cb: Callable[[], Awaitable[None]] | None = None,
        reconnected_cb: Callable[[], Awaitable[None]] | None = None,
        **_: object,
    ) -> None:
        self.context = copy_context()
        await asyncio.sleep(self.latency())
        if self._weather.down or not self.reachable:
            raise nats.errors.NoServersError
        self._disconnected = disconnected_cb
        self._reconnected = reconnected_cb
        self._connect()

    def new_inbox(self) -> str:
        self._inboxes += 1
        return f"_INBOX.{self.name}-{self._inboxes}"

    async def listen(self, subject: str, listener: Listener) -> Subscription:
        subscription = Subscription(self, subject, listener)
        self._subscriptions.append(subscription)
        if self.up:
            self._server.subscribe(subject, subscription)
        return subscription

    def unsubscribed(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        self._server.unsubscribe(subscription.subject, subscription)

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if len(body) > self.max_payload:
            raise nats.errors.MaxPayloadError
        self.on_publish(subject, headers, body)
        place = ".".join(subject.split(".", 3)[:3])
        self._to_server(place, self._server.receive, subject, bytes(body), reply, headers)

    def leave(self) -> None:
        """What is sent is on its way at once."""

    async def flush(self, timeout: float = 10.0) -> None:
        await self.request("flush", lambda: None, timeout)

    async def request(
        self, place: str, action: Callable[[], object], timeout: float = API_TIMEOUT_S
    ) -> object:
        """Have the server do something, and wait for its answer; raises what the server raises."""
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def act() -> None:
            try:
                result: object = action()
            except nats.errors.Error as error:
                result = error
            if not self.lost():
                at = self.loop.time() + self.latency()
                self.loop.call_at(at, self._answered, answer, result, self.epoch, context=self.context)

        self._to_server(f"api {place}", act)
        try:
            result = await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        if isinstance(result, nats.errors.Error):
            raise result
        return result

    def _answered(self, answer: asyncio.Future[object], result: object, epoch: int) -> None:
        if epoch == self.epoch and not answer.done():
            answer.set_result(result)

    def objects(self, bucket: str, _publish: Publish) -> Bucket:
        return Bucket(self, self._server, bucket)

    def jetstream(self) -> JetStream:
        return JetStream(self, self._server)

    async def close(self) -> None:
        self.is_closed = True
        self.hang_up()
        if self._reconnecting is not None:
            self._reconnecting.cancel()

    def hang_up(self) -> None:
        """The process has gone: its kernel closes the connection."""
        self.is_closed = True
        if self.up:
            self.up = False
            self.epoch += 1
        for subscription in self._subscriptions:
            self._server.unsubscribe(subscription.subject, subscription)


class JetStream:
    """Stands in for nats-py's JetStream context."""

    def __init__(self, client: Client, server: Server) -> None:
        self._client = client
        self._server = server

    async def stream_info(self, name: str) -> object:
        return await self._client.request("stream", lambda: _stream_info(self._stream(name)))

    async def add_stream(self, config: StreamConfig) -> object:
        def add() -> object:
            made = self._server.add_stream(
                str(config.name),
                tuple(config.subjects or ()),
                work_queue=config.retention == RetentionPolicy.WORK_QUEUE,
                window_s=config.duplicate_window or 120.0,
            )
            made.metadata = config.metadata or {}
            return _stream_info(made)

        return await self._client.request("stream", add)

    async def purge_stream(self, name: str, seq: int) -> object:
        return await self._client.request("stream", lambda: self._server.purge(self._stream(name), seq))

    async def get_msg(self, stream: str, seq: int, subject: str, *, next: bool) -> object:
        """The first message from a sequence on, of any subject."""
        assert (next, subject) == (True, ">"), "whoever asks for more has to simulate more"
        return await self._client.request("stream", lambda: _message(self._stream(stream), seq))

    async def consumer_info(self, stream: str, durable: str) -> object:
        return await self._client.request("stream", lambda: _consumer_info(self._consumer(stream, durable)))

    async def add_consumer(self, stream: str, config: ConsumerConfig) -> object:
        def add() -> object:
            found = self._stream(stream)
            subject, ack_wait_s = config.filter_subject or "", config.ack_wait or 30.0
            return _consumer_info(
                self._server.add_consumer(found, str(config.durable_name), subject, ack_wait_s)
            )

        return await self._client.request("stream", add)

    def _stream(self, name: str) -> Stream:
        found = self._server.streams.get(name)
        if found is None:
            raise nats.js.errors.NotFoundError
        return found

    def _consumer(self, stream: str, durable: str) -> Consumer:
        found = self._stream(stream).consumers.get(durable)
        if found is None:
            raise nats.js.errors.NotFoundError
        return found


def _stream_info(stream: Stream) -> object:
    """Without bounds, and never dropping anything."""
    config = StreamConfig(
        name=stream.name,
        subjects=[f"{prefix}>" for prefix in stream.prefixes],
        discard=DiscardPolicy.NEW,
        max_bytes=-1,
        max_age=0.0,
        metadata=dict(stream.metadata),
    )
    state = StreamState(
        messages=len(stream.messages),
        bytes=sum(len(message.body) for message in stream.messages.values()),
        first_seq=next(iter(stream.messages), stream.last_sequence + 1),
        last_seq=stream.last_sequence,
        consumer_count=len(stream.consumers),
    )
    return StreamInfo(config, state, created=stream.created)  # type: ignore[arg-type]


def _message(stream: Stream, first: int) -> RawStreamMsg:
    found = next((known for known in stream.messages.items() if known[0] >= first), None)
    if found is None:
        raise nats.js.errors.NotFoundError
    sequence, message = found
    time = datetime.fromtimestamp(message.published_us / 1e6, UTC)
    return RawStreamMsg(
        subject=message.subject, seq=sequence, data=message.body, stream=stream.name, time=time
    )


def _consumer_info(consumer: Consumer) -> object:
    return SimpleNamespace(
        created=consumer.created,
        paused=False,
        cluster=None,
        config=SimpleNamespace(ack_wait=consumer.ack_wait_s),
        num_pending=len(consumer.fresh),
        num_ack_pending=len(consumer.in_flight),
        num_redelivered=consumer.redelivered,
        num_waiting=0,
        delivered=SimpleNamespace(stream_seq=consumer.delivered, last_active=None),
        ack_floor=SimpleNamespace(stream_seq=consumer.acked_below, last_active=None),
    )


class Found:
    """Stands in for `headrace_protocol.nats.objects.StoredObject`."""

    def __init__(self, body: bytes) -> None:
        self.size_bytes = len(body)
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        middle = len(self._body) // 2
        yield self._body[:middle]
        yield self._body[middle:]


class Bucket:
    """Stands in for `headrace_protocol.nats.Objects`."""

    def __init__(self, client: Client, server: Server, name: str) -> None:
        self._client = client
        self._server = server
        self._name = name

    async def open(self) -> None:
        await self._do(lambda: self._server.buckets.named(self._name) and None)

    async def put(self, body: bytes | memoryview | AsyncIterable[bytes], key: Key) -> str:
        whole = b"".join([part async for part in body]) if isinstance(body, AsyncIterable) else bytes(body)
        name = await key()

        def put() -> None:
            if self._name not in self._server.buckets:
                raise nats.errors.NoRespondersError
            self._server.buckets.named(self._name)[name] = whole

        await self._do(put)
        return name

    async def find(self, key: str) -> Found | None:
        found = await self._do(lambda: self._server.buckets.get(self._name, {}).get(key))
        return Found(found) if isinstance(found, bytes) else None

    async def delete(self, key: str) -> int:
        gone = await self._do(lambda: self._server.buckets.named(self._name).pop(key, b""))
        return len(gone) if isinstance(gone, bytes) else 0

    async def listed(self, after: int, limit: int) -> list[Listed]:
        """Objects are numbered as they stand: a pass that deletes some may miss others, and find them the next time."""

        def look() -> list[Listed]:
            bucket = self._server.buckets.named(self._name)
            numbered = list(enumerate(bucket.items(), 1))[after : after + limit]
            return [
                Listed(key, key, len(body), number, bucket.written_at_us[key])
                for number, (key, body) in numbered
            ]

        found = await self._do(look)
        return found if isinstance(found, list) else []

    async def purge_strays(self, known: Container[str], before_us: int, after: int, limit: int) -> Strays:
        return Strays(0, 0)

    async def server_time_us(self) -> int:
        now_us = await self._do(self._server.now_us)
        return now_us if isinstance(now_us, int) else 0

    async def _do(self, action: Callable[[], object]) -> object:
        try:
            return await self._client.request("object", action)
        except nats.errors.Error as error:
            raise ObjectsError(str(error)) from error
