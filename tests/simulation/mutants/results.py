"""Breakages of how the results of a map are collected."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.runtime.collect import Collector
from tests.simulation.mutants.registry import mutant

replace = msgspec.structs.replace

_collect = Collector._collect


class _Reordered:
    """A reader that gives items of a page in the wrong order, with the right numbers."""

    def __init__(self, store: object) -> None:
        self._store = store

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[object]:
        found = await self._store.item_results(run_id, node, first, limit)  # type: ignore[attr-defined]
        values = [record.result for record in reversed(found)]
        return [replace(record, result=value) for record, value in zip(found, values, strict=True)]


@mutant("results of a map are collected in the order in which they came", (Collector, "_collect"))
async def map_results_out_of_order(self: Collector, effect: Collect, counts: object) -> object:
    twisted = Collector(_Reordered(self._store), self._results, self._clock, self._inline_bytes)  # type: ignore[arg-type]
    return await _collect(twisted, effect, counts)  # type: ignore[arg-type]


@mutant("only the first page of a map's results is collected", (Collector, "_collect"))
async def collect_with_missing_items(self: Collector, effect: Collect, counts: object) -> object:
    return await _collect(self, replace(effect, total=min(effect.total, 3)), counts)  # type: ignore[arg-type]
