"""A durable pull consumer that always has a request waiting at the server.

nats-py's own `fetch` waits until a whole batch is there; here every message is handed on as it arrives, and a new
request goes out when half of the last one is used up. Requests lost with a connection are asked again.

All requests have one inbox, for as long as the pull lives: what the server still sends in answer to an earlier one
would find nobody at an inbox that was given up, and come again only after the ack wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

import nats.errors
from nats.aio.subscription import Subscription

from headrace_coordinator.bus.port import BusError, Handler, Incoming
from headrace_coordinator.bus.streams import ensure_consumer
from headrace_protocol.nats import Connection
from headrace_protocol.tasks import end
from headrace_protocol.topology import ConsumerSpec

log = logging.getLogger("headrace.bus")

EXPIRES_S = 30.0
HEARTBEAT_S = 3.0
"""So often the server says that a request still waits."""
SILENCE_S = 2.5 * HEARTBEAT_S
"""Without a word for so long, the request is lost: the consumer has another leader, which knows nothing of it."""
LOOK_S = 1.0
RETRY_S = 0.25


class Pull:
    """Keeps `batch` messages of one consumer asked for."""

    def __init__(
        self,
        client: Connection,
        spec: ConsumerSpec,
        batch: int,
        handler: Handler,
        connection: Callable[[], int],
    ) -> None:
        self._client = client
        self._connection = connection
        self._spec = spec
        self._batch = batch
        self._handler = handler
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._begun = 0
        self._asked = 0
        """Since it has begun the last time."""
        self._heard_at = 0.0
        self._running = True
        self._keeper: asyncio.Task[None] | None = None
        self._restart = asyncio.Event()

    async def start(self) -> None:
        """Returns when the first request is on its way."""
        await self._begin()
        self._keeper = asyncio.create_task(self._keep(), name=f"pull {self._spec.durable}")

    async def stop(self) -> None:
        self._running = False
        await end(self._keeper)
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    def again(self) -> None:
        """The connection or the consumer is new: ask again."""
        self._restart.set()

    async def _begin(self) -> None:
        await ensure_consumer(self._client.jetstream(), self._spec)
        if self._subscription is None:
            self._subscription = await self._client.listen(f"{self._inbox}.*", self._receive)
        self._begun += 1
        self._asked = 0
        self._ask()

    async def _keep(self) -> None:
        """Start again when told to, or when the server has been silent for too long. It takes two looks: before the
        first the loop may have been held up, and the heartbeat waits to be read."""
        loop = asyncio.get_running_loop()
        doubted_at = 0.0
        while self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._restart.wait(), LOOK_S)
            silent = loop.time() - self._heard_at > SILENCE_S and self._client.is_connected
            sure, doubted_at = silent and doubted_at == self._heard_at, self._heard_at if silent else 0.0
            if not self._restart.is_set() and not sure:
                continue
            if sure:
                log.warning("nothing is heard of consumer %s; it is asked again", self._spec.durable)
            self._restart.clear()
            try:
                await self._begin()
            except (BusError, nats.errors.Error, OSError) as error:
                log.debug("consumer %s cannot be asked yet: %s", self._spec.durable, error)
                self._restart_later()

    def _ask(self) -> None:
        """Raises nats.errors.Error when nothing can be asked now. The reply subject tells since when it was asked, and
        how much."""
        count = self._batch - self._asked
        body = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (
            count,
            int(EXPIRES_S * 1e9),
            int(HEARTBEAT_S * 1e9),
        )
        self._client.send(self._request, body, reply=f"{self._inbox}.{self._begun}-{count}")
        self._asked += count
        self._heard_at = asyncio.get_running_loop().time()

    def _ask_again(self) -> None:
        try:
            self._ask()
        except nats.errors.Error as error:
            log.debug("consumer %s cannot be asked now: %s", self._spec.durable, error)
            self._restart_later()

    def _restart_later(self) -> None:
        asyncio.get_running_loop().call_later(RETRY_S, self._restart.set)

    def _receive(self, subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if subject.startswith(self._inbox):
            self._ended(subject, headers or {})
            return
        self._asked = max(0, self._asked - 1)
        self._handler(Incoming(subject, headers or {}, body, reply, self._connection()))
        if self._asked * 2 < self._batch and self._running:
            self._ask_again()

    def _ended(self, subject: str, headers: Mapping[str, str]) -> None:
        """The server ended a request: it expired, or the consumer is gone."""
        status = headers.get("Status", "")
        begun, _, count = subject.rpartition(".")[2].partition("-")
        if status == "100" or int(begun) != self._begun:
            return
        left = headers.get("Nats-Pending-Messages", "")
        self._asked = max(0, self._asked - int(left if left.isdigit() else count))
        if not self._running:
            return
        if status in ("404", "408"):
            self._ask_again()
        else:
            self._restart_later()
