"""Where commits are made: on the loop, or in the connection's thread."""

import threading
from pathlib import Path

import pytest

from headrace_coordinator.store.port import RetentionPolicy
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.store.sqlite import writer
from headrace_coordinator.store.sqlite.store import SqliteStore


async def commits(store: SqliteStore, count: int) -> list[bool]:
    """Whether each of so many commits was made on the loop."""
    here = threading.get_ident()
    seen: list[bool] = []

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(threading.get_ident() == here)

    store._open_writer._connection.raw.set_trace_callback(trace)
    for number in range(count):
        await store.commit(Transaction(cursors={"c": number}))
    return seen


async def test_while_the_disk_is_quick_commits_are_made_on_the_loop(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_S", 3600.0)
    assert await commits(store, 3) == [True, True, True]
    assert await store.cursor("c") == 2


async def test_a_long_job_is_committed_in_the_thread(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_S", 3600.0)
    made = await commits(store, 1)
    await store.prune(RetentionPolicy(), 10**16, 10)
    assert made[0]
    assert len(made) > 1
    assert not any(made[1:])


async def test_what_waits_for_the_disk_does_so_in_the_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK_S", 0.0)
    store = SqliteStore(path)
    await store.open()
    assert await commits(store, 3) == [False, False, False]
    assert await store.cursor("c") == 2
    await store.close()


async def test_the_first_commit_finds_out_how_quick_the_disk_is(store: SqliteStore) -> None:
    assert (await commits(store, 1)) == [False]
