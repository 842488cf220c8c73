"""The one writer: takes everything that waits, and commits it together.

A commit costs one fsync however much is in it, so the jobs that pile up during one fsync share the next
(group commit). Each job of a group has a savepoint of its own: one that fails takes none of the others with
it. When the commit itself fails, nothing of the group is written and every job fails.

    BEGIN, statements     on the loop: a few µs each, in pages that are in memory
    COMMIT                on the loop while the disk is quick, which two changes of threads are not; otherwise in the
                          connection's thread: it waits for the disk, and the loop goes on meanwhile

A thread that runs statements while the loop is busy has to win the interpreter back after each of them, which
takes longer than the statement. Jobs that read a lot, such as pruning, run in the thread all the same.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from headrace_coordinator.store.sqlite.apply import Applier
from headrace_coordinator.store.sqlite.connection import BUSY_MS, Connection
from headrace_coordinator.store.sqlite.errors import while_open
from headrace_protocol.errors import Unavailable

QUICK_S = 0.001
"""A commit of what is little, on a disk that is quick, takes a third of it. While the last one took no longer, the
loop waits for the next one itself."""

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class _Waiting(NamedTuple):
    job: Job[object]
    future: asyncio.Future[object]
    long: bool


class Writer:
    """Runs jobs on the writing connection, in order, in groups."""

    def __init__(self, connection: Connection, path: Path, applier: Applier) -> None:
        self._connection = connection
        self._path = path
        self._applier = applier
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._last_took_s = QUICK_S
        """The last commit."""
        self._task = asyncio.create_task(self._write(), name="store writer")

    def do(self, job: Job[T], *, long: bool = False) -> asyncio.Future[T]:
        """Run a job inside a transaction; its result once that is durable. A long one runs and commits in the thread.

        A caller that is cancelled before the job's turn leaves nothing written.
        """
        if self._closing:
            raise Unavailable("the store is closed", where=str(self._path))
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(job, future, long))  # type: ignore[arg-type]
        self._wake.set()
        return future

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
            group = [waiting for waiting in self._waiting if not waiting.future.done()]
            self._waiting = []
            if group:
                await self._write_group(group)

    async def _write_group(self, group: list[_Waiting]) -> None:
        try:
            results = await self._commit(group)
        except Exception as error:
            results = [error] * len(group)
        for waiting, result in zip(group, results, strict=True):
            if waiting.future.done():
                continue
            if isinstance(result, Exception):
                waiting.future.set_exception(while_open(result, self._path))
            else:
                waiting.future.set_result(result)

    async def _commit(self, group: list[_Waiting]) -> list[object]:
        """One transaction: each job's result or exception."""
        connection = self._connection
        jobs = [waiting.job for waiting in group]
        try:
            if not _begun(connection.raw):
                await connection.run(_begin)
            long = any(waiting.long for waiting in group)
            if long:
                results = await connection.run(partial(self._carry_out, jobs=jobs))
            else:
                results = self._carry_out(connection.raw, jobs)
            quick = not long and self._last_took_s < QUICK_S
            self._last_took_s = _end(connection.raw) if quick else await connection.run(_end)
        except BaseException:
            self._applier.forget()
            await connection.run(_give_up)
            raise
        return results

    def _carry_out(self, connection: sqlite3.Connection, jobs: list[Job[object]]) -> list[object]:
        if len(jobs) == 1:
            return [jobs[0](connection)]
        return [self._alone(connection, job) for job in jobs]

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


def _begun(connection: sqlite3.Connection) -> bool:
    """Begin a transaction if nobody else writes to the file now."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _begin(connection: sqlite3.Connection) -> None:
    """Begin a transaction once whoever else writes to the file has ended; wait as long as is usual."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute("PRAGMA busy_timeout = 0")


def _end(connection: sqlite3.Connection) -> float:
    """Commit; how long it took, in seconds."""
    began = time.perf_counter()
    connection.execute("COMMIT")
    return time.perf_counter() - began


def _give_up(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
