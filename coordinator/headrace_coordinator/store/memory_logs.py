"""Log lines in the memory store."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from headrace_coordinator.store.memory_reading import MemoryReading
from headrace_coordinator.store.port import LogFilter
from headrace_coordinator.store.records import StoredLog
from headrace_coordinator.store.rows import level_rank, without_case


class MemoryLogs(MemoryReading):
    """The lines of a run are a list of positions, in order."""

    async def logs(self, where: LogFilter, after: int, limit: int) -> list[StoredLog]:
        positions = self._positions(where)
        return list(islice(self._kept(where, positions[bisect_right(positions, after) :]), limit))

    async def logs_before(self, where: LogFilter, before: int, limit: int) -> list[StoredLog]:
        positions = self._positions(where)
        earlier = reversed(positions[: bisect_left(positions, before)])
        return list(islice(self._kept(where, earlier), limit))[::-1]

    async def count_logs(self, where: LogFilter, before: int | None) -> int:
        found = self._kept(where, self._positions(where))
        return sum(before is None or row.position < before for row in found)

    async def log_position(self, where: LogFilter, number: int) -> int | None:
        found = islice(self._kept(where, self._positions(where)), number, None)
        return next((row.position for row in found), None)

    async def log_levels(self, run_id: str) -> dict[int, int]:
        where = LogFilter(run_id)
        found = self._kept(where, self._positions(where))
        return dict(Counter(level_rank(row.line.level) for row in found))

    async def search_logs(self, where: LogFilter, text: str) -> list[tuple[int, int]]:
        wanted = without_case(text)
        return [
            (number, row.position)
            for number, row in enumerate(self._kept(where, self._positions(where)))
            if wanted in without_case(row.line.message)
        ]

    def _positions(self, where: LogFilter) -> list[int]:
        return self._opened.logs_of.get(where.run_id, [])

    def _kept(self, where: LogFilter, positions: Iterable[int]) -> Iterator[StoredLog]:
        for position in positions:
            row = self._opened.logs[position]
            if (
                where.node in (None, row.line.node)
                and where.item in (None, row.line.item)
                and level_rank(row.line.level) >= where.level
            ):
                yield row
