"""The SQLite store: opening and closing, and everything that writes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import cast

from headrace_coordinator.store.migrations import HEAD, REVISIONS
from headrace_coordinator.store.port import Capabilities, RetentionPolicy, Store
from headrace_coordinator.store.records import ShardFence, Transaction
from headrace_coordinator.store.sqlite import leases, pruning, writes
from headrace_coordinator.store.sqlite.apply import Applier
from headrace_coordinator.store.sqlite.connection import Connection, open_reader, open_writer
from headrace_coordinator.store.sqlite.errors import while_opening
from headrace_coordinator.store.sqlite.lock import FileLock
from headrace_coordinator.store.sqlite.reader import SqliteReader
from headrace_coordinator.store.sqlite.reading import ReadPool
from headrace_coordinator.store.sqlite.statements import schema_script
from headrace_coordinator.store.sqlite.writer import Writer
from headrace_protocol.errors import StoreSchemaError, Unavailable

_READERS = 3
_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


class SqliteStore(SqliteReader, Store):
    """One file, one coordinator."""

    capabilities = Capabilities(durable=True, many_coordinators=False)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path)
        self._applier = Applier()
        self._pool = ReadPool([], path)
        self._writer: Writer | None = None

    async def open(self) -> None:
        try:
            async with AsyncExitStack() as opened:
                opened.callback(self._lock.release)
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
                writer = await self._open_current()
                opened.push_async_callback(writer.close)
                readers = []
                for _ in range(_READERS):
                    reader = await open_reader(self._path)
                    opened.push_async_callback(reader.close)
                    readers.append(reader)
                opened.pop_all()
        except Exception as error:
            raise while_opening(error, self._path) from error
        self._applier.forget()
        self._pool = ReadPool(readers, self._path)
        self._writer = Writer(writer, self._path, self._applier)

    async def _open_current(self) -> Connection:
        """The writing connection, with the schema up to date."""
        connection = await open_writer(self._path)
        try:
            revision = await connection.run(partial(_revision, path=self._path))
            if revision is None:
                await connection.run(_create)
            elif revision != HEAD:
                await self._upgrade(revision)
            await connection.run(leases.end_all)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _upgrade(self, revision: str) -> None:
        if revision and revision not in REVISIONS:
            raise StoreSchemaError(
                "the store was made by a newer Headrace",
                where=str(self._path),
                found=f"schema {revision}",
                expected=f"schema {HEAD} or older",
                fix="Upgrade Headrace, or name another file.",
            )
        from headrace_coordinator.store.migrations.upgrade import upgrade_sqlite

        await asyncio.to_thread(upgrade_sqlite, self._path)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            await self._pool.close()
            await writer.close()
        finally:
            self._lock.release()

    def commit(self, transaction: Transaction) -> asyncio.Future[None]:
        rows = writes.encode(transaction)
        return self._open_writer.do(partial(self._applier.apply, writes=rows))

    async def acquire_shard(self, shard: int, owner: str, lease_s: float, now_us: int) -> ShardFence | None:
        lease_us = round(lease_s * 1e6)
        return await self._open_writer.do(
            partial(leases.acquire, shard=shard, owner=owner, lease_us=lease_us, now_us=now_us)
        )

    async def release_shard(self, fence: ShardFence) -> None:
        await self._open_writer.do(partial(leases.release, fence=fence))

    async def prune(self, policy: RetentionPolicy, now_us: int, limit: int) -> int:
        deleted = 0
        for job in pruning.jobs(policy, now_us, limit, self._applier):
            deleted += await self._open_writer.do(job, long=True)
        return deleted

    @property
    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise Unavailable("the store is not open", where=str(self._path))
        return self._writer


def _revision(connection: sqlite3.Connection, path: Path) -> str | None:
    """The schema's revision; "" when none was recorded yet, None for an empty file.

    Raises StoreSchemaError for a database that is somebody else's.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StoreSchemaError(
            "the file is a database of another program",
            where=str(path),
            found="tables " + ", ".join(sorted(tables)[:5]),
            expected="an SQLite database made by Headrace, or a new file",
            fix="Name another file.",
        )
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return cast(str, found[0]) if found else ""


def _create(connection: sqlite3.Connection) -> None:
    """The newest schema at once, in one transaction: a process that ends half-way leaves an empty file."""
    connection.executescript(
        f"BEGIN IMMEDIATE; {_VERSION_TABLE}; INSERT INTO alembic_version VALUES ('{HEAD}');"  # noqa: S608
        f"{schema_script()} COMMIT;"
    )
