"""The files made from SQLAlchemy, the migrations and the queries' plans."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import Node, NodeState
from headrace_coordinator.store.migrations import HEAD, REVISIONS
from headrace_coordinator.store.migrations.upgrade import upgrade
from headrace_coordinator.store.port import LetterFilter, LogFilter, RetentionPolicy, StoredRun
from headrace_coordinator.store.records import NodeRow, StoredLog, Transaction
from headrace_coordinator.store.rows import encode_attempt
from headrace_coordinator.store.sqlite import generate
from headrace_coordinator.store.sqlite.statements import STATEMENTS, schema_script
from headrace_coordinator.store.sqlite.store import SqliteStore
from headrace_protocol.codec import raw
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import Result, Stored
from tests.conformance.store.samples import head, history, letter, line

encode = msgspec.msgpack.encode

FAR_US = 1_800_000_000_000_000


def tables(connection: sqlite3.Connection) -> dict[str, str]:
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'")
    return {name: " ".join((sql or "").split()) for name, sql in found}


def test_the_made_files_are_up_to_date() -> None:
    assert schema_script() == generate.schema_sql(), f"run python -m {generate.__name__}"
    assert (generate.HERE / "statements.sql").read_text() == generate.statements_sql()


def test_migrating_gives_the_schema_that_a_new_file_gets(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    migrated = sqlite3.connect(tmp_path / "migrated.db")
    made = sqlite3.connect(":memory:")
    made.executescript(schema_script())
    assert tables(migrated) == tables(made)
    assert migrated.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    migrated.close()
    made.close()


def test_every_migration_is_listed() -> None:
    versions = Path(generate.HERE).parent / "migrations" / "versions"
    assert sorted(file.name.partition("_")[0] for file in versions.glob("*.py")) == list(REVISIONS)


async def test_an_older_file_is_migrated_when_it_is_opened(path: Path) -> None:
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    file.close()
    store = SqliteStore(path)
    await store.open()
    await store.commit(Transaction(cursors={"c": 1}))
    assert await store.cursor("c") == 1
    await store.close()


async def test_runs_of_an_older_file_are_kept_and_go_on(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0002")
    engine.dispose()
    old = {
        "a": Node(state=NodeState.SUCCEEDED, attempt=1, result=Result(raw(5)), finished_at_us=7),
        "b": Node(state=NodeState.DISPATCHED, attempt=1, motion=2, counts=(3,)),
    }
    file = sqlite3.connect(path)
    file.execute(
        "INSERT INTO runs VALUES (7, 'r1', 'w', 'running', 0, 5, NULL, 'manual', '', '', 'r1', ?)",
        (encode(by_name(head())),),
    )
    file.executemany(
        "INSERT INTO nodes VALUES (7, ?, ?, ?)",
        [(name, node.state, encode(by_name(node))) for name, node in old.items()],
    )
    file.executemany(
        "INSERT INTO dedupe VALUES ('w/event:t', ?, ?, ?)", [("e1", "r1", 9), ("e2", "gone", FAR_US)]
    )
    file.commit()
    file.close()
    store = SqliteStore(path)
    await store.open()
    assert await store.run("r1") == StoredRun(head(), old)
    assert await store.unfinished(0, "", 9) == ["r1"]
    assert (await store.load(["r1", "gone", "never"])).pruned == {"gone"}
    assert await store.prune(RetentionPolicy(), FAR_US, 9) == 0
    assert await store.prune(RetentionPolicy(), FAR_US + 1, 9) == 1
    assert (await store.load(["gone"])).pruned == frozenset()
    new = old | {"b": Node(state=NodeState.SUCCEEDED, attempt=1)}
    await store.commit(
        Transaction(
            runs=[head()], nodes=[NodeRow("r1", "b", new["b"])], whole={"r1": new}, history=[history(1)]
        )
    )
    assert await store.run("r1") == StoredRun(head(), new)
    assert [batch.run_id for batch in await store.history("r1", 0, 9)] == ["r1"]
    await store.close()


async def test_small_runs_of_an_older_file_keep_every_field(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0003")
    engine.dispose()
    run = head("small", params=raw({"when": 1.5}), labels={"a": "b"}, deadline_us=9, nodes_total=2, retries=1)
    nodes = {
        "a": Node(state=NodeState.FAILED, failures=3, error=ErrorInfo("task.failed", "no"), motion=1),
        "b": Node(NodeState.RETRYING, 1, 0, 2, 1, 4, retry_at_us=9, recoveries=1, generation=1),
    }
    file = sqlite3.connect(path)
    file.execute(
        "INSERT INTO runs VALUES (7, 'small', 'w', 'running', 0, 5, NULL, 'manual', '', '', 'small', ?, ?)",
        (encode(by_name(run)), encode({name: by_name(node) for name, node in nodes.items()})),
    )
    file.commit()
    file.close()
    store = SqliteStore(path)
    await store.open()
    assert await store.run("small") == StoredRun(run, nodes)
    await store.close()


async def test_large_results_of_an_older_file_keep_their_references(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0004")
    engine.dispose()

    def stored(name: str) -> Result:
        return Result(stored=Stored(f"nats://b/{name}", 7, "d"))

    nodes = {"a": Node(result=stored("small-run")), "b": Node(result=Result(raw("stored")))}
    attempts = [
        AttemptRecord(run_id="r1", node="n", attempt=1, state="succeeded", item=2, result=stored("item")),
        AttemptRecord(run_id="r1", node="n", attempt=1, state="failed", error=ErrorInfo("x", "not stored")),
    ]
    file = sqlite3.connect(path)
    file.execute(
        "INSERT INTO runs VALUES (7, 'r1', 'w', 'running', 0, 5, NULL, 'manual', '', '', 'r1', ?, ?)",
        (encode(head()), encode(nodes)),
    )
    file.execute(
        "INSERT INTO nodes VALUES (7, 'big', 'succeeded', ?)", (encode(Node(result=stored("node"))),)
    )
    file.executemany(
        "INSERT INTO attempts VALUES (7, ?, 'n', 2, 1, 'succeeded', ?)",
        [(number, encode_attempt(one)) for number, one in enumerate(attempts)],
    )
    file.commit()
    file.close()
    store = SqliteStore(path)
    await store.open()
    names = ("small-run", "item", "node", "none")
    assert await store.strayed_results([(f"nats://b/{name}", "r1") for name in names]) == ["nats://b/none"]
    await store.close()


def by_name(value: msgspec.Struct) -> dict[str, object]:
    """As runs and nodes were stored up to 0003: their fields by name, without those that have their default."""
    defaults = value.__struct_defaults__
    first = len(value.__struct_fields__) - len(defaults)
    default = dict(zip(value.__struct_fields__[first:], defaults, strict=True))
    return {
        name: getattr(value, name)
        for name in value.__struct_fields__
        if name not in default or getattr(value, name) != default[name]
    }


async def test_lines_and_letters_of_an_older_file_are_kept(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0001")
    engine.dispose()
    lines = [line(message="Boom", level="error"), line(message="b", level="odd")]
    letters = [letter("b", 1), letter("a", 2, redriven_at_us=7)]
    file = sqlite3.connect(path)
    file.executemany(
        "INSERT INTO logs VALUES (?, 'r1', 'n', -1, 1, ?)", [(2, encode(lines[0])), (5, encode(lines[1]))]
    )
    file.executemany(
        "INSERT INTO dead_letters VALUES (?, ?, ?)",
        [(x.letter_id, x.received_at_us, encode(x)) for x in letters],
    )
    file.commit()
    file.close()
    store = SqliteStore(path)
    await store.open()
    where = LogFilter("r1")
    assert await store.logs(where, 0, 10) == [StoredLog(2, lines[0]), StoredLog(5, lines[1])]
    assert await store.search_logs(where, "boom") == [(0, 2)]
    assert await store.log_levels("r1") == {20: 1, 40: 1}
    found = await store.dead_letters(LetterFilter(search="protocol"), None, 10)
    assert [(one.letter_id, one.position, one.state) for one in found] == [
        ("a", 2, "redriven"),
        ("b", 1, "open"),
    ]
    await store.commit(Transaction(logs=[line()], dead_letters=[letter("c")]))
    assert (await store.positions()).logs == 6
    assert (await store.positions()).dead_letters == 3
    await store.close()


def test_opening_a_current_file_imports_no_sqlalchemy(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from headrace_coordinator.store import open_store
async def main():
    for _ in range(2):
        store = open_store("sqlite:///{tmp_path}/store.db")
        await store.open()
        await store.definitions()
        await store.close()
asyncio.run(main())
print([name for name in sys.modules if name.startswith(("sqlalchemy", "alembic"))])
"""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert answer.stdout == b"[]\n"


SCANS = {
    # Small tables, or the whole table is the answer.
    "count_runs": "SCAN runs USING COVERING INDEX runs_by_workflow",
    "outbox": "SCAN outbox",
    "schedules": "SCAN schedules",
    "definitions": "SCAN definitions",
    "workflow_states": "SCAN workflow_states",
    "prune_definitions": "SCAN workflow_states",
    "prune_workflow_states": "SCAN workflow_states",
    "prune_workflow_changes": "SCAN workflow_changes",  # from the start, in order of the key
}


SORTS = {"item_results", "definitions", "current_definition", "spans", "versions", "tallies"} | {
    name for name in STATEMENTS if name.startswith("run_histogram")
}
"""A page, groups of a bounded number of rows, or all that there is of something small."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_queries_use_an_index_and_do_not_sort(name: str) -> None:
    made = sqlite3.connect(":memory:")
    made.executescript(schema_script())
    plan = [row[3] for row in made.execute(f"EXPLAIN QUERY PLAN {STATEMENTS[name]}", _Nulls())]
    made.close()
    parts = ("anon_1", "CONSTANT", "(subquery")
    real = [step for step in plan if not any(part in step for part in parts)]
    scans = [step for step in real if step.startswith("SCAN")]
    if name in SCANS:
        assert [step.startswith(SCANS[name]) for step in scans] == [True]
    elif name == "prune_events":
        assert scans == ["SCAN events"]  # `limit` rows from the start, in order of the key
    else:
        assert not scans
    sorts = [step for step in real if "TEMP B-TREE" in step]
    assert not sorts or name in SORTS or name.startswith("prune_")


class _Nulls(dict[str, object]):
    def __missing__(self, key: str) -> object:
        return None
