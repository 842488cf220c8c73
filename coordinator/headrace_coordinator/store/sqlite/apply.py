"""Carries a transaction's rows out on the writer's connection, in its thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from headrace_coordinator.store.port import FenceLost
from headrace_coordinator.store.records import EventRecord, ShardFence
from headrace_coordinator.store.rows import RunColumns, merge_event
from headrace_coordinator.store.sqlite.statements import STATEMENTS
from headrace_coordinator.store.sqlite.writes import Row, Writes
from headrace_protocol.errors import InvariantBroken

_KNOWN_RUNS = 20_000

_ADD_RUN = (
    "INSERT INTO runs (run_id, workflow, state, open_shard, created_at_us, finished_at_us, "
    '"trigger", event_id, labels, search, body, nodes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
)
_SET_RUN = (
    "UPDATE runs SET workflow = ?, state = ?, open_shard = ?, created_at_us = ?, finished_at_us = ?, "
    '"trigger" = ?, event_id = ?, labels = ?, search = ?, body = ?, nodes = coalesce(?, nodes) WHERE "key" = ?'
)
_SET_RUN_BODY = 'UPDATE runs SET body = ?, nodes = coalesce(?, nodes) WHERE "key" = ?'
_SET_NODE = (
    "INSERT INTO nodes (run_key, name, state, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (run_key, name) DO UPDATE SET state = excluded.state, body = excluded.body"
)
_ADD_ATTEMPT = (
    "INSERT INTO attempts (run_key, sequence, node, item, attempt, state, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LAST_ATTEMPT = "SELECT coalesce(max(sequence), 0) FROM attempts WHERE run_key = ?"
_ADD_HISTORY = "INSERT INTO history (run_key, position, body) VALUES (?, ?, ?)"
_ADD_EVENT = (
    "INSERT INTO events (position, source, event_id, type, received_at_us, body) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, event_id) DO NOTHING"
)
_SET_EVENT = "UPDATE events SET body = ? WHERE position = ?"
_ADD_LOG = (
    "INSERT INTO logs (position, run_id, node, item, at_us, level, message, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SET_MARK = (
    "INSERT INTO meta (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
)

_events = msgspec.msgpack.Decoder(EventRecord)
_encode = msgspec.msgpack.Encoder().encode


class _KnownRun(msgspec.Struct, gc=False):
    """A run that is stored."""

    key: int
    columns: RunColumns | None = None
    last_attempt: int | None = None
    """None: to be looked up."""


class Applier:
    """Writes transactions, and remembers what it would otherwise look up for each: run keys and positions.

    What it remembers is only true while every transaction commits; `forget` after any that did not.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _KnownRun] = {}
        self._last_log: int | None = None
        self._last_event: int | None = None

    def forget(self) -> None:
        self._runs.clear()
        self._last_log = self._last_event = None

    def apply(self, connection: sqlite3.Connection, writes: Writes) -> None:
        """Write everything. Raises FenceLost, Conflict, InvariantBroken or sqlite3.Error, with part of it
        written: the caller rolls back."""
        if writes.fence is not None:
            check_fence(connection, writes.fence)
        self._write_runs(connection, writes)
        self._write_rows_of_runs(connection, writes)
        for statement, rows in writes.plain:
            connection.executemany(statement, rows)
        if writes.confirmed:
            _drop_outbox(connection, writes.confirmed)
        for event in writes.events:
            self._write_event(connection, event)
        if writes.logs:
            self._write_logs(connection, writes.logs)

    def _write_runs(self, connection: sqlite3.Connection, writes: Writes) -> None:
        # Most turns change nothing that an index holds; SET of an indexed column rewrites its index.
        unmoved: list[Row] = []
        for run_id, columns, *bodies in writes.runs:
            known = self._runs.get(run_id)
            if known is not None and known.columns == columns:
                unmoved.append((*bodies, known.key))
            else:
                self._write_run(connection, run_id, columns, bodies)
        if unmoved:
            connection.executemany(_SET_RUN_BODY, unmoved)

    def _write_run(
        self, connection: sqlite3.Connection, run_id: str, columns: RunColumns, bodies: Sequence[bytes | None]
    ) -> None:
        known = self._runs.get(run_id)
        if known is None:
            try:
                key = connection.execute(_ADD_RUN, (run_id, *columns, *bodies)).lastrowid or 0
            except sqlite3.IntegrityError:  # it is stored, and was forgotten here
                known = self._known(connection, run_id)
            else:
                self._remember(run_id, _KnownRun(key, columns, last_attempt=0))
                return
        connection.execute(_SET_RUN, (*columns, *bodies, known.key))
        known.columns = columns

    def _write_rows_of_runs(self, connection: sqlite3.Connection, writes: Writes) -> None:
        def keyed(rows: list[tuple[str, *tuple[object, ...]]]) -> list[tuple[object, ...]]:
            return [(self._known(connection, run_id).key, *rest) for run_id, *rest in rows]

        if writes.nodes:
            connection.executemany(_SET_NODE, keyed([*writes.nodes]))
        if writes.attempts:
            rows = [(*self._next_attempt(connection, run_id), *rest) for run_id, *rest in writes.attempts]
            connection.executemany(_ADD_ATTEMPT, rows)
        if writes.history:
            connection.executemany(_ADD_HISTORY, keyed([*writes.history]))

    def _next_attempt(self, connection: sqlite3.Connection, run_id: str) -> tuple[int, int]:
        """The run's key, and the number of the attempt that is stored next."""
        known = self._known(connection, run_id)
        if known.last_attempt is None:
            (known.last_attempt,) = connection.execute(_LAST_ATTEMPT, (known.key,)).fetchone()
        known.last_attempt += 1
        return known.key, known.last_attempt

    def _known(self, connection: sqlite3.Connection, run_id: str) -> _KnownRun:
        known = self._runs.get(run_id)
        if known is not None:
            return known
        found = connection.execute(STATEMENTS["run_key"], {"run_id": run_id}).fetchone()
        if found is None:
            raise run_missing(run_id)
        return self._remember(run_id, _KnownRun(found[0]))

    def _remember(self, run_id: str, known: _KnownRun) -> _KnownRun:
        if len(self._runs) >= _KNOWN_RUNS:
            self._runs.clear()
        self._runs[run_id] = known
        return known

    def _write_event(self, connection: sqlite3.Connection, event: EventRecord) -> None:
        if self._last_event is None:
            (self._last_event,) = connection.execute(STATEMENTS["last_event"]).fetchone()
        position = self._last_event + 1
        columns = (position, event.source, event.event_id, event.type, event.received_at_us)
        if connection.execute(_ADD_EVENT, (*columns, _encode(event))).rowcount:
            self._last_event = position
            return
        stored = connection.execute(
            STATEMENTS["event"], {"source": event.source, "event_id": event.event_id}
        ).fetchone()
        merged = merge_event(_events.decode(stored[1]), event)
        connection.execute(_SET_EVENT, (_encode(merged), stored[0]))

    def _write_logs(self, connection: sqlite3.Connection, lines: list[Row]) -> None:
        if self._last_log is None:
            (self._last_log,) = connection.execute(STATEMENTS["last_log"]).fetchone()
        connection.executemany(
            _ADD_LOG, [(position, *line) for position, line in enumerate(lines, self._last_log + 1)]
        )
        self._last_log += len(lines)


def check_fence(connection: sqlite3.Connection, fence: ShardFence) -> None:
    """Raises FenceLost unless the fence's epoch is the shard's and somebody still holds it."""
    row = connection.execute(STATEMENTS["shard"], {"shard": fence.shard}).fetchone()
    if row is None or row[1] != fence.epoch or not row[0]:
        raise fence_lost(fence, None if row is None else row[1])


def fence_lost(fence: ShardFence, epoch: int | None) -> FenceLost:
    return FenceLost(f"shard {fence.shard}: epoch {fence.epoch} is over, the store has {epoch}")


def run_missing(run_id: str) -> InvariantBroken:
    return InvariantBroken("a transaction writes part of a run that is not stored", where=f"run {run_id}")


def set_mark(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Record a number that must not go back although its row is about to go."""
    connection.execute(_SET_MARK, (name, value))


def _drop_outbox(connection: sqlite3.Connection, confirmed: list[int]) -> None:
    # The highest sequence is remembered by its row. Only when that row goes is it written down elsewhere:
    # in a busy coordinator a newer batch is nearly always there.
    (highest,) = connection.execute(STATEMENTS["highest_outbox"]).fetchone()
    if highest in confirmed:
        set_mark(connection, "outbox", highest)
    connection.executemany("DELETE FROM outbox WHERE sequence = ?", [(sequence,) for sequence in confirmed])
