"""A connection in its own thread, and work done on it in one hop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import aiosqlite

T = TypeVar("T")

_CACHE_KIB = 32 * 2**10
_WAL_LIMIT_BYTES = 64 * 2**20
_STATEMENTS = 256

BUSY_MS = 5_000
"""How long to wait for another program that writes to the file."""

_BOTH = f"""
PRAGMA cache_size = -{_CACHE_KIB};
PRAGMA temp_store = MEMORY;
"""
_WRITER = f"""
PRAGMA busy_timeout = 0;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES};
"""
_READER = f"PRAGMA busy_timeout = {BUSY_MS}; PRAGMA query_only = ON;"


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs whole functions in its thread.

    A hop to the thread and back costs as much as ten small statements, so nothing here hops per statement.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, iter_chunk_size=64)
        # A program that fails before it closes its store must end nevertheless; the file survives any end.
        self._thread.daemon = True

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, for its one user while nothing runs in its thread."""
        return self._conn

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work` with the raw connection, in the connection's thread."""
        return cast(T, await self._execute(work, self._conn))  # type: ignore[no-untyped-call]

    def join(self) -> None:
        """Wait for the thread, which has been told to end."""
        self._thread.join()


async def open_writer(path: Path) -> Connection:
    return await _open(path, _BOTH + _WRITER)


async def open_reader(path: Path) -> Connection:
    return await _open(path, _BOTH + _READER)


async def _open(path: Path, pragmas: str) -> Connection:
    def connect() -> sqlite3.Connection:
        # Transactions are begun and ended by us alone: isolation_level None.
        raw = sqlite3.connect(
            path, isolation_level=None, cached_statements=_STATEMENTS, check_same_thread=False
        )
        try:
            raw.executescript(pragmas)
        except BaseException:
            raw.close()
            raise
        return raw

    connection = Connection(connect)
    try:
        return cast(Connection, await connection)
    except BaseException:
        # The thread of a connection that failed still calls the event loop, which may be closed soon.
        connection.join()
        raise
