"""The coordinator's bus in memory."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence

from headrace_coordinator.bus.memory.network import Connection
from headrace_coordinator.bus.memory.server import ACK_PREFIX, NEXT_PREFIX, Server
from headrace_coordinator.bus.memory.streams import Consumer, Headers, Stream
from headrace_coordinator.bus.order import in_order
from headrace_coordinator.bus.port import (
    BusError,
    ConsumerState,
    FoundResult,
    Handler,
    Incoming,
    Outgoing,
    Owner,
    StreamState,
    Subscription,
    WrittenResult,
)
from headrace_protocol.topology import MAX_PAYLOAD_BYTES, ConsumerSpec, Retention, Topology

ALL_FOR_EVER = b'{"batch":1000000000,"expires":1000000000000000000}'


class _Listening:
    """See `headrace_coordinator.bus.port.Subscription`."""

    def __init__(self, connection: Connection, subject: str, handler: Handler) -> None:
        self._connection = connection
        self._handler = handler
        self.subject = subject
        self.interest = connection.subscribe(subject, self._receive)

    def _receive(self, subject: str, body: bytes, headers: Headers, reply: str) -> None:
        self._handler(Incoming(subject, headers or {}, body, reply, self._connection.epoch))

    async def stop(self) -> None:
        self.interest.end()


class _Consuming:
    """One request that never ends; a new connection needs a new one."""

    def __init__(self, connection: Connection, spec: ConsumerSpec, handler: Handler) -> None:
        self._connection = connection
        self._spec = spec
        self._handler = handler
        self._running = True
        self._listening: _Listening | None = None

    async def begin(self) -> None:
        if not self._running:
            return
        if self._listening is not None:
            await self._listening.stop()
        spec, connection = self._spec, self._connection
        ensure(connection, spec)
        inbox = connection.inbox()
        self._listening = _Listening(connection, f"{inbox}.*", self._receive)
        connection.send(f"{NEXT_PREFIX}{spec.stream}.{spec.durable}", ALL_FOR_EVER, f"{inbox}.1")

    def _receive(self, message: Incoming) -> None:
        if message.reply.startswith(ACK_PREFIX):
            self._handler(message)

    async def stop(self) -> None:
        self._running = False
        if self._listening is not None:
            await self._listening.stop()


def ensure(connection: Connection, spec: ConsumerSpec) -> None:
    """The consumer, made if it is missing; raises BusError."""
    stream = connection.server.streams.get(spec.stream) if connection.up else None
    if stream is None:
        raise BusError(f"consumer {spec.durable}: no stream {spec.stream}")
    connection.server.add_consumer(stream, spec.durable, spec.filter_subject, spec.ack_wait_s)


class MemoryBus:
    """See `headrace_coordinator.bus.port.Bus`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consuming: list[_Consuming] = []
        self._reconnected: list[Callable[[], Awaitable[None]]] = []
        connection.reconnected.append(self._again)

    @property
    def connected(self) -> bool:
        return self._connection.up

    @property
    def max_payload_bytes(self) -> int:
        return MAX_PAYLOAD_BYTES

    def belongs_to(self, owner: Owner) -> None:
        """Nobody else can reach this bus."""

    async def generation(self, topology: Topology) -> int:
        return 0

    async def start_over(self, topology: Topology) -> None:
        """There is nobody to take it over from."""

    async def ensure(self, topology: Topology) -> list[StreamState]:
        if not self._connection.up:
            raise BusError("not connected")
        found = [
            self._connection.server.add_stream(
                spec.name,
                spec.subjects,
                work_queue=spec.retention is Retention.WORK_QUEUE,
                window_s=spec.duplicate_window_s,
            )
            for spec in topology.streams()
        ]
        return [StreamState(stream.name, stream.created, stream.last_sequence) for stream in found]

    async def ensure_consumer(self, spec: ConsumerSpec) -> None:
        ensure(self._connection, spec)

    async def consumer_state(self, spec: ConsumerSpec) -> ConsumerState | None:
        _, consumer = self._find(spec)
        if consumer is None:
            return None
        return ConsumerState(
            pending=len(consumer.fresh),
            in_flight=len(consumer.in_flight),
            redelivered=consumer.redelivered,
            acked_below=consumer.acked_below,
            delivered_to=consumer.delivered,
        )

    async def next_published_us(self, spec: ConsumerSpec, state: ConsumerState) -> int | None:
        stream, consumer = self._find(spec)
        if stream is None or consumer is None:
            return None
        waiting = (stream.messages.get(sequence) for sequence in consumer.fresh)
        return next((message.published_us for message in waiting if message is not None), None)

    async def trim(self, spec: ConsumerSpec, before_us: int) -> float:
        stream, consumer = self._find(spec)
        if stream is not None and consumer is not None:
            kept = (seq for seq, message in stream.messages.items() if message.published_us >= before_us)
            end = consumer.acked_below + 1
            self._connection.server.purge(stream, min(next(kept, end), end))
        return 0.0  # nothing is bounded here

    def _find(self, spec: ConsumerSpec) -> tuple[Stream | None, Consumer | None]:
        stream = self._connection.server.streams.get(spec.stream)
        return stream, None if stream is None else stream.consumers.get(spec.durable)

    def publish(self, subject: str, headers: Mapping[str, str], body: bytes) -> Future[int]:
        return self._connection.publish(subject, body, headers)

    def publish_in_order(self, messages: Sequence[Outgoing]) -> Future[int]:
        *first, last = in_order(messages)
        if self._connection.up:
            for subject, headers, body in first:
                self._connection.send(subject, body, "", headers)
        return self.publish(*last)

    def send(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        self._connection.send(subject, body, "", headers)

    def acknowledge(self, message: Incoming) -> None:
        if self._connection.up and message.connection == self._connection.epoch:
            self._connection.send(message.reply, b"+ACK")

    async def consume(self, spec: ConsumerSpec, batch: int, handler: Handler) -> Subscription:
        consuming = _Consuming(self._connection, spec, handler)
        await consuming.begin()
        self._consuming.append(consuming)
        return consuming

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        return _Listening(self._connection, subject, handler)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._reconnected.append(callback)

    async def _again(self) -> None:
        for callback in self._reconnected:
            await callback()
        for consuming in self._consuming:
            await consuming.begin()

    async def close(self) -> None:
        self._connection.close()


class MemoryResults:
    """A bucket of the server in memory; URIs are those of the NATS object store."""

    def __init__(self, server: Server, bucket: str) -> None:
        self._server = server
        self._name = bucket
        self._prefix = f"nats://{bucket}/"

    async def put(self, key: str, body: bytes | AsyncIterable[bytes]) -> str:
        whole = body if isinstance(body, bytes) else b"".join([part async for part in body])
        self._server.buckets.named(self._name)[key] = whole
        return self._prefix + key

    async def open(self, uri: str) -> FoundResult | None:
        body = await self.get(uri)
        return None if body is None else _Found(body)

    async def get(self, uri: str) -> bytes | None:
        return self._server.buckets.named(self._name).get(uri.removeprefix(self._prefix))

    async def delete(self, uri: str) -> int:
        return len(self._server.buckets.named(self._name).pop(uri.removeprefix(self._prefix), b""))

    async def written(self, older_than_s: float) -> AsyncIterator[list[WrittenResult]]:
        bucket = self._server.buckets.named(self._name)
        before_us = self._server.now_us() - older_than_s * 1e6
        yield [
            WrittenResult(self._prefix + key, key, len(body))
            for key, body in bucket.items()
            if bucket.written_at_us[key] < before_us
        ]

    async def tidy(self, older_than_s: float) -> int:
        return 0


class _Found:
    """See `headrace_coordinator.bus.port.FoundResult`."""

    def __init__(self, body: bytes) -> None:
        self.size_bytes = len(body)
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body
