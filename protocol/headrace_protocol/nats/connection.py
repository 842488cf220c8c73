"""nats-py's client with a direct line: see the package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from headrace_protocol.nats.frames import CRLF, Frame, Malformed, Reader, parsed_headers, published

log = logging.getLogger("headrace.nats")

BREATH = 64
"""Messages after which whatever else is to be done gets its turn: nats-py's reader never waits while there is more."""
FULL_BYTES = 64 * 1024
"""So much does not wait for the end of the tick: the server can go on with it. Less, and uvloop would keep it."""
SLOW_BYTES = 1024 * 1024
"""With so much in the socket's buffer, writing is left to nats-py's flusher, which waits until it drains."""

Listener = Callable[[str, str, Mapping[str, str] | None, bytes], None]
"""Called with subject, reply, headers and body, on the loop, in order of arrival; it must not block."""


def why_not(error: Exception) -> str:
    """Why a server cannot be used, in words. One that refuses credentials hangs up at once, and what it said of them is
    then often lost with the connection."""
    if isinstance(error, ConnectionResetError):
        return "the server hung up, as it does on an authorization violation"
    return str(error) or type(error).__name__


class _ClientParser(Protocol):
    """What nats-py's client calls of its parser."""

    async def parse(self, data: bytes) -> None: ...

    def reset(self) -> None: ...


class Connection(Client):
    """A client whose frequent messages take the direct line."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Listener] = {}
        self._leaving = False
        self._ps: Any = _Parser(self._ps, self._listeners)

    async def listen(self, subject: str, listener: Listener) -> Subscription:
        """Subscribe with a listener."""

        async def before_known(message: Msg) -> None:
            listener(message.subject, message.reply, message.headers, message.data)

        subscription = await self.subscribe(
            subject, cb=before_known, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        self._listeners[subscription._id] = listener
        return subscription

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._listeners.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish at the end of this loop tick, or sooner when there is much. While there is no connection, keep it
        for the next one.

        Raises nats.errors.Error when the client is closed, the body is larger than the server takes, or too
        much is kept already; ValueError for what cannot be a frame.
        """
        if len(body) > self._max_payload:
            raise nats.errors.MaxPayloadError
        frame = published(subject, body, reply, headers)
        # The server counts headers, too, and closes the connection over a message that is larger than it takes.
        if len(frame) > self._max_payload and len(frame) - frame.index(b"\r\n") - 4 > self._max_payload:
            raise nats.errors.MaxPayloadError
        if not self.is_connected:
            if self.is_closed:
                raise nats.errors.ConnectionClosedError
            if self._pending_data_size + len(frame) > self._max_pending_size:
                raise nats.errors.OutboundBufferLimitError
        self._pending.append(frame)
        self._pending_data_size += len(frame)
        if self._pending_data_size > FULL_BYTES:
            self.leave()
        elif not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_soon(self.leave)

    def leave(self) -> None:
        """Write what is waiting to the socket."""
        self._leaving = False
        transport, pending = self._transport, self._pending
        if not pending or transport is None or not self.is_connected or self._flush_queue is None:
            return  # a reconnect ends with a flush of its own
        if self._socket_backlog_bytes() > SLOW_BYTES:
            if self._flush_queue.empty():
                self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())
            return
        self._pending, self._pending_data_size = [], 0
        try:
            transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
        except (OSError, RuntimeError) as error:  # the reader finds the connection gone, and connects again
            log.debug("nothing can be written: %s", error)

    def _socket_backlog_bytes(self) -> int:
        writer = getattr(self._transport, "_io_writer", None)
        return 0 if writer is None else int(writer.transport.get_write_buffer_size())

    async def flush(self, timeout: int = 10) -> None:
        self.leave()
        await super().flush(timeout)


class _Parser:
    """Stands where nats-py's parser is: what is not for a listener goes on to that one."""

    def __init__(self, other: _ClientParser, listeners: Mapping[int, Listener]) -> None:
        self._other = other
        self._listeners = listeners
        self._reader = Reader()
        self._in_one_breath = 0

    def reset(self) -> None:
        self._reader.reset()
        self._other.reset()

    async def parse(self, data: bytes = b"") -> None:
        try:
            for frame in self._reader.frames(data):
                self._in_one_breath += 1
                if self._in_one_breath > BREATH:
                    await asyncio.sleep(0)
                    self._in_one_breath = 1
                listener = self._listeners.get(frame.sid)
                if listener is None:
                    await self._other.parse(_as_sent(frame))
                    continue
                try:
                    listener(frame.subject, frame.reply, parsed_headers(frame.headers), frame.body)
                except Exception:
                    log.exception("a message on %s broke its listener", frame.subject)
        except Malformed as error:
            raise nats.errors.ProtocolError from error


def _as_sent(frame: Frame) -> bytes:
    """The frame in the server's own words."""
    if frame.raw:
        return frame.raw
    reply = f"{frame.reply} " if frame.reply else ""
    total = len(frame.headers) + len(frame.body)
    sizes = f"{len(frame.headers)} {total}" if frame.headers else f"{total}"
    line = f"{'HMSG' if frame.headers else 'MSG'} {frame.subject} {frame.sid} {reply}{sizes}\r\n"
    return b"".join((line.encode(), frame.headers, frame.body, CRLF))
