"""Committed history, told to whoever listens now. Readers that were away read the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from headrace_coordinator.engine.state import RunHead
from headrace_protocol.messages import LifecycleBatch

BACKLOG = 10_000
"""Entries that a slow listener may lag behind before it is cut off; it resumes from the store."""

Follower = Callable[[list[LifecycleBatch], Callable[[str], RunHead]], None]
"""Is called after each commit, on the hot path, with what was committed and the head of any run in it. The head may
be ahead of the entries: only what never changes can be read from it."""


class Changes:
    """A broadcast without memory. Positions also number the history: each is handed out once, in commit order."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[LifecycleBatch | None]] = set()
        self.follower: Follower | None = None
        self._position = 0

    def resume(self, last_position: int) -> None:
        """Go on numbering after what the store holds."""
        self._position = last_position

    @property
    def position(self) -> int:
        return self._position

    def next_position(self) -> int:
        self._position += 1
        return self._position

    def tell(self, batches: list[LifecycleBatch], head_of: Callable[[str], RunHead]) -> None:
        """To be called after the commit, in order."""
        if self.follower is not None and batches:
            self.follower(batches, head_of)
        for queue in tuple(self._listeners):
            for batch in batches:
                if queue.qsize() >= BACKLOG:
                    self._listeners.discard(queue)
                    queue.put_nowait(None)
                    break
                queue.put_nowait(batch)

    def close(self) -> None:
        """End every listener's iteration."""
        for queue in self._listeners:
            queue.put_nowait(None)
        self._listeners.clear()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[LifecycleBatch]]:
        """Entries committed from now on. The iteration ends when the coordinator stops or the listener is too slow."""
        queue: asyncio.Queue[LifecycleBatch | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._listeners.discard(queue)


async def _drain(queue: asyncio.Queue[LifecycleBatch | None]) -> AsyncIterator[LifecycleBatch]:
    while (batch := await queue.get()) is not None:
        yield batch
