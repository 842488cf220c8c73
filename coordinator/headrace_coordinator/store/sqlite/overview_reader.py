"""Counts and summaries over many runs, bounded or added up beforehand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.store.port import RunCursor, RunFilter
from headrace_coordinator.store.records import NodeOutline, Positions, Tally, TallyKind
from headrace_coordinator.store.rows import MAX_INT, decode_head, label_line
from headrace_coordinator.store.sqlite.reading import Parameter, Reading
from headrace_coordinator.store.sqlite.statements import STATEMENTS

_outline = msgspec.msgpack.Decoder(NodeOutline).decode
_outlines = msgspec.msgpack.Decoder(dict[str, NodeOutline]).decode


class SqliteOverviews(Reading):
    """Counting stops where the caller says."""

    async def count_matching(self, where: RunFilter, limit: int) -> dict[RunState, int]:
        query = _named("count_matching", where)
        parameters = {**list_parameters(where, None), "limit": limit}

        def work(connection: sqlite3.Connection) -> dict[RunState, int]:
            return {
                state: connection.execute(STATEMENTS[query], {**parameters, "state": state}).fetchone()[0]
                for state in dict.fromkeys(where.states or RunState)
            }

        return await self._pool.run(work)

    async def run_histogram(
        self, where: RunFilter, from_us: int, bucket_us: int, limit: int
    ) -> dict[tuple[int, RunState], int]:
        query = _named("run_histogram", where)
        parameters = {
            **list_parameters(where, None),
            "origin_us": from_us,
            "bucket_us": bucket_us,
            "limit": limit,
        }

        def work(connection: sqlite3.Connection) -> dict[tuple[int, RunState], int]:
            return {
                (bucket, state): count
                for state in dict.fromkeys(where.states or RunState)
                for bucket, count in connection.execute(STATEMENTS[query], {**parameters, "state": state})
            }

        return await self._pool.run(work)

    async def oldest_run_us(self) -> int | None:
        def work(connection: sqlite3.Connection) -> int | None:
            found = [
                connection.execute(STATEMENTS["oldest_run_us"], {"state": state}).fetchone()
                for state in RunState
            ]
            return min((row[0] for row in found if row is not None), default=None)

        return await self._pool.run(work)

    async def heads(self, run_ids: Sequence[str]) -> dict[str, RunHead]:
        def work(connection: sqlite3.Connection) -> dict[str, RunHead]:
            found = {
                run_id: connection.execute(STATEMENTS["run"], {"run_id": run_id}).fetchone()
                for run_id in run_ids
            }
            return {run_id: decode_head(row[1]) for run_id, row in found.items() if row is not None}

        return await self._pool.run(work)

    async def outlines(self, run_ids: Sequence[str]) -> dict[str, dict[str, NodeOutline]]:
        def work(connection: sqlite3.Connection) -> dict[str, dict[str, NodeOutline]]:
            return {run_id: _outlines_of(connection, run_id) for run_id in run_ids}

        return await self._pool.run(work)

    async def tallies(self, from_s: int, bucket_s: int) -> list[Tally]:
        def decode(span: int, kind: str, name: str, state: str, count: int) -> Tally:
            return Tally(from_s + span * bucket_s, TallyKind(kind), name, state, count)

        return await self._all("tallies", decode, from_s=from_s, bucket_s=bucket_s)

    async def positions(self) -> Positions:
        def work(connection: sqlite3.Connection) -> Positions:
            names = ("last_position", "last_log", "last_event", "last_dead_letter")
            return Positions(*(connection.execute(STATEMENTS[name]).fetchone()[0] for name in names))

        return await self._pool.run(work)


def _outlines_of(connection: sqlite3.Connection, run_id: str) -> dict[str, NodeOutline]:
    found = connection.execute(STATEMENTS["run"], {"run_id": run_id}).fetchone()
    if found is None:
        return {}
    key, _, whole = found
    rows = connection.execute(STATEMENTS["nodes"], {"run_key": key})
    return {name: _outline(row) for name, row in rows} | ({} if whole is None else _outlines(whole))


def list_parameters(where: RunFilter, after: RunCursor | None) -> dict[str, Parameter]:
    """A filter and a cursor as the parameters of every query of many runs."""
    before = (MAX_INT if where.created_before_us is None else where.created_before_us, "")
    if after is not None:
        before = min(before, (after.created_at_us, after.run_id))
    return {
        "workflow": where.workflow,
        "before_us": before[0],
        "before_id": before[1],
        "from_us": -MAX_INT if where.created_from_us is None else where.created_from_us,
        "trigger": where.trigger,
        "event_id": where.event_id,
        "label": None if where.label is None else "\n" + label_line(where.label),
        "search": None if where.search is None else where.search.lower(),
    }


def _named(query: str, where: RunFilter) -> str:
    of = "" if where.workflow is None else "_of_workflow"
    return f"{query}{of}_plain" if where.plain else query + of
