"""Log lines of a run: pages in both directions, numbers, search."""

from __future__ import annotations

import sqlite3

from headrace_coordinator.store.port import LogFilter
from headrace_coordinator.store.records import StoredLog
from headrace_coordinator.store.rows import LEVELS, MAX_INT, decode_line, without_case
from headrace_coordinator.store.sqlite.reading import Parameter, Reading
from headrace_coordinator.store.sqlite.statements import STATEMENTS


class SqliteLogs(Reading):
    """Lines stand in one index by run, position and level: what asks for nothing else reads no line."""

    async def logs(self, where: LogFilter, after: int, limit: int) -> list[StoredLog]:
        return await self._all("logs", decode_line, **_parameters(where), after=after, limit=limit)

    async def logs_before(self, where: LogFilter, before: int, limit: int) -> list[StoredLog]:
        parameters = _parameters(where)
        found = await self._all("logs_before", decode_line, **parameters, before=before, limit=limit)
        return found[::-1]

    async def count_logs(self, where: LogFilter, before: int | None) -> int:
        upto = MAX_INT if before is None else before
        return await self._number(_named("count_logs", where), **_parameters(where), before=upto)

    async def log_position(self, where: LogFilter, number: int) -> int | None:
        return await self._first(_named("log_position", where), int, **_parameters(where), number=number)

    async def log_levels(self, run_id: str) -> dict[int, int]:
        (counts,) = await self._all("log_levels", lambda *counts: counts, run_id=run_id)
        return {rank: count for rank, count in zip(LEVELS.values(), counts, strict=True) if count}

    async def search_logs(self, where: LogFilter, text: str) -> list[tuple[int, int]]:
        parameters = {**_parameters(where), "text": without_case(text)}

        def work(connection: sqlite3.Connection) -> list[tuple[int, int]]:
            lines = connection.execute(STATEMENTS["search_logs"], parameters)
            return [(number, position) for number, (position, found) in enumerate(lines) if found]

        return await self._pool.run(work)


def _parameters(where: LogFilter) -> dict[str, Parameter]:
    return {"run_id": where.run_id, "node": where.node, "item": where.item, "level": where.level}


def _named(query: str, where: LogFilter) -> str:
    return query if where.node is None and where.item is None else f"{query}_of_place"
