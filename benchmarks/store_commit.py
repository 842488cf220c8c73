"""What a commit of the SQLite store costs, beside raw sqlite3 running the same statements in the same run.

    python benchmarks/store_commit.py [--commits N] [--items N] [--directory DIR]

Prints the time of one commit as its caller sees it, rows per second when many commits wait together, the time
to open a new and an existing file, and the bytes of one attempt in a map. Raw means: the same rows, encoded
beforehand, in one BEGIN IMMEDIATE ... COMMIT per turn on a connection with the same settings, no asyncio.
The event loop is uvloop, as in the coordinator.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import uvloop

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import Node, NodeState, RunHead
from headrace_coordinator.store.records import NodeRow, OutboxBatch, OutboxMessage, Transaction
from headrace_coordinator.store.sqlite.apply import Applier
from headrace_coordinator.store.sqlite.connection import open_writer
from headrace_coordinator.store.sqlite.statements import schema_script
from headrace_coordinator.store.sqlite.store import SqliteStore
from headrace_coordinator.store.sqlite.writes import Writes, encode
from headrace_protocol.codec import raw
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, Result

NOW_US = 1_760_000_000_000_000
ROWS_PER_TURN = 6


def head(run: int) -> RunHead:
    params = raw({"month": 1, "source": "s3://bucket/flights/2013-01.parquet"})
    return RunHead(
        run_id=f"{run:026}",
        workflow="flights",
        version="0" * 32,
        shard=0,
        params=params,
        created_at_us=NOW_US + run,
        nodes_total=8,
    )


def attempt(run: int, number: int, item: int | None = None) -> AttemptRecord:
    return AttemptRecord(
        run_id=f"{run:026}",
        node="delay_statistics",
        attempt=number,
        state="succeeded",
        item=item,
        queued_at_us=NOW_US,
        started_at_us=NOW_US + 1_000,
        finished_at_us=NOW_US + 2_000,
        worker="worker-1-4242-a1b2c3",
        result=Result(raw({"carrier": "UA", "flights": 4_637, "mean_delay": 3.5})),
    )


def turn(run: int, number: int) -> Transaction:
    """What one outcome makes the loop write: five rows in, one out."""
    event = LifecycleEvent(kind="node.succeeded", at_us=NOW_US, node="delay_statistics", attempt=1)
    message = OutboxMessage("hr.default.task.default.normal", {"Nats-Msg-Id": f"{run}/{number}"}, b"x" * 400)
    return Transaction(
        runs=[head(run)],
        nodes=[
            NodeRow(f"{run:026}", "delay_statistics", Node(state=NodeState.SUCCEEDED, queued_at_us=NOW_US))
        ],
        attempts=[attempt(run, number)],
        history=[LifecycleBatch(position=number, run_id=f"{run:026}", workflow="flights", events=(event,))],
        outbox=[OutboxBatch(0, number, (message,))],
        outbox_confirmed=[number - 1],
    )


async def commits_us(folder: Path, commits: int) -> tuple[float, float, float]:
    """Median of our commit, of the raw one, and of their ratio, in pairs.

    The disk of a shared machine takes ten times as long in one second as in the next, so the two take turns.
    """
    store, applier = SqliteStore(folder / "store.db"), Applier()
    await store.open()
    connection = await open_writer(folder / "raw.db")
    await connection.run(lambda database: database.executescript(schema_script()))

    def commit_raw(database: sqlite3.Connection, writes: Writes) -> float:
        start = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        applier.apply(database, writes)
        database.execute("COMMIT")
        return time.perf_counter() - start

    pairs = []
    for number in range(1, commits + 1):
        transaction = turn(number % 10, number)
        floor = await connection.run(partial(commit_raw, writes=encode(transaction)))
        start = time.perf_counter()
        await store.commit(transaction)
        pairs.append((time.perf_counter() - start, floor))
    await connection.close()
    await store.close()
    ours, raws = (median(side) * 1e6 for side in zip(*pairs, strict=True))
    return ours, raws, median(our / floor for our, floor in pairs)


async def rows_per_second(folder: Path, commits: int, together: int) -> float:
    store = SqliteStore(folder / f"together{together}.db")
    await store.open()
    numbers: Iterator[int] = iter(range(1, commits + 1))

    async def commit_all() -> None:
        for number in numbers:
            await store.commit(turn(number % 100, number))

    start = time.perf_counter()
    await asyncio.gather(*(commit_all() for _ in range(together)))
    rate = commits * ROWS_PER_TURN / (time.perf_counter() - start)
    await store.close()
    return rate


async def open_ms(path: Path) -> float:
    store = SqliteStore(path)
    start = time.perf_counter()
    await store.open()
    taken = time.perf_counter() - start
    await store.close()
    return taken * 1e3


async def map_of(folder: Path, items: int) -> tuple[float, float, float]:
    """Bytes per attempt, attempts written per second, and read per second."""
    path = folder / "map.db"
    store = SqliteStore(path)
    await store.open()
    await store.commit(Transaction(runs=[head(1)]))
    await store.close()
    empty = path.stat().st_size
    await store.open()
    start = time.perf_counter()
    for first in range(0, items, 500):
        await store.commit(
            Transaction(attempts=[attempt(1, 1, item) for item in range(first, min(first + 500, items))])
        )
    written = items / (time.perf_counter() - start)
    start, read = time.perf_counter(), 0
    while page := await store.item_results(f"{1:026}", "delay_statistics", read, 2_000):
        read += len(page)
    assert read == items
    taken = time.perf_counter() - start
    await store.close()
    return (path.stat().st_size - empty) / items, written, items / taken


async def main(commits: int, items: int, directory: Path | None) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as name:
        folder = Path(name)
        new = median([await open_ms(folder / f"open{number}.db") for number in range(5)])
        existing = median([await open_ms(folder / "open0.db") for _ in range(5)])
        print(f"open:    new file {new:.1f} ms, existing file {existing:.1f} ms (after imports)")
        ours, floor, ratio = await commits_us(folder, commits)
        print(f"commit:  {ours:.0f} us at the caller, raw sqlite3 {floor:.0f} us, ratio {ratio:.2f}")
        for together in (10, 100):
            rate = await rows_per_second(folder, commits * 3, together)
            print(f"batched: {rate:,.0f} rows/s with {together} commits waiting together")
        size, written, read = await map_of(folder, items)
        print(
            f"map:     {items:,} items, {size:.0f} bytes each, {written:,.0f}/s written, {read:,.0f}/s read"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--directory", type=Path, help="where to write; a RAM disk has no fsync to measure")
    options = parser.parse_args()
    uvloop.run(main(options.commits, options.items, options.directory))
