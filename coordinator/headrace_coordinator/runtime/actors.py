"""Runs in memory: loaded when an input touches them, thrown away when they are finished or a commit failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.start import restore
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.store.port import Reader

RUNS_KEPT = 5_000


class Actors:
    """A cache of runs. Only the shard's owner may use it: nobody else changes them."""

    def __init__(self, store: Reader, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._runs: OrderedDict[str, tuple[Run, Plan]] = OrderedDict()

    def cached(self, run_id: str) -> tuple[Run, Plan] | None:
        found = self._runs.get(run_id)
        if found is not None:
            self._runs.move_to_end(run_id)
        return found

    async def load(
        self, run_ids: Iterable[str], keys: Sequence[tuple[str, str]] = ()
    ) -> Mapping[tuple[str, str], str]:
        """Bring runs into the cache; those that do not exist stay out of it. Returns the dedupe keys that are
        taken, with their runs."""
        missing = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in self._runs]
        if not missing and not keys:
            return {}
        loaded = await self._store.load(missing, keys)
        for stored in loaded.runs.values():
            entry = await self._registry.entry(stored.head.workflow, stored.head.version)
            self.keep(restore(entry.plan, stored.head, stored.nodes), entry.plan)
        return loaded.taken

    def keep(self, run: Run, plan: Plan) -> None:
        """Add a run; the longest unused ones go when there are too many."""
        self._runs[run.head.run_id] = (run, plan)

    def forget(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def trim(self) -> None:
        """Between turns only: a run of the turn in hand must not be loaded a second time."""
        while len(self._runs) > RUNS_KEPT:
            self._runs.popitem(last=False)
