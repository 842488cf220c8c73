"""Killed processes, full disks and broken files."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which

import pytest

from headrace_coordinator.store.port import LogFilter
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.store.sqlite.store import SqliteStore
from headrace_protocol.errors import Unavailable
from tests.conformance.store.samples import head, line

WRITES_UNTIL_KILLED = """
import asyncio, sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.store.sqlite.store import SqliteStore
from tests.conformance.store.samples import attempt, batch, head, history, node

async def write(store, writer):
    for number in range(1, 1_000_000):
        position = number * 4 + writer
        await store.commit(Transaction(
            runs=[head(f"w{writer}", nodes_done=number)], nodes=[node(f"w{writer}", attempt=number)],
            history=[history(position, f"w{writer}")], outbox=[batch(position)],
            attempts=[attempt(f"w{writer}", number=number)],
        ))
        print(writer, number, flush=True)

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await asyncio.gather(*(write(store, writer) for writer in range(4)))

asyncio.run(main())
"""


async def test_everything_acknowledged_survives_kill_9(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, env=environment
    )
    acknowledged: dict[str, int] = {}
    with writer:
        assert writer.stdout is not None
        for count, told in enumerate(writer.stdout):
            if not told.endswith(b"\n"):
                break  # the kill came in the middle of a line
            name, number = told.split()
            acknowledged[f"w{name.decode()}"] = int(number)
            if count == 200:
                writer.kill()
    store = SqliteStore(path)
    await store.open()
    assert len(acknowledged) == 4
    for run_id, number in acknowledged.items():
        stored = await store.run(run_id)
        assert stored is not None
        done = stored.head.nodes_done
        assert number <= done <= number + 1
        assert stored.nodes["n"].attempt == done
        attempts = await store.attempts(run_id, None, 0, 10_000)
        assert [found.attempt for found in attempts] == list(range(1, done + 1))
        assert len(await store.history(run_id, 0, 10_000)) == done
    assert await store.last_outbox_sequence() == await store.last_position()
    await store.close()


async def test_an_acknowledged_commit_is_on_the_disk(store: SqliteStore) -> None:
    """A kill leaves the page cache alone; only these settings make a commit survive loss of power."""
    assert store._writer is not None

    def settings(raw: sqlite3.Connection) -> list[object]:
        return [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert await store._writer._connection.run(settings) == ["wal", 2]


async def test_a_full_disk_fails_the_commit_and_nothing_else(store: SqliteStore) -> None:
    await store.commit(Transaction(runs=[head()], cursors={"c": 1}))
    assert store._writer is not None
    connection = store._writer._connection

    def fill(raw: sqlite3.Connection) -> None:
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {pages + 5}").fetchone()

    def make_room(raw: sqlite3.Connection) -> None:
        raw.execute("PRAGMA max_page_count = 1000000").fetchone()

    await connection.run(fill)
    large = Transaction(runs=[head(nodes_done=9)], logs=[line() for _ in range(5_000)], cursors={"c": 2})
    with pytest.raises(Unavailable, match="room on the disk"):
        await store.commit(large)
    group = [store.commit(large), store.commit(Transaction(cursors={"small": 1})), store.commit(large)]
    done = await asyncio.gather(*group, return_exceptions=True)
    assert isinstance(done[0], Unavailable)
    assert isinstance(done[2], Unavailable)
    assert await store.cursor("small") == (1 if done[1] is None else 0)
    assert await store.cursor("c") == 1
    stored = await store.run("r1")
    assert stored is not None
    assert stored.head.nodes_done == 0
    assert await store.logs(LogFilter("r1"), 0, 10) == []
    await connection.run(make_room)
    await store.commit(large)
    assert await store.cursor("c") == 2
    assert len(await store.logs(LogFilter("r1"), 0, 10_000)) == 5_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "headrace-test", str(folder)]
    if (
        os.geteuid()
        or not which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_really_is_full(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "store.db")
    await store.open()
    await store.commit(Transaction(runs=[head()], cursors={"c": 1}))
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 1_024)
    failed = 0
    for number in range(100):
        try:
            await store.commit(Transaction(cursors={"c": 2 + number}, logs=[line() for _ in range(100)]))
        except Unavailable:
            failed += 1
    assert failed
    kept = await store.cursor("c")
    filler.unlink()
    assert await store.cursor("c") == kept
    await store.commit(Transaction(runs=[head(nodes_done=9)], cursors={"c": 200}))
    assert await store.cursor("c") == 200
    await store.close()
    await store.open()
    stored = await store.run("r1")
    assert stored is not None
    assert stored.head.nodes_done == 9
    await store.close()


async def test_a_value_that_cannot_be_stored_fails_its_own_commit(store: SqliteStore) -> None:
    done = await asyncio.gather(
        store.commit(Transaction(cursors={"c": 1})),
        store.commit(Transaction(cursors={"c": 2**64})),
        store.commit(Transaction(cursors={"d": 1})),
        return_exceptions=True,
    )
    assert [type(result) for result in done] == [type(None), OverflowError, type(None)]
    assert (await store.cursor("c"), await store.cursor("d")) == (1, 1)


async def test_a_caller_that_gives_up_does_not_disturb_the_writer(store: SqliteStore) -> None:
    for wait in range(4):
        tasks = [
            asyncio.ensure_future(store.commit(Transaction(cursors={f"c{number}": wait})))
            for number in range(3)
        ]
        for _ in range(wait):
            await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert done[0] is None
        assert done[2] is None
    assert await store.cursor("c0") == 3


async def test_a_store_that_another_program_writes_to_waits_for_it(store: SqliteStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.ensure_future(store.commit(Transaction(cursors={"c": 1})))
    done, _ = await asyncio.wait([commit], timeout=0.05)
    assert not done
    other.execute("COMMIT")
    other.close()
    await commit
    assert await store.cursor("c") == 1
