"""How the queries of an SQLite store are run: on a few reading connections, beside the writer.

A query is one hop to a connection's thread, decoding included. It sees what was committed before it started. What
every turn asks for is read on the loop: the thread of a busy loop would have to win the interpreter back for each row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from headrace_coordinator.store.sqlite.connection import Connection
from headrace_coordinator.store.sqlite.errors import while_open
from headrace_coordinator.store.sqlite.statements import STATEMENTS
from headrace_protocol.errors import Unavailable

T = TypeVar("T")
Parameter = str | int | None


class ReadPool:
    """Reading connections; a query goes to the one with the fewest queries on it. The first is the loop's own."""

    def __init__(self, connections: list[Connection], path: Path) -> None:
        self._own, others = connections[:1], connections[1:]
        self._load = dict.fromkeys(others, 0)
        self._path = path

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self._load:
            raise Unavailable("the store is closed", where=str(self._path))
        connection = min(self._load, key=self._load.__getitem__)
        self._load[connection] += 1
        try:
            return await connection.run(work)
        except sqlite3.Error as error:
            raise while_open(error, self._path) from error
        finally:
            if connection in self._load:
                self._load[connection] -= 1

    def here(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on the loop, for rows by key that are about to be written: their pages are read anyway."""
        if not self._own:
            raise Unavailable("the store is closed", where=str(self._path))
        try:
            return work(self._own[0].raw)
        except sqlite3.Error as error:
            raise while_open(error, self._path) from error

    async def close(self) -> None:
        connections = [*self._own, *self._load]
        self._own.clear()
        self._load.clear()
        for connection in connections:
            await connection.close()


class Reading:
    """Runs one named query."""

    _pool: ReadPool

    async def _all(self, query: str, decode: Callable[..., T], **parameters: Parameter) -> list[T]:
        def work(connection: sqlite3.Connection) -> list[T]:
            return [decode(*row) for row in connection.execute(STATEMENTS[query], parameters)]

        return await self._pool.run(work)

    async def _first(self, query: str, decode: Callable[..., T], **parameters: Parameter) -> T | None:
        found = await self._all(query, decode, **parameters)
        return found[0] if found else None

    async def _number(self, query: str, **parameters: Parameter) -> int:
        return (await self._all(query, int, **parameters))[0]
