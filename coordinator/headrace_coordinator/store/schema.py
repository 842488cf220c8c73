"""The one schema, as SQLAlchemy Core metadata, for SQLite now and PostgreSQL later.

What a query filters or sorts by is a column; the rest of a domain type is one msgpack `body` (see `rows`).
Rows that belong to a run name it by an integer key: it is a third of the size of the run id in every index,
and neighbours in time are neighbours on disk.

This module imports SQLAlchemy, which takes longer than everything else at start-up: only migrations, the
generator of the SQL files and tests import it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_Key = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes a column the row's own key only when its type is spelt INTEGER."""


def _table(name: str, *parts: Column[object] | Index | UniqueConstraint, clustered: bool = False) -> Table:
    """A table. A clustered one keeps its rows in the order of its primary key, without an index beside it."""
    return Table(name, metadata, *parts, sqlite_with_rowid=not clustered)


def _body() -> Column[object]:
    return Column("body", LargeBinary, nullable=False)


runs = _table(
    "runs",
    Column("key", _Key, primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("workflow", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open_shard", Integer),
    Column("created_at_us", BigInteger, nullable=False),
    Column("finished_at_us", BigInteger),
    Column("trigger", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("search", Text, nullable=False),
    _body(),
    Column("nodes", LargeBinary),
)
Index("runs_open", runs.c.open_shard, runs.c.run_id, sqlite_where=runs.c.open_shard.is_not(None))
Index("runs_by_state", runs.c.state, runs.c.created_at_us, runs.c.run_id)
Index("runs_by_workflow", runs.c.workflow, runs.c.state, runs.c.created_at_us, runs.c.run_id)

nodes = _table(
    "nodes",
    Column("run_key", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    _body(),
    clustered=True,
)

attempts = _table(
    "attempts",
    Column("run_key", BigInteger, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("item", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _body(),
    clustered=True,
)
SUCCEEDED_ITEM = (attempts.c.state == "succeeded") & (attempts.c.item >= 0)
Index(
    "attempts_by_item",
    attempts.c.run_key,
    attempts.c.node,
    attempts.c.item,
    attempts.c.sequence,
    sqlite_where=SUCCEEDED_ITEM,
)

history = _table(
    "history",
    Column("position", _Key, primary_key=True, autoincrement=False),
    Column("run_key", BigInteger, nullable=False),
    _body(),
)
Index("history_by_run", history.c.run_key)

timers = _table(
    "timers",
    Column("actor", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("shard", Integer, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    clustered=True,
)
Index("timers_due", timers.c.shard, timers.c.due_us)

pruned_runs = _table(
    "pruned_runs",
    Column("run_id", Text, primary_key=True),
    Column("pruned_at_us", BigInteger, nullable=False),
    clustered=True,
)
Index("pruned_runs_by_time", pruned_runs.c.pruned_at_us)

outbox = _table(
    "outbox",
    Column("sequence", _Key, primary_key=True, autoincrement=False),
    Column("shard", Integer, nullable=False),
    _body(),
)

schedules = _table(
    "schedules",
    Column("workflow", Text, primary_key=True),
    Column("trigger", Text, primary_key=True),
    _body(),
    clustered=True,
)

definitions = _table(
    "definitions",
    Column("workflow", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("deploy_order", Integer, nullable=False, unique=True),
    Column("deployed_at_us", BigInteger, nullable=False),
    _body(),
    Column("origin", LargeBinary),
)

workflow_states = _table(
    "workflow_states",
    Column("workflow", Text, primary_key=True),
    Column("deleted", SmallInteger, nullable=False),
    _body(),
    clustered=True,
)

workflow_changes = _table(
    "workflow_changes",
    Column("position", _Key, primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    _body(),
)
Index("workflow_changes_by_workflow", workflow_changes.c.workflow, workflow_changes.c.position)

events = _table(
    "events",
    Column("position", _Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    _body(),
    UniqueConstraint("source", "event_id"),
)
Index("events_by_type", events.c.type, events.c.position)

dead_letters = _table(
    "dead_letters",
    Column("letter_id", Text, primary_key=True),
    Column("received_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("search", Text, nullable=False),
    _body(),
)
Index("dead_letters_by_position", dead_letters.c.position)
Index("dead_letters_by_state", dead_letters.c.state, dead_letters.c.received_at_us, dead_letters.c.letter_id)
Index("dead_letters_by_time", dead_letters.c.received_at_us)

logs = _table(
    "logs",
    Column("position", _Key, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("item", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("message", Text, nullable=False),
    _body(),
)
Index("logs_by_run", logs.c.run_id, logs.c.position, logs.c.level)
Index("logs_by_time", logs.c.at_us)

spans = _table(
    "spans",
    Column("trace_id", Text, primary_key=True),
    Column("span_id", Text, primary_key=True),
    Column("start_us", BigInteger, nullable=False),
    _body(),
    clustered=True,
)
Index("spans_by_time", spans.c.start_us)

tallies = _table(
    "tallies",
    Column("at_s", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    clustered=True,
)
"""What happened in each minute, added up as it is committed: no overview reads the runs themselves."""

result_references = _table(
    "result_references",
    Column("uri", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("holder", Text, primary_key=True),
    clustered=True,
)
"""What keeps large results from being deleted: rows, never counts."""
Index("result_references_by_holder", result_references.c.kind, result_references.c.holder)

released_results = _table(
    "released_results",
    Column("uri", Text, primary_key=True),
    Column("released_at_us", BigInteger, nullable=False),
    clustered=True,
)
"""Large results whose last reference has gone, and that are still there."""
Index("released_results_by_time", released_results.c.released_at_us, released_results.c.uri)

streams = _table(
    "streams",
    Column("stream", Text, primary_key=True),
    Column("created", Text, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    clustered=True,
)

cursors = _table(
    "cursors",
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

shards = _table(
    "shards",
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("lease_until_us", BigInteger, nullable=False),
    clustered=True,
)

meta = _table(
    "meta",
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)
"""High-water marks: numbers that must not go back although the rows that had them are gone."""
