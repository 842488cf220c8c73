"""A bus whose answers the test gives by hand, a clock it sets, and places for large results in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from headrace_coordinator.bus.port import (
    BusError,
    ConsumerState,
    Handler,
    Incoming,
    Outgoing,
    StreamState,
    Subscription,
)
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.topology import ConsumerSpec, Topology

T0 = 1_700_000_000_000_000


class FakeClock:
    """Time stands still until the test moves it; sleeping moves it too."""

    def __init__(self) -> None:
        self.at_us = T0

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1e6

    async def sleep(self, seconds: float) -> None:
        self.at_us += round(seconds * 1e6)
        await asyncio.sleep(0)


class FakeBus:
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes, asyncio.Future[int]]] = []
        self.together: list[list[str]] = []
        """Ids of messages that were to be confirmed as one."""
        self.sent: list[tuple[str, bytes]] = []
        self.acknowledged: list[Incoming] = []
        self.streams: list[StreamState] = []
        self.consumers: dict[str, ConsumerState] = {}
        self.reconnected: list[Callable[[], Awaitable[None]]] = []
        self.trimmed: list[tuple[ConsumerSpec, int]] = []
        self.on_ensure: Callable[[], None] = lambda: None

    def publish(self, subject: str, headers: Mapping[str, str], body: bytes) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.published.append((subject, body, future))
        return future

    def publish_in_order(self, messages: Sequence[Outgoing]) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.published += [(subject, body, future) for subject, _, body in messages]
        self.together.append([headers[MESSAGE_ID] for _, headers, _ in messages])
        return future

    def send(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        self.sent.append((subject, body))

    def acknowledge(self, message: Incoming) -> None:
        self.acknowledged.append(message)

    async def ensure(self, topology: Topology) -> list[StreamState]:
        states = list(self.streams)
        self.on_ensure()
        return states

    async def ensure_consumer(self, spec: ConsumerSpec) -> None: ...

    async def consumer_state(self, spec: ConsumerSpec) -> ConsumerState | None:
        return self.consumers.get(spec.durable)

    async def next_published_us(self, spec: ConsumerSpec, state: ConsumerState) -> int | None:
        return None

    async def trim(self, spec: ConsumerSpec, before_us: int) -> float:
        self.trimmed.append((spec, before_us))
        return 0.0

    async def consume(self, spec: ConsumerSpec, batch: int, handler: Handler) -> Subscription:
        raise BusError("not here")

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        raise BusError("not here")

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self.reconnected.append(callback)

    async def close(self) -> None: ...


class FakeResults:
    """Large results in a dict; the first `failures` puts fail."""

    def __init__(self, failures: int = 0) -> None:
        self.kept: dict[str, bytes] = {}
        self.failures = failures

    async def put(self, key: str, body: bytes) -> str:
        if self.failures:
            self.failures -= 1
            raise BusError("away")
        self.kept[f"mem://{key}"] = body
        return f"mem://{key}"

    async def get(self, uri: str) -> bytes | None:
        return self.kept.get(uri)


async def ticks(count: int = 5) -> None:
    """Let callbacks that are due run."""
    for _ in range(count):
        await asyncio.sleep(0)
