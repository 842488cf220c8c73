"""BLAKE2b of what is large, beside the loop: it releases the interpreter while it hashes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

LARGE_BYTES = 256 * 1024
"""What is smaller is done before a thread could begin."""
PIECE_BYTES = 1024 * 1024
AHEAD = 4
"""Pieces that may wait to be hashed."""

_threads = ThreadPoolExecutor(2, "headrace-results")
"""Not the loop's own, which users' code may fill."""


def digest_of(body: bytes | memoryview) -> str:
    return blake2b(body, digest_size=16).hexdigest()


async def off_loop(work: Callable[[], T], size_bytes: int) -> T:
    """Work whose length follows a size: in a thread when that is large."""
    if size_bytes < LARGE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


class Digest:
    """Hashes what is fed to it in order, piece by piece, while the next ones are fetched."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._running: asyncio.Future[None] | None = None

    async def feed(self, piece: bytes) -> None:
        """Waits when hashing is far behind."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= PIECE_BYTES and (self._running is None or self._running.done()):
            await self._hash_waiting()
        elif self._running is not None and self._waiting_bytes > AHEAD * PIECE_BYTES:
            await self._running

    async def _hash_waiting(self) -> None:
        if self._running is not None:
            await self._running
        pieces, self._pieces, self._waiting_bytes = self._pieces, deque(), 0
        update = self._hash.update

        def work() -> None:
            for piece in pieces:
                update(piece)

        self._running = asyncio.get_running_loop().run_in_executor(_threads, work)

    async def hex(self) -> str:
        """Of all that was fed."""
        if self._running is not None:
            await self._running
        for piece in self._pieces:
            self._hash.update(piece)
        return self._hash.hexdigest()
