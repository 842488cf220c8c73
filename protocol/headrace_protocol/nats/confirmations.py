"""What streams say of the messages that were published to them.

nats-py's JetStream publish awaits each answer. Here answers arrive on one inbox whose last token is a number, so that
thousands may be on their way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from headrace_protocol.nats.connection import Connection

log = logging.getLogger("headrace.nats")


class _ApiError(msgspec.Struct):
    description: str = ""
    code: int = 0


class _PubAck(msgspec.Struct):
    """JetStream's `io.nats.jetstream.api.v1.pub_ack_response`, as far as it is read."""

    seq: int = 0
    error: _ApiError | None = None


_decode = msgspec.json.Decoder(_PubAck).decode


class Confirmations:
    """Futures of sequences in streams, by the subjects that the answers come to."""

    def __init__(
        self, connection: Connection, *, refused: type[Exception], disconnected: type[Exception]
    ) -> None:
        """A future raises `refused` when no stream takes the message, and `disconnected` when nobody knows."""
        self._connection = connection
        self._refused = refused
        self._disconnected = disconnected
        self._inbox = ""
        self._last = 0
        self._awaited: dict[str, asyncio.Future[int]] = {}

    async def open(self) -> None:
        """Listen; once, on a connection that is up."""
        self._inbox = self._connection.new_inbox() + "."
        await self._connection.listen(f"{self._inbox}*", self._receive)

    def expect(self) -> tuple[str, asyncio.Future[int]]:
        """The subject that the next message's answer is to go to, and what it says. Without a connection the subject
        is empty, and nothing is to be sent."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if not self._connection.is_connected:
            future.set_exception(self._disconnected("not connected"))
            return "", future
        self._last += 1
        token = str(self._last)
        self._awaited[token] = future
        return self._inbox + token, future

    def not_sent(self, subject: str, reply: str, error: Exception) -> None:
        """A message that was to be answered to `reply` could not be sent to `subject`."""
        future = self._awaited.pop(reply.removeprefix(self._inbox), None)
        if future is None:
            log.debug("not sent to %s: %s", subject, error)
        elif not future.done():
            future.set_exception(self._disconnected(str(error) or type(error).__name__))

    def lose(self) -> None:
        """The connection is gone, and with it every answer that has not come."""
        awaited, self._awaited = self._awaited, {}
        for future in awaited.values():
            if not future.done():
                future.set_exception(self._disconnected("the connection went away"))
                future.exception()  # heard by whoever awaits it; silent when nobody does

    def _receive(self, subject: str, _: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        future = self._awaited.pop(subject[len(self._inbox) :], None)
        if future is None or future.done():
            return
        if headers is not None and "Status" in headers:
            future.set_exception(self._refused(f"no stream takes this subject ({headers['Status']})"))
            return
        answer = _decode(body)
        if answer.error is None:
            future.set_result(answer.seq)
        else:
            future.set_exception(self._refused(f"{answer.error.description} ({answer.error.code})"))
