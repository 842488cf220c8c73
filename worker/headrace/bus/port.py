"""What the worker needs of a bus."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import Enum
from typing import Protocol

import msgspec

from headrace_protocol.topology import ConsumerSpec


class BusError(Exception):
    """The bus refused or lost something; whoever asked may ask again."""


class Disconnected(BusError):
    """The connection went away before the acknowledgement came."""


class StreamMissing(BusError):
    """The stream does not exist (yet): the coordinator makes streams."""


class Settlement(Enum):
    """What is said about a delivery; the values are JetStream's acknowledgement bodies."""

    ACK = b"+ACK"
    NAK = b"-NAK"
    """Give it to somebody else, now."""
    PROGRESS = b"+WPI"
    """Still working: the acknowledgement's deadline starts again."""
    TERM = b"+TERM"


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrives."""

    subject: str
    body: bytes
    headers: Mapping[str, str] | None
    reply: str


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message of a stream that must be settled."""

    subject: str
    body: bytes
    headers: Mapping[str, str] | None
    reply: str
    count: int
    """How often it has been delivered, this time included."""
    pending: int
    """How many more the consumer had for us when it was sent."""


class ConsumerFound(msgspec.Struct, frozen=True):
    """A durable consumer as it is at the bus."""

    ack_wait_s: float
    made: str
    """Tells it from one of the same name before it: what is said of messages that came from that one means
    others here."""


Handler = Callable[[Message], None]
"""Called on the loop, in the order of arrival; it must not block."""


Key = Callable[[], Awaitable[str]]
"""The key of an object, which may be known only when the object is written already: it holds the digest."""


class Subscription(Protocol):
    """Interest in a subject."""

    async def unsubscribe(self) -> None: ...

    async def drain(self) -> None:
        """Ends the interest, and returns when all that arrived before has been handled."""
        ...


class ObjectBucket(Protocol):
    """Objects of bytes under unique keys."""

    async def put(self, body: memoryview, key: Key) -> str:
        """Keep the bytes; returns their key."""
        ...

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        """The bytes, in pieces; None when there is no such object. The pieces end too early when the object goes
        meanwhile, and raise BusError when they cannot be had now."""
        ...


class Bus(Protocol):
    """A connection. `send` and `publish` never block: what they accept goes out in order."""

    @property
    def connected(self) -> bool: ...

    @property
    def max_payload_bytes(self) -> int: ...

    @property
    def last_error(self) -> Exception | None:
        """What the server complained about last; None when it has not."""
        ...

    @property
    def idle_heartbeat_s(self) -> float:
        """How often the bus says that a request still waits; 0 where requests are never lost."""
        ...

    def inbox(self) -> str:
        """A subject that nobody else uses."""
        ...

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Fire and forget (core NATS)."""
        ...

    def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> Future[int]:
        """Into a stream; resolves to its sequence there when the stream has it, or raises BusError."""
        ...

    def settle(self, reply: str, settlement: Settlement) -> None:
        """Settle the delivery that has this reply subject."""
        ...

    async def subscribe(self, subject: str, handler: Handler) -> Subscription: ...

    async def ensure_consumer(self, spec: ConsumerSpec) -> ConsumerFound:
        """Create the consumer unless it exists. Raises StreamMissing, or BusError."""
        ...

    async def bucket(self, name: str) -> ObjectBucket:
        """The bucket, made if missing."""
        ...

    def on_disconnect(self, callback: Callable[[], None]) -> None: ...

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None: ...

    async def flush(self) -> None:
        """Returns when the server has read all that was sent; raises BusError."""
        ...

    async def close(self) -> None: ...
