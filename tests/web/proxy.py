"""A proxy between browser and coordinator that breaks what proxies break: it cuts connections, or keeps the live
stream to itself."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

STREAM = b"GET /api/v1/live?"
PIECE = 64 * 1024


class Proxy:
    """Passes everything on until it is told otherwise."""

    def __init__(self, port: int, *, muted: bool = False) -> None:
        self.muted = muted
        """Whether the live stream is read and never handed on, as by a proxy that buffers."""
        self.refusing = False
        self.missing = b""
        """Connections that ask for a path with this in it are cut."""
        self.port = 0
        self._to = port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection in the middle of whatever it carries."""
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except ConnectionError:
            writer.transport.abort()
            return
        self._open |= {writer, there_writer}
        streaming = asyncio.Event()
        try:
            await asyncio.gather(
                self._pass(reader, there_writer, asks=streaming),
                self._pass(there_reader, writer, streaming=streaming),
            )
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in (writer, there_writer):
                self._open.discard(end)
                end.close()
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        asks: asyncio.Event | None = None,
        streaming: asyncio.Event | None = None,
    ) -> None:
        while piece := await reader.read(PIECE):
            if asks is not None and piece.startswith(STREAM):
                asks.set()
            if asks is not None and self.missing and self.missing in piece.split(b"\r\n", 1)[0]:
                break
            if streaming is not None and streaming.is_set() and self.muted:
                continue
            writer.write(piece)
            await writer.drain()
        writer.transport.abort()
