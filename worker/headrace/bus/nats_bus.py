"""The bus on nats-py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import nats
import nats.errors
import nats.js.errors
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js.api import AckPolicy, ConsumerConfig

from headrace.bus.objects import NatsBucket
from headrace.bus.options import BusOptions
from headrace.bus.port import (
    BusError,
    ConsumerFound,
    Disconnected,
    Handler,
    Message,
    Settlement,
    StreamMissing,
)
from headrace_protocol.errors import ConfigError, Unavailable
from headrace_protocol.nats import Complaints, Confirmations, Connection, check_payload, why_not
from headrace_protocol.topology import ConsumerSpec, ack_wait_of

log = logging.getLogger("headrace.bus")

IDLE_HEARTBEAT_S = 3.0


async def connect(options: BusOptions) -> NatsBus:
    """A connected bus that from now on reconnects for ever.

    Raises Unavailable when no server answers now, ConfigError for credentials or TLS files that cannot be
    used.
    """
    bus = NatsBus(Connection(), options)
    try:
        await bus.open()
    except (OSError, nats.errors.Error, TimeoutError) as error:
        await bus.close()
        raise Unavailable(
            f"no NATS server can be used: {why_not(bus.last_error or error)}",
            where="nats",
            found=options.shown,
            expected="a NATS server with JetStream that accepts these credentials",
            fix="Start a NATS server with JetStream there, or correct the address or credentials.",
        ) from error
    await check_payload(bus.max_payload_bytes, options.shown, bus.close)
    return bus


class NatsBus:
    """See `headrace.bus.port.Bus`."""

    def __init__(self, client: Connection, options: BusOptions) -> None:
        self._client = client
        self._options = options
        self._complaints = Complaints(log)
        self._confirmations = Confirmations(client, refused=BusError, disconnected=Disconnected)
        self._disconnected: list[Callable[[], None]] = []
        self._reconnected: list[Callable[[], Awaitable[None]]] = []
        self._closing = False
        self._last_error: Exception | None = None

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    @property
    def last_error(self) -> Exception | None:
        """What nats-py complained about last."""
        return self._last_error

    @property
    def max_payload_bytes(self) -> int:
        return self._client.max_payload

    @property
    def idle_heartbeat_s(self) -> float:
        return IDLE_HEARTBEAT_S

    def inbox(self) -> str:
        return self._client.new_inbox()

    async def open(self) -> None:
        options = self._options
        if options.creds:
            _check_readable(options.creds)
        await self._client.connect(
            list(options.urls),
            name=options.name,
            # One attempt at each server: the first connection fails at once, later ones never.
            max_reconnect_attempts=1,
            connect_timeout=options.connect_timeout_s,  # type: ignore[arg-type]
            reconnect_time_wait=0,
            ping_interval=options.ping_interval_s,  # type: ignore[arg-type]
            pending_size=options.buffer_bytes,
            user=options.user or None,
            password=options.password or None,
            token=options.token or None,
            user_credentials=options.creds or None,
            tls=options.tls(),
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_reconnect,
        )
        self._client.options["max_reconnect_attempts"] = -1
        self._client.options["reconnect_time_wait"] = options.reconnect_wait_s
        await self._confirmations.open()

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        try:
            self._client.send(subject, body, reply=reply, headers=headers)
        except (nats.errors.Error, ValueError) as error:
            self._confirmations.not_sent(subject, reply, error)

    def publish(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[int]:
        reply, confirmed = self._confirmations.expect()
        if reply:
            self.send(subject, body, reply=reply, headers=headers)
        return confirmed

    def settle(self, reply: str, settlement: Settlement) -> None:
        self.send(reply, settlement.value)

    async def subscribe(self, subject: str, handler: Handler) -> NatsSubscription:
        def receive(subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
            handler(Message(subject, body, headers, reply))

        return await self._client.listen(subject, receive)

    async def ensure_consumer(self, spec: ConsumerSpec) -> ConsumerFound:
        jetstream = self._client.jetstream()
        config = ConsumerConfig(
            durable_name=spec.durable,
            filter_subject=spec.filter_subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=spec.ack_wait_s,
            max_deliver=-1,
            max_ack_pending=spec.max_ack_pending,
            max_waiting=spec.max_waiting,
            inactive_threshold=spec.inactive_s or None,
        )
        try:
            try:
                found = await jetstream.consumer_info(spec.stream, spec.durable)
            except nats.js.errors.NotFoundError:
                stream = (await jetstream.stream_info(spec.stream)).config
                wait_s = ack_wait_of(stream.metadata, spec.ack_wait_s)
                found = await jetstream.add_consumer(spec.stream, config.evolve(ack_wait=wait_s))
        except nats.js.errors.NotFoundError as error:
            raise StreamMissing(spec.stream) from error
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(str(error) or type(error).__name__) from error
        return ConsumerFound(found.config.ack_wait or spec.ack_wait_s, str(found.created))

    async def bucket(self, name: str) -> NatsBucket:
        return await NatsBucket.open(self._client.objects(name, self.publish))

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._disconnected.append(callback)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._reconnected.append(callback)

    async def flush(self) -> None:
        if not self._client.is_connected:
            raise Disconnected("not connected")
        try:
            await self._client.flush()
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(str(error)) from error

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._client.leave()
        # Without a server, nats-py still writes what is pending: uvloop's closed transport answers RuntimeError.
        with suppress(nats.errors.Error, OSError, TimeoutError, RuntimeError):
            await self._client.close()
        self._confirmations.lose()

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        self._complaints.heard(error)
        log.debug("nats: %s", str(error) or type(error).__name__)

    async def _on_disconnect(self) -> None:
        if not self._closing:
            log.warning("the connection to NATS is lost; reconnecting to %s", self._options.shown)
        for callback in self._disconnected:
            callback()
        self._confirmations.lose()

    async def _on_reconnect(self) -> None:
        log.warning("connected to NATS again")
        for callback in self._reconnected:
            await callback()


def _check_readable(path: str) -> None:
    try:
        with open(path, encoding="utf-8"):  # noqa: PTH123 - a probe: nothing is read
            pass
    except OSError as error:
        raise ConfigError(
            f"the credentials file cannot be read: {error.strerror}",
            where="creds",
            found=path,
            expected="a .creds file that this user may read",
        ) from error
