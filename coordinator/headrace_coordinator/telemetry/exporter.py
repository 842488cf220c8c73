"""Exports the coordinator's spans over OTLP: once committed, and at least once.

It *follows* the commits: each turn hands it what was committed, which waits here for a moment and leaves with the
rest. It is *behind* when something has been missed, at the start or because the backend was away for so long that
too much waited; then it reads the history from where it stopped, and follows again when it has reached the end. How
far it came is stored now and then: what was exported after that is exported again after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from opentelemetry.sdk.resources import Resource

from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.queries.projection import spans_of
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.store.port import Store
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.telemetry.setup import SERVICE
from headrace_protocol.errors import HeadraceError
from headrace_protocol.messages import LifecycleBatch
from headrace_protocol.otlp.encode import Origin, encode_span
from headrace_protocol.otlp.senders import SpanSender
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.telemetry")

CURSOR = "telemetry.exported"
LINGER_S = 0.2
REMEMBER_S = 1.0
RETRY_S = (1.0, 5.0, 15.0)
STOP_S = 3.0
PAGE = 500
"""History entries in a read of the backlog."""
SLICE = 100
"""History entries that are encoded before the loop gets its turn."""
REQUEST_BYTES = 1024 * 1024
"""About where a request is full: backends take 4 MB over gRPC."""
WAITING = 20_000
"""History entries that may wait for the backend; beyond that they are left to the store."""

Entry = tuple[RunHead, LifecycleBatch]


class TraceExporter:
    """Makes spans of what is committed and hands them to a sender."""

    def __init__(self, sender: SpanSender, store: Store, changes: Changes, clock: Clock) -> None:
        self._sender = sender
        self._store = store
        self._changes = changes
        self._clock = clock
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
        self._origin = Origin(resource.attributes, "headrace.coordinator")
        self._waiting: list[Entry] = []
        self._behind = True
        self._told = 0
        """Position of the newest entry that has been looked at."""
        self._exported = 0
        """Up to here nothing is left to export."""
        self._remembered = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._remembering: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._exported = self._remembered = await self._store.cursor(CURSOR)
        self._changes.follower = self._tell
        self._task = asyncio.create_task(self._follow(), name="trace exporter")

    async def stop(self) -> None:
        """Export what is committed, then end; a backend that does not answer is not waited for."""
        self._changes.follower = None
        await end(self._task, self._remembering)
        try:
            await asyncio.wait_for(self._catch_up(), STOP_S)
        except (TimeoutError, HeadraceError):
            log.warning("the last spans could not be exported; the next start exports them")
        with suppress(HeadraceError):
            await self._remember()
        await asyncio.to_thread(self._sender.shutdown)

    def _tell(self, batches: list[LifecycleBatch], head_of: Callable[[str], RunHead]) -> None:
        """On the hot path, for every commit. See `headrace_coordinator.runtime.changes.Follower`."""
        if self._behind:
            return
        if len(self._waiting) > WAITING:
            self._behind = True
            self._waiting = []
        for batch in batches:
            head = head_of(batch.run_id)
            if head.trace is None or head.trace.sampled:
                self._waiting.append((head, batch))
        self._told = batches[-1].position
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            try:
                if self._behind:
                    await self._catch_up()
                await self._wake.wait()
                await self._clock.sleep(LINGER_S)
                self._wake.clear()
                await self._export_waiting()
            except HeadraceError as error:
                log.error("spans cannot be read from the store: %s", error)
                self._behind = True
                await self._clock.sleep(RETRY_S[0])

    async def _export_waiting(self) -> None:
        if not self._behind:
            waiting, self._waiting = self._waiting, []
            reached = self._told
            await self._export(waiting)
            self._reached(max(reached, self._exported))

    async def _catch_up(self) -> None:
        """Export what the store holds. What is told meanwhile waits, and is not exported twice."""
        self._behind = True
        while self._behind:
            self._behind = False
            self._waiting = []
            while page := await self._store.history(None, self._exported, PAGE):
                await self._export(await self._entries(page))
                self._reached(page[-1].position)
        self._waiting = [entry for entry in self._waiting if entry[1].position > self._exported]

    async def _entries(self, page: list[LifecycleBatch]) -> list[Entry]:
        runs = {run_id: await self._store.run(run_id) for run_id in {batch.run_id for batch in page}}
        found = [(stored.head, batch) for batch in page if (stored := runs[batch.run_id]) is not None]
        return [(head, batch) for head, batch in found if head.trace is None or head.trace.sampled]

    async def _export(self, entries: Sequence[Entry]) -> None:
        spans: list[bytes] = []
        size = 0
        for first in range(0, len(entries), SLICE):
            for head, batch in entries[first : first + SLICE]:
                for span in spans_of(head, batch):
                    spans.append(encode_span(span))
                    size += len(spans[-1])
            if size > REQUEST_BYTES:
                await self._send(spans)
                spans, size = [], 0
            await asyncio.sleep(0)
        if spans:
            await self._send(spans)

    async def _send(self, spans: Sequence[bytes]) -> None:
        request = self._origin.request(spans)
        attempt = 0
        while not await asyncio.to_thread(self._sender.send, request):
            await self._clock.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    def _reached(self, position: int) -> None:
        self._exported = position
        if self._remembering is None and position > self._remembered:
            self._remembering = asyncio.create_task(self._remember_later(), name="trace exporter's cursor")

    async def _remember_later(self) -> None:
        try:
            await self._clock.sleep(REMEMBER_S)
            await self._remember()
        except HeadraceError as error:
            log.error("how far spans are exported cannot be stored: %s", error)
        finally:
            self._remembering = None

    async def _remember(self) -> None:
        position = self._exported
        if position > self._remembered:
            await self._store.commit(Transaction(cursors={CURSOR: position}))
            self._remembered = position
