"""The HTTP server, in the coordinator's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from headrace_coordinator.api.app import Api
from headrace_coordinator.api.listening import BACKLOG

GRACE_S = 5
"""How long requests may take to finish when the server stops."""


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to the coordinator and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A client that was cut because it takes nothing would be waited for until the grace is over.
        for connection in tuple(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None and transport.is_closing():
                transport.abort()
        await super().shutdown(sockets)


class ApiServer:
    """Serves an application until it is told to stop."""

    def __init__(self, app: Api) -> None:
        self._app = app
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the start."""
        return 0 if self._socket is None else int(self._socket.getsockname()[1])

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that `bind` made."""
        self._socket = listening
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([self._socket]), name="api")
        ready = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({ready, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if not self._server.listening.is_set():
            ready.cancel()
            await self._serving

    async def stop(self) -> None:
        """End open streams, let requests finish, and close the port."""
        if self._server is None or self._serving is None:
            return
        self._app.services.close_streams()
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None
