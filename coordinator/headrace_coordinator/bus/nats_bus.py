"""The bus on nats-py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import nats.errors
from nats.aio.subscription import Subscription as NatsSubscription

from headrace_coordinator.bus import streams
from headrace_coordinator.bus.order import in_order
from headrace_coordinator.bus.ownership import check_owner, generation_on_bus, marks, start_over
from headrace_coordinator.bus.port import (
    BusError,
    ConsumerState,
    Handler,
    Incoming,
    Outgoing,
    Owner,
    StreamState,
    Subscription,
)
from headrace_coordinator.bus.pull import Pull
from headrace_coordinator.bus.settings import NatsSettings
from headrace_coordinator.bus.trimming import trim_stream
from headrace_protocol.errors import Unavailable
from headrace_protocol.nats import Complaints, Confirmations, Connection, check_payload, why_not
from headrace_protocol.topology import ConsumerSpec, Topology

log = logging.getLogger("headrace.bus")

PENDING_BYTES = 16 * 1024 * 1024
RECONNECT_S = 0.1


async def connect(settings: NatsSettings, name: str) -> NatsBus:
    """A connected bus that reconnects for ever. Raises Unavailable when no server answers now."""
    bus = NatsBus(Connection(), settings, name)
    try:
        await bus.open()
    except (OSError, nats.errors.Error, TimeoutError) as error:
        await bus.close()
        raise Unavailable(
            f"no NATS server can be used: {why_not(error)}",
            where="nats",
            found=settings.shown,
            expected="a NATS server with JetStream that accepts these credentials",
            fix="Start one there, or correct --nats and its credentials.",
        ) from error
    await check_payload(bus.max_payload_bytes, settings.shown, bus.close)
    return bus


class _CoreSubscription:
    """Interest in a core NATS subject."""

    def __init__(self, subscription: NatsSubscription) -> None:
        self._subscription = subscription

    async def stop(self) -> None:
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._subscription.unsubscribe()


class NatsBus:
    """See `headrace_coordinator.bus.port.Bus`."""

    def __init__(self, client: Connection, settings: NatsSettings, name: str) -> None:
        self.client = client
        self._settings = settings
        self._name = name
        self._complaints = Complaints(log)
        self._confirmations = Confirmations(client, refused=BusError, disconnected=BusError)
        self._owner: Owner | None = None
        self._pulls: list[Pull] = []
        self._reconnected: list[Callable[[], Awaitable[None]]] = []
        self._closing = False
        self._connection = 1

    @property
    def connected(self) -> bool:
        return self.client.is_connected

    @property
    def max_payload_bytes(self) -> int:
        return self.client.max_payload

    async def open(self) -> None:
        settings = self._settings
        await self.client.connect(
            settings.servers,
            name=self._name,
            max_reconnect_attempts=1,  # the first connection fails at once; later ones never do
            connect_timeout=round(settings.connect_timeout_s),
            reconnect_time_wait=0,
            pending_size=PENDING_BYTES,
            user=settings.user or None,
            password=settings.password or None,
            token=settings.token or None,
            user_credentials=settings.creds or None,
            tls=settings.tls(),
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_reconnect,
        )
        self.client.options["max_reconnect_attempts"] = -1
        self.client.options["reconnect_time_wait"] = RECONNECT_S
        await self._confirmations.open()

    @property
    def _replicas(self) -> int:
        return self._settings.replicas if self.client.in_cluster else 1

    def belongs_to(self, owner: Owner) -> None:
        self._owner = owner

    async def generation(self, topology: Topology) -> int:
        return await generation_on_bus(self.client.jetstream(), topology)

    async def start_over(self, topology: Topology) -> None:
        await start_over(self.client.jetstream(), topology)

    async def ensure(self, topology: Topology) -> list[StreamState]:
        context = self.client.jetstream()
        if self._owner is not None:
            await check_owner(context, topology, self._owner)
        return await streams.ensure_streams(context, topology, self._replicas, marks(self._owner))

    async def ensure_consumer(self, spec: ConsumerSpec) -> None:
        await streams.ensure_consumer(self.client.jetstream(), spec)

    async def consumer_state(self, spec: ConsumerSpec) -> ConsumerState | None:
        return await streams.consumer_state(self.client.jetstream(), spec)

    async def next_published_us(self, spec: ConsumerSpec, state: ConsumerState) -> int | None:
        return await streams.next_published_us(self.client.jetstream(), spec, state)

    async def trim(self, spec: ConsumerSpec, before_us: int) -> float:
        began = self._connection
        return await trim_stream(
            self.client.jetstream(),
            spec,
            before_us,
            lambda: self.client.is_connected and self._connection == began,
        )

    def publish(self, subject: str, headers: Mapping[str, str], body: bytes) -> asyncio.Future[int]:
        return self.publish_in_order([(subject, headers, body)])

    def publish_in_order(self, messages: Sequence[Outgoing]) -> asyncio.Future[int]:
        reply, confirmed = self._confirmations.expect()
        if reply:
            *first, last = in_order(messages)
            for subject, headers, body in first:
                self._put(subject, body, "", headers)
            subject, headers, body = last
            self._put(subject, body, reply, headers)
        return confirmed

    def send(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        self._put(subject, body, "", headers)

    def acknowledge(self, message: Incoming) -> None:
        if message.connection == self._connection and self.client.is_connected:
            self._put(message.reply, b"+ACK", "", None)

    async def consume(self, spec: ConsumerSpec, batch: int, handler: Handler) -> Subscription:
        pull = Pull(self.client, spec, batch, handler, lambda: self._connection)
        await pull.start()
        self._pulls.append(pull)
        return pull

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        def receive(subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
            handler(Incoming(subject, headers or {}, body, reply))

        return _CoreSubscription(await self.client.listen(subject, receive))

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._reconnected.append(callback)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        for pull in self._pulls:
            await pull.stop()
        self.client.leave()
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            await self.client.close()
        self._confirmations.lose()

    def _put(self, subject: str, body: bytes, reply: str, headers: Mapping[str, str] | None) -> None:
        try:
            self.client.send(subject, body, reply=reply, headers=headers)
        except Exception as error:  # a message that cannot be sent must not end the loop that sends
            self._confirmations.not_sent(subject, reply, error)

    async def _on_error(self, error: Exception) -> None:
        self._complaints.heard(error)
        log.debug("nats: %s", str(error) or type(error).__name__)

    async def _on_disconnect(self) -> None:
        if not self._closing:
            log.warning("the connection to NATS is lost; reconnecting to %s", self._settings.shown)
        self._connection += 1
        self._confirmations.lose()

    async def _on_reconnect(self) -> None:
        log.warning("connected to NATS again")
        for callback in self._reconnected:
            await callback()
        for pull in self._pulls:
            pull.again()
