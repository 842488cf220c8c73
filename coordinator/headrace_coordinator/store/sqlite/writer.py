"""The one writer: takes everything that waits, and commits it together.

A commit costs one fsync however much is in it, so the jobs that pile up during one fsync share the next
(group commit). Each job of a group has a savepoint of its own: one that fails takes none of the others with
it. When the commit itself fails, nothing of the group is written and every job fails.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from headrace_coordinator.store.sqlite.apply import Applier
from headrace_coordinator.store.sqlite.connection import Connection
from headrace_coordinator.store.sqlite.errors import while_open
from headrace_protocol.errors import Unavailable

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
_Waiting = tuple[Job[object], "asyncio.Future[object]"]


class Writer:
    """Runs jobs on the writing connection, in order, in groups."""

    def __init__(self, connection: Connection, path: Path, applier: Applier) -> None:
        self._connection = connection
        self._path = path
        self._applier = applier
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._write(), name="store writer")

    async def do(self, job: Job[T]) -> T:
        """Run a job inside a transaction; its result once that is durable.

        A caller that is cancelled before the job's turn leaves nothing written.
        """
        if self._closing:
            raise Unavailable("the store is closed", where=str(self._path))
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))  # type: ignore[arg-type]
        self._wake.set()
        return await future

    async def close(self) -> None:
        """Write what waits, then end."""
        self._closing = True
        self._wake.set()
        try:
            await self._task
        finally:
            await self._connection.close()

    async def _write(self) -> None:
        while self._waiting or not self._closing:
            await self._wake.wait()
            self._wake.clear()
            group = [waiting for waiting in self._waiting if not waiting[1].done()]
            self._waiting = []
            if group:
                await self._write_group(group)

    async def _write_group(self, group: list[_Waiting]) -> None:
        jobs = [job for job, _ in group]
        try:
            results = await self._connection.run(partial(self._commit, jobs=jobs))
        except Exception as error:
            results = [error] * len(group)
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(while_open(result, self._path))
            else:
                future.set_result(result)

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job[object]]) -> list[object]:
        """One transaction, in the connection's thread: each job's result or exception."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            alone = len(jobs) > 1
            results = [self._alone(connection, job) if alone else job(connection) for job in jobs]
            connection.execute("COMMIT")
        except BaseException:
            self._applier.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _alone(self, connection: sqlite3.Connection, job: Job[object]) -> object:
        connection.execute("SAVEPOINT job")
        try:
            result = job(connection)
        except Exception as error:
            self._applier.forget()
            if not connection.in_transaction:
                raise  # SQLite has rolled the whole group back by itself, as it may when the disk is full.
            connection.execute("ROLLBACK TO job")
            result = error
        connection.execute("RELEASE job")
        return result
