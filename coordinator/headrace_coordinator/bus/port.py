"""What the coordinator needs of a bus."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from headrace_protocol.topology import ConsumerSpec, Topology


class BusError(Exception):
    """The bus refused or lost something; whoever asked may ask again."""


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrives."""

    subject: str
    headers: Mapping[str, str]
    body: bytes
    reply: str = ""
    """Where its acknowledgement goes, or the answer to a request."""
    connection: int = 0
    """Which of this process' connections it came over."""


Outgoing = tuple[str, Mapping[str, str], bytes]
"""Subject, headers, body."""


class Owner(msgspec.Struct, frozen=True):
    """The store that a namespace belongs to: it alone knows what is dispatched and awaited."""

    store: str
    """Random, made once."""
    generation: int
    """Grows when the store's history forks: when it takes over a namespace."""
    adopts: bool = False
    """It takes the namespace over from whoever has it."""


class StreamState(msgspec.Struct, frozen=True):
    """A stream's identity and how far it has got."""

    name: str
    created: str
    last_sequence: int


class ConsumerState(msgspec.Struct, frozen=True):
    """What a durable consumer still has to deliver or have acknowledged."""

    pending: int
    in_flight: int
    redelivered: int
    acked_below: int
    """Every message of the stream up to this sequence has been acknowledged by this consumer."""
    waiting: int = 0
    """Pulls that wait for a message."""
    delivered_at_us: int | None = None
    """When a message was last delivered."""
    acked_at_us: int | None = None
    delivered_to: int = 0
    """The newest message of the stream that was delivered once."""
    trouble: str = ""
    """Why it gives out nothing, though somebody asks."""


Handler = Callable[[Incoming], None]
"""Called on the loop in order of arrival; it must not block."""


class Subscription(Protocol):
    """Something that can be ended."""

    async def stop(self) -> None: ...


class FoundResult(Protocol):
    """A large result that is there."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes, once. They end too early when it goes meanwhile; raises BusError when they cannot be had now."""
        ...


class WrittenResult(msgspec.Struct, frozen=True):
    """A large result as it is found by looking through the place."""

    uri: str
    key: str
    size_bytes: int


class ResultBucket(Protocol):
    """Large results under unique keys: a place of the coordinator's own, and those that URIs of others lead to.

    Everything raises BusError when the place cannot be used now, or not by this coordinator.
    """

    async def put(self, key: str, body: bytes | AsyncIterable[bytes]) -> str:
        """Keep the bytes in the coordinator's own place; returns their URI."""
        ...

    async def open(self, uri: str) -> FoundResult | None:
        """The result, to be read in pieces; None when it is gone."""
        ...

    async def get(self, uri: str) -> bytes | None:
        """The bytes at once; None when they are gone."""
        ...

    async def delete(self, uri: str) -> int:
        """Delete a result; returns how many bytes it had, 0 when it was gone."""
        ...

    def written(self, older_than_s: float) -> AsyncIterator[list[WrittenResult]]:
        """Everything in the coordinator's own place that was written so long ago by the place's own clock, in pages,
        the oldest first where the place tells."""
        ...

    async def tidy(self, older_than_s: float) -> int:
        """After a whole `written`: delete what is left of results so old that were never written to their end, and
        return of how many."""
        ...


class Bus(Protocol):
    """A connection. `send`, `publish` and `acknowledge` never block."""

    @property
    def connected(self) -> bool: ...

    @property
    def max_payload_bytes(self) -> int:
        """What the server takes in one message, headers included."""
        ...

    def belongs_to(self, owner: Owner) -> None:
        """From now on `ensure` raises NamespaceTaken for streams of another store, or of a later state of
        this one."""
        ...

    async def generation(self, topology: Topology) -> int:
        """The highest generation that is on the bus; 0 where there is none. Raises BusError."""
        ...

    async def start_over(self, topology: Topology) -> None:
        """Drop what another store has dispatched and what was said of it, and have every event that is kept read once
        more. Raises BusError."""
        ...

    async def ensure(self, topology: Topology) -> list[StreamState]:
        """Make the streams that are missing, and let none drop what must not be lost; returns all of them as they
        are now."""
        ...

    async def ensure_consumer(self, spec: ConsumerSpec) -> None: ...

    async def consumer_state(self, spec: ConsumerSpec) -> ConsumerState | None:
        """None when there is no such consumer (or stream)."""
        ...

    async def next_published_us(self, spec: ConsumerSpec, state: ConsumerState) -> int | None:
        """When the message was published that is the next to be delivered; None when there is none, or is not told."""
        ...

    async def trim(self, spec: ConsumerSpec, before_us: int) -> float:
        """Delete, oldest first, what the consumer has finished with: what was published before that time, and what
        takes more than half of the stream's bound. Nothing goes that has not been acknowledged.

        Returns what share of its bound the stream takes then; 0.0 when it has none, or does not exist.
        """
        ...

    def publish(self, subject: str, headers: Mapping[str, str], body: bytes) -> Future[int]:
        """Into a stream. Resolves to its sequence, or raises BusError."""
        ...

    def publish_in_order(self, messages: Sequence[Outgoing]) -> Future[int]:
        """Several messages into one stream, which confirms the last of them only if it has taken all: each asks for
        the one before to be there. All need ids, and none may have been published before: of a message that is there
        already the stream does not ask what is before it.

        Resolves to the last one's sequence, or raises BusError when one was refused or another publisher came
        between: some are stored then, and are to be published again by themselves, which their ids make harmless.
        """
        ...

    def send(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        """Core NATS: fire and forget."""
        ...

    def acknowledge(self, message: Incoming) -> None:
        """Nothing is said of a message from before the last reconnect, which comes again: a bus that has lost
        everything would take it for another's."""
        ...

    async def consume(self, spec: ConsumerSpec, batch: int, handler: Handler) -> Subscription:
        """Deliver a durable consumer's messages, with at most `batch` asked for ahead."""
        ...

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        """Core NATS."""
        ...

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None: ...

    async def close(self) -> None: ...
