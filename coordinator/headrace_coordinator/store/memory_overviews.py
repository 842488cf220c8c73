"""Counts and summaries over many runs in the memory store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.store.memory_reading import MemoryReading, matches
from headrace_coordinator.store.memory_tables import copy_head
from headrace_coordinator.store.port import RunFilter
from headrace_coordinator.store.records import NodeOutline, Positions, Tally, TallyKind


class MemoryOverviews(MemoryReading):
    """Counting stops where the caller says, as in an SQL store."""

    async def count_matching(self, where: RunFilter, limit: int) -> dict[RunState, int]:
        found = Counter(run.head.state for run in self._opened.runs.values() if matches(run.head, where))
        return {state: min(found[state], limit) for state in dict.fromkeys(where.states or RunState)}

    async def run_histogram(
        self, where: RunFilter, from_us: int, bucket_us: int, limit: int
    ) -> dict[tuple[int, RunState], int]:
        times: dict[RunState, list[int]] = {}
        for run in self._opened.runs.values():
            if matches(run.head, where):
                times.setdefault(run.head.state, []).append(run.head.created_at_us)
        return dict(
            Counter(
                # As SQL divides: towards zero.
                (int((created - from_us) / bucket_us), state)
                for state, created_at in times.items()
                for created in sorted(created_at, reverse=True)[:limit]
            )
        )

    async def oldest_run_us(self) -> int | None:
        return min((run.head.created_at_us for run in self._opened.runs.values()), default=None)

    async def heads(self, run_ids: Sequence[str]) -> dict[str, RunHead]:
        found = {run_id: self._opened.runs.get(run_id) for run_id in run_ids}
        return {run_id: copy_head(run.head) for run_id, run in found.items() if run is not None}

    async def outlines(self, run_ids: Sequence[str]) -> dict[str, dict[str, NodeOutline]]:
        found = {run_id: self._opened.runs.get(run_id) for run_id in run_ids}
        return {
            run_id: {}
            if run is None
            else {
                name: NodeOutline(node.state, node.ready_at_us, node.finished_at_us)
                for name, node in run.nodes.items()
            }
            for run_id, run in found.items()
        }

    async def tallies(self, from_s: int, bucket_s: int) -> list[Tally]:
        sums: Counter[tuple[int, TallyKind, str, str]] = Counter()
        for (at_s, kind, name, state), count in self._opened.tallies.items():
            if at_s >= from_s:
                sums[(at_s - from_s) // bucket_s, kind, name, state] += count
        return [
            Tally(from_s + span * bucket_s, kind, name, state, count)
            for (span, kind, name, state), count in sorted(sums.items())
        ]

    async def positions(self) -> Positions:
        tables = self._opened
        return Positions(tables.last_position, tables.last_log, tables.last_event, tables.last_letter)
