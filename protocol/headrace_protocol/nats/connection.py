"""nats-py's client with a direct line: see the package."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import STALE_CONNECTION

from headrace_protocol.errors import ConfigError
from headrace_protocol.nats.frames import (
    CRLF,
    Frame,
    Malformed,
    Reader,
    parsed_headers,
    published,
    sent_bytes,
)
from headrace_protocol.nats.objects import Objects, Publish
from headrace_protocol.topology import MIN_PAYLOAD_BYTES

log = logging.getLogger("headrace.nats")

BREATH = 64
"""Messages after which whatever else is to be done gets its turn: nats-py's reader never waits while there is more."""
FULL_BYTES = 64 * 1024
"""So much does not wait for the end of the tick: the server can go on with it. Less, and uvloop would keep it."""
SLOW_BYTES = 1024 * 1024
"""With so much in the socket's buffer, writing is left to nats-py's flusher, which waits until it drains."""

REMIND_S = 60.0
MOST_REASONS = 100
"""That are remembered: subjects are named in some."""
LEAST_WAIT_S = 0.1
"""Between two attempts to connect again of which the first went wrong in an unexpected way."""

Listener = Callable[[str, str, Mapping[str, str] | None, bytes], None]
"""Called with subject, reply, headers and body, on the loop, in order of arrival; it must not block."""


def why_not(error: Exception) -> str:
    """Why a server cannot be used, in words. One that refuses credentials hangs up at once, and what it said of them is
    then often lost with the connection."""
    if isinstance(error, ConnectionResetError):
        return "the server hung up, as it does on an authorization violation"
    return str(error) or type(error).__name__


class Complaints:
    """What a server says against a connection, told once a minute for each reason: who reads the log learns why there
    is no connection, and is not flooded while it is asked again and again."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told_at: dict[str, float] = {}

    def heard(self, error: Exception) -> None:
        """Any error of nats-py; only the server's own words are told."""
        text = str(error)
        if not text.startswith("nats: '"):
            return
        now_s = time.monotonic()
        if now_s - self._told_at.get(text, -REMIND_S) < REMIND_S:
            return
        if len(self._told_at) >= MOST_REASONS:
            self._told_at.clear()
        self._told_at[text] = now_s
        self._log.warning("the NATS server says: %s", text.removeprefix("nats: ").strip("'"))


async def check_payload(found_bytes: int, server: str, close: Callable[[], Awaitable[None]]) -> None:
    """Close a connection to a server that takes less in a message than Headrace needs; raises ConfigError then."""
    if found_bytes >= MIN_PAYLOAD_BYTES:
        return
    await close()
    raise ConfigError(
        "the NATS server takes only small messages",
        where=f"max_payload of {server}",
        found=f"{found_bytes} bytes",
        expected=f"at least {MIN_PAYLOAD_BYTES}; 1048576 is usual",
        fix="Raise max_payload in the server's configuration, or the limit of the account.",
    )


class _ClientParser(Protocol):
    """What nats-py's client calls of its parser."""

    async def parse(self, data: bytes) -> None: ...

    def reset(self) -> None: ...


class Connection(Client):
    """A client whose frequent messages take the direct line, and that connects again whatever has ended a connection.

    nats-py closes for good on any error of the server (a password that was changed, credentials that have expired, one
    connection too many), and stops without a word on what it did not expect.
    """

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

    @property
    def in_cluster(self) -> bool:
        """Whether the server is one of several that hold streams together."""
        return bool(self._server_info.get("cluster"))

    def objects(self, bucket: str, publish: Publish) -> Objects:
        """A bucket of the object store."""
        return Objects(self, bucket, publish)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._listeners.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    def send(
        self, subject: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish at the end of this loop tick, or sooner when there is much. While there is no connection, keep it
        for the next one.

        Raises nats.errors.Error when the client is closed, body and headers are larger than the server takes (it would
        hang up, and again on the same message after each reconnect), or too much is kept already; ValueError for what
        cannot be a frame.
        """
        frame = published(subject, body, reply, headers)
        if len(frame) > self._max_payload and sent_bytes(body, headers) > self._max_payload:
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

    async def _process_err(self, err_msg: str) -> None:
        """The server complains. Where that ends the connection it hangs up, and the reader finds that out."""
        if self.is_connecting:
            await super()._process_err(err_msg)
            return
        stale = STALE_CONNECTION in err_msg
        error = nats.errors.StaleConnectionError() if stale else nats.errors.Error(f"nats: {err_msg}")
        self._err = error
        await self._error_cb(error)
        if stale:
            await self._process_op_err(error)

    async def _read_loop(self) -> None:
        await super()._read_loop()
        if self.is_connected and self._reading_task is asyncio.current_task():
            await self._process_op_err(nats.errors.ProtocolError())

    async def _connect_to_server(self, server: Any) -> None:
        """An attempt that the server refused has left its socket open."""
        if self._transport is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(server)

    async def _attempt_reconnect(self) -> None:
        while not self.is_closed:
            try:
                await super()._attempt_reconnect()
            except Exception as error:
                log.warning("connecting to NATS again went wrong", exc_info=error)
                if self.is_connected:  # it is what was to be done then that did
                    return
                self._status = Client.RECONNECTING
                await asyncio.sleep(max(self.options["reconnect_time_wait"], LEAST_WAIT_S))
            else:
                return

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
