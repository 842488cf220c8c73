"""Retention, in jobs small enough that commits wait for none of them long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial

from headrace_coordinator.store.port import REMEMBERED_S, RetentionPolicy
from headrace_coordinator.store.records import OLD_TALLY_S
from headrace_coordinator.store.rows import whole_hour_s
from headrace_coordinator.store.sqlite.apply import Applier, set_mark
from headrace_coordinator.store.sqlite.statements import STATEMENTS

_OF_RUNS = ("prune_nodes", "prune_attempts", "prune_history", "prune_logs_of_runs")
_MARKS = {
    "prune_runs": ("history", "logs"),
    "prune_logs": ("logs",),
    "prune_events": ("events",),
    "prune_dead_letters": ("dead_letters",),
}

_RELEASE = (
    "INSERT INTO released_results (uri, released_at_us) SELECT :uri, :now_us"
    " WHERE NOT EXISTS (SELECT 1 FROM result_references WHERE uri = :uri)"
    " ON CONFLICT (uri) DO UPDATE SET released_at_us = excluded.released_at_us"
)
_REMEMBER = (
    "INSERT INTO pruned_runs (run_id, pruned_at_us) VALUES (?, ?)"
    " ON CONFLICT (run_id) DO UPDATE SET pruned_at_us = excluded.pruned_at_us"
)
_OLD_TALLIES = "at_s < :before AND at_s % :hour <> 0"
_ADD_UP_TALLIES = (
    "INSERT INTO tallies (at_s, kind, name, state, count)"  # noqa: S608
    f" SELECT at_s / :hour * :hour, kind, name, state, sum(count) FROM tallies WHERE {_OLD_TALLIES}"
    " GROUP BY 1, 2, 3, 4 ON CONFLICT (at_s, kind, name, state) DO UPDATE SET count = count + excluded.count"
)
_DROP_TALLIES = f"DELETE FROM tallies WHERE {_OLD_TALLIES}"  # noqa: S608

Prune = Callable[[sqlite3.Connection], int]


def jobs(policy: RetentionPolicy, now_us: int, limit: int, applier: Applier) -> Iterator[Prune]:
    """One job for each kind; each answers how many rows it deleted."""
    yield partial(_add_up_tallies, before_s=whole_hour_s(now_us))
    kept_s = {
        "prune_runs": policy.runs_s,
        "prune_definitions": 0.0,
        "prune_workflow_states": 0.0,
        "prune_workflow_changes": policy.changes_s,
        "prune_logs": policy.logs_s,
        "prune_events": policy.events_s,
        "prune_spans": policy.spans_s,
        "prune_dead_letters": policy.dead_letters_s,
        "prune_pruned_runs": REMEMBERED_S,
        "prune_tallies": policy.tallies_s,
    }
    for kind, kept in kept_s.items():
        before_us = now_us - round(kept * 1e6)
        if kind == "prune_tallies":
            before_us //= 1_000_000
        yield partial(_prune, kind=kind, before_us=before_us, now_us=now_us, limit=limit, applier=applier)


def _prune(
    connection: sqlite3.Connection, *, kind: str, before_us: int, now_us: int, limit: int, applier: Applier
) -> int:
    highest = {mark: _highest(connection, mark) for mark in _MARKS.get(kind, ())}
    parameters = {"before": before_us, "limit": limit}
    if kind == "prune_runs":
        deleted = _prune_runs(connection, parameters, now_us)
    else:
        deleted = connection.execute(STATEMENTS[kind], parameters).rowcount
    if deleted:
        applier.forget()
        for mark, value in highest.items():
            set_mark(connection, mark, value)
    return deleted


def _prune_runs(connection: sqlite3.Connection, parameters: dict[str, int], now_us: int) -> int:
    deleted = sum(connection.execute(STATEMENTS[name], parameters).rowcount for name in _OF_RUNS)
    released = connection.execute(STATEMENTS["prune_references"], parameters).fetchall()
    connection.executemany(_RELEASE, [{"uri": uri, "now_us": now_us} for (uri,) in released])
    runs = connection.execute(STATEMENTS["prune_runs"], parameters).fetchall()
    connection.executemany(_REMEMBER, [(run_id, now_us) for (run_id,) in runs])
    return deleted + len(released) + len(runs)


def _add_up_tallies(connection: sqlite3.Connection, *, before_s: int) -> int:
    """Minutes become hours. There are at most as many as have passed since the last time."""
    parameters = {"before": before_s, "hour": OLD_TALLY_S}
    connection.execute(_ADD_UP_TALLIES, parameters)
    return connection.execute(_DROP_TALLIES, parameters).rowcount


def _highest(connection: sqlite3.Connection, table: str) -> int:
    highest: int | None = connection.execute(STATEMENTS[f"highest_{table}"]).fetchone()[0]
    return highest or 0
