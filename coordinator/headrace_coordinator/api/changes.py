"""One SSE stream of committed history. An event's id is its position, so `Last-Event-ID` resumes exactly.

    read the backlog from the store → listen → read what was committed meanwhile → send what is heard
          ↑                                                                              |
          └──────────────── more was heard than may wait for this client ────────────────┘

What is heard has been committed, and positions grow, so what both reading and listening tell is told
apart by its position. A slow client costs a bounded buffer and no more; one that takes nothing at all is cut.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.types import Send

from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.runs import POSITION_MAX
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.api.sse import RETRY, EventStream
from headrace_protocol.errors import RequestError
from headrace_protocol.messages import LifecycleBatch
from headrace_protocol.tasks import end

PAGE = 500


class ChangeFilter(msgspec.Struct, frozen=True):
    """Which changes a client wants."""

    run_id: str | None = None
    workflow: str | None = None

    def wants(self, batch: LifecycleBatch) -> bool:
        return (self.run_id is None or batch.run_id == self.run_id) and (
            self.workflow is None or batch.workflow == self.workflow
        )


class Window:
    """Live changes on their way to one client."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.batches: deque[LifecycleBatch] = deque()
        self.changed = asyncio.Event()
        self.overflowed = False
        self.ended = False

    async def fill(self, live: AsyncIterator[LifecycleBatch]) -> None:
        """Keep what is heard until it is too much or there is no more."""
        try:
            async for batch in live:
                if len(self.batches) >= self.bound:
                    self.overflowed = True
                    self.batches.clear()
                    return
                self.batches.append(batch)
                self.changed.set()
        finally:
            self.ended = not self.overflowed
            self.changed.set()


class Follower:
    """Follows the history for one client, from a position on."""

    def __init__(self, services: Services, position: int, wanted: ChangeFilter, send: Send) -> None:
        self.services = services
        self.position = position
        self.wanted = wanted
        self.gone = False
        self._send = send
        self._window: Window | None = None

    @property
    def over(self) -> bool:
        return self.gone or self.services.closing

    def wake(self) -> None:
        """Look again whether it is over."""
        if self._window is not None:
            self._window.changed.set()

    async def follow(self) -> None:
        """Send changes until the client is gone or the server stops. Raises TimeoutError when it is stuck."""
        await self._greet()
        again = True
        while again and not self.over:
            await self._catch_up()
            async with self.services.coordinator.changes() as live:
                again = await self._listen(live)

    async def _greet(self) -> None:
        """Tell the position to resume from, also to a client that never hears of a change."""
        newest = await self.services.store.last_position()
        if self.position > newest:
            # The client knows a store that is gone; it has to read everything anew.
            self.position = newest
            await self._write(RETRY + b'id: %d\nevent: reset\ndata: {"position":%d}\n\n' % (newest, newest))
        else:
            await self._write(RETRY + b"id: %d\n\n" % self.position)

    async def _catch_up(self) -> None:
        while not self.over:
            batches = await self.services.store.history(self.wanted.run_id, self.position, PAGE)
            if not batches:
                return
            await self._tell(batches)

    async def _listen(self, live: AsyncIterator[LifecycleBatch]) -> bool:
        """Send what is heard. True when the store has to be read again."""
        window = self._window = Window(self.services.settings.change_buffer)
        filling = asyncio.create_task(window.fill(live))
        try:
            await self._catch_up()
            while not (self.over or window.overflowed):
                heard = list(window.batches)
                window.batches.clear()
                await self._tell(heard)
                if window.batches or window.overflowed:
                    continue
                if window.ended or self.over:
                    return False
                window.changed.clear()
                await self._wait(window)
            return window.overflowed
        finally:
            self._window = None
            await end(filling)

    async def _wait(self, window: Window) -> None:
        try:
            async with asyncio.timeout(self.services.settings.heartbeat_s):
                await window.changed.wait()
        except TimeoutError:
            await self._write(b": still here\nid: %d\n\n" % self.position)

    async def _tell(self, batches: list[LifecycleBatch]) -> None:
        """Send those that are new and wanted, and remember how far the client has been served."""
        new = [batch for batch in batches if batch.position > self.position]
        if not new:
            return
        frames = b"".join(_frame(batch) for batch in new if self.wanted.wants(batch))
        self.position = new[-1].position
        if frames:
            await self._write(frames)

    async def _write(self, body: bytes) -> None:
        async with asyncio.timeout(self.services.settings.slow_client_s):
            await self._send({"type": "http.response.body", "body": body, "more_body": True})


@get(
    "/changes",
    operation_id="changes",
    summary="Live changes",
    description="Server-sent events. Each carries one history entry (`LifecycleBatch`) and its position as "
    "id; `Last-Event-ID`, or `after`, goes on exactly behind it. Without either the stream begins now. "
    "An event `reset` says that the position belongs to another store.",
    tags=["operations"],
    media_type="text/event-stream",
    responses=problems(400),
)
async def changes(
    services: Given,
    request: Incoming,
    after: Annotated[
        int | None, QueryParameter(ge=0, le=POSITION_MAX, description="Go on after this position.")
    ] = None,
    run_id: Annotated[str | None, QueryParameter(description="Only this run.")] = None,
    workflow: Annotated[str | None, QueryParameter(description="Only runs of this workflow.")] = None,
) -> EventStream:
    last = request.headers.get("last-event-id", "").strip()
    if last and not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise RequestError(
            "not a position", where="Last-Event-ID", found=repr(last[:80]), expected="the id of an event"
        )
    position = int(last) if last else after
    begins = await services.store.last_position() if position is None else position
    wanted = ChangeFilter(run_id, workflow)
    return EventStream(services, lambda send: Follower(services, begins, wanted, send))


def _frame(batch: LifecycleBatch) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (batch.position, msgspec.json.encode(batch))
