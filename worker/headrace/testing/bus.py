"""A worker's bus in memory; see `headrace_coordinator.bus.memory`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from headrace.bus import BusError, Message, Settlement, StreamMissing
from headrace.bus.port import ConsumerFound, Handler, Key, ObjectBucket, Subscription
from headrace_protocol.topology import MAX_PAYLOAD_BYTES, ConsumerSpec

if TYPE_CHECKING:
    from headrace_coordinator.local import Connection


class _Subscription:
    """See `headrace.bus.port.Subscription`."""

    def __init__(self, connection: Connection, subject: str, handler: Handler) -> None:
        self._connection = connection
        self._handler = handler
        self._interest = connection.subscribe(subject, self._receive)

    def _receive(self, subject: str, body: bytes, headers: Mapping[str, str] | None, reply: str) -> None:
        self._handler(Message(subject, body, headers, reply))

    async def unsubscribe(self) -> None:
        self._interest.end()

    async def drain(self) -> None:
        await self._connection.flush()
        self._interest.end()


class _Bucket:
    """See `headrace.bus.port.ObjectBucket`."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def put(self, body: memoryview, key: Key) -> str:
        found = await key()
        self._objects()[found] = bytes(body)
        return found

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        found = self._objects().get(key)
        return None if found is None else _whole(found)

    def _objects(self) -> dict[str, bytes]:
        if not self._connection.up:
            raise BusError("not connected")
        return self._connection.server.buckets.named(self._name)


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


class WorkerBus:
    """See `headrace.bus.port.Bus`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connected(self) -> bool:
        return self._connection.up

    @property
    def last_error(self) -> Exception | None:
        return None

    @property
    def max_payload_bytes(self) -> int:
        return MAX_PAYLOAD_BYTES

    @property
    def idle_heartbeat_s(self) -> float:
        return 0.0

    def inbox(self) -> str:
        return self._connection.inbox()

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._connection.send(subject, body, reply, headers)

    def publish(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[int]:
        return self._connection.publish(subject, body, headers)

    def settle(self, reply: str, settlement: Settlement) -> None:
        self._connection.send(reply, settlement.value)

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        return _Subscription(self._connection, subject, handler)

    async def ensure_consumer(self, spec: ConsumerSpec) -> ConsumerFound:
        if not self._connection.up:
            raise BusError("not connected")
        server = self._connection.server
        stream = server.streams.get(spec.stream)
        if stream is None:
            raise StreamMissing(spec.stream)
        found = server.add_consumer(stream, spec.durable, spec.filter_subject, spec.ack_wait_s)
        return ConsumerFound(found.ack_wait_s, found.created)

    async def bucket(self, name: str) -> ObjectBucket:
        return _Bucket(self._connection, name)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._connection.disconnected.append(callback)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._connection.reconnected.append(callback)

    async def flush(self) -> None:
        await self._connection.flush()

    async def close(self) -> None:
        self._connection.close()
