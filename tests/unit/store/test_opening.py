import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headrace_coordinator.store import open_store
from headrace_coordinator.store.migrations import HEAD
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.store.sqlite.store import SqliteStore
from headrace_protocol.errors import ConfigError, HeadraceError, StoreLocked, StoreSchemaError

HOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from headrace_coordinator.store.sqlite.lock import FileLock
FileLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


async def refused(path: Path, kind: type[HeadraceError]) -> HeadraceError:
    with pytest.raises(kind) as caught:
        await SqliteStore(path).open()
    assert str(path) in str(caught.value)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite:///", "postgres://x", "store.db", "memory:x"])
def test_urls_that_name_no_store(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        open_store(url)


def test_urls_of_files() -> None:
    relative, absolute = open_store("sqlite:///a/b.db"), open_store("sqlite:////a/b.db")
    assert isinstance(relative, SqliteStore)
    assert isinstance(absolute, SqliteStore)
    assert (relative._path, absolute._path) == (Path("a/b.db"), Path("/a/b.db"))


async def test_directories_are_made(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a" / "b" / "store.db")
    await store.open()
    await store.close()
    assert (tmp_path / "a" / "b" / "store.db").exists()


async def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    for number in range(3):
        store = SqliteStore(path)
        await store.open()
        assert await store.cursor("c") == number
        await store.commit(Transaction(cursors={"c": number + 1}))
        await store.close()


async def test_a_second_store_on_the_file_is_refused_at_once(store: SqliteStore, path: Path) -> None:
    error = await refused(path, StoreLocked)
    assert f"pid {os.getpid()}" in error.found
    await store.commit(Transaction(cursors={"c": 1}))
    await store.close()
    other = SqliteStore(path)
    await other.open()
    assert await other.cursor("c") == 1
    await other.close()


async def test_the_lock_ends_with_a_killed_process(path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD_UNTIL_KILLED,
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        error = await refused(path, StoreLocked)
        assert f"kill {holder.pid}" in error.fix
        holder.kill()
    store = SqliteStore(path)
    await store.open()
    await store.close()


async def test_a_newer_schema_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    error = await refused(path, StoreSchemaError)
    assert "9999" in error.found
    assert HEAD in error.expected


async def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bookmarks (url)")
    raw.close()
    error = await refused(path, StoreSchemaError)
    assert "bookmarks" in error.found


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to look" * 100)
    await refused(path, StoreSchemaError)


async def test_a_damaged_database_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    damaged = bytearray(path.read_bytes())
    damaged[100:8_192] = b"\xff" * 8_092
    path.write_bytes(damaged)
    await refused(path, StoreSchemaError)


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    await refused(tmp_path / "file" / "store.db", ConfigError)


async def test_a_directory_instead_of_a_file_is_refused(path: Path) -> None:
    path.mkdir()
    await refused(path, ConfigError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    await refused(tmp_path / "store.db", ConfigError)


async def test_a_refused_store_can_be_opened_once_the_cause_is_gone(path: Path) -> None:
    path.write_bytes(b"x" * 5_000)
    store = SqliteStore(path)
    with pytest.raises(StoreSchemaError):
        await store.open()
    path.unlink()
    await store.open()
    await store.commit(Transaction(cursors={"c": 1}))
    await store.close()
