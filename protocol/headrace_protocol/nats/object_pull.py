"""Reading some messages of a stream through a consumer of their own, at the pace at which they are used."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
import nats.errors
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerConfig

if TYPE_CHECKING:
    from headrace_protocol.nats.connection import Connection

WINDOW_CHUNKS = 32
"""Chunks that are on their way at once, in either direction: 4 MiB."""
SILENCE_S = 10.0
"""After so long without a chunk or an acknowledgement, reading or writing has failed."""
_ACK_TOKENS_V1 = 9


class ObjectsError(Exception):
    """The bus refused, lost or did not answer something; whoever asked may ask again."""


class ObjectGone(ObjectsError):
    """An object that was found is not whole any more."""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A message of the bucket's stream, with what its reply subject tells of it."""

    subject: str
    body: bytes
    sequence: int
    at_us: int
    """When the server took it."""
    number: int
    """Among those that the consumer has delivered."""


class Pull:
    """A consumer that ends with what it was asked for. At most `WINDOW_CHUNKS` messages are here and not used."""

    def __init__(self, connection: Connection, stream: str, count: int) -> None:
        self._connection = connection
        self._stream = stream
        self._inbox = connection.new_inbox()
        self._subscription: Subscription | None = None
        self._arrived: deque[Arrived] = deque()
        self._problem = ""
        self._woken = asyncio.Event()
        self._left = count
        """Messages that are still to come."""
        self._asked = 0
        self._name = ""

    async def start(self, config: ConsumerConfig) -> None:
        with told():
            self._subscription = await self._connection.listen(self._inbox, self._receive)
            made = await self._connection.jetstream().add_consumer(self._stream, config)
        self._name = made.name
        self._left = min(self._left, made.num_pending or 0)
        self._ask()

    def _ask(self) -> None:
        """Ask for what fits, when that is half of the window or all that is left."""
        room = min(WINDOW_CHUNKS - len(self._arrived), self._left) - self._asked
        if room <= 0 or (room < WINDOW_CHUNKS // 2 and room + self._asked < self._left):
            return
        request = {"batch": room, "expires": round(2 * SILENCE_S * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        self._connection.send(subject, msgspec.json.encode(request), reply=self._inbox)
        self._asked += room

    def _receive(self, subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        if headers is not None and "Status" in headers:
            self._problem = f"{headers['Status']} {headers.get('Description', '')}".rstrip()
        elif reply.startswith("$JS.ACK."):
            self._asked -= 1
            self._left -= 1
            self._arrived.append(_arrived(subject, reply, body))
        self._woken.set()

    async def messages(self) -> AsyncIterator[Arrived]:
        number = 0
        while self._arrived or self._left > 0:
            if not self._arrived:
                await self._more()
                continue
            message = self._arrived.popleft()
            number += 1
            if message.number != number:
                raise ObjectsError(
                    f"{message.subject}: message {message.number} came where {number} was next"
                )
            self._ask()
            yield message

    async def _more(self) -> None:
        self._woken.clear()
        if self._problem or not self._connection.is_connected:
            raise ObjectsError(f"reading ended: {self._problem or 'the connection went away'}")
        try:
            await asyncio.wait_for(self._woken.wait(), SILENCE_S)
        except TimeoutError as error:
            raise ObjectsError(f"nothing came for {SILENCE_S:g} s") from error

    async def stop(self) -> None:
        with suppress(nats.errors.Error, OSError):
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._name:
                self._connection.send(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"")


def _arrived(subject: str, reply: str, body: bytes) -> Arrived:
    """`$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer
    seq>.<time>.<pending>[.<token>]`"""
    parts = reply.split(".")
    first = 4 if len(parts) == _ACK_TOKENS_V1 else 6
    sequence, number, at_ns = map(int, parts[first + 1 : first + 4])
    return Arrived(subject, body, sequence, at_ns // 1_000, number)


@contextmanager
def told() -> Iterator[None]:
    """Turns what nats-py raises into ObjectsError."""
    try:
        yield
    except (nats.errors.Error, TimeoutError, msgspec.MsgspecError) as error:
        raise ObjectsError(str(error) or type(error).__name__) from error
