"""Runs in memory: loaded when an input touches them, thrown away when they are finished or a commit failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable, Set
from itertools import islice

from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.start import restore
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.store.port import Reader, StoredRun

RUNS_KEPT = 10_000


class Actors:
    """A cache of runs. Only the shard's loop loads, keeps and changes them; others may `look`."""

    def __init__(self, store: Reader, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._runs: OrderedDict[str, tuple[Run, Plan]] = OrderedDict()

    def cached(self, run_id: str) -> tuple[Run, Plan] | None:
        found = self._runs.get(run_id)
        if found is not None:
            self._runs.move_to_end(run_id)
        return found

    def peek(self, run_id: str) -> tuple[Run, Plan] | None:
        """As `cached`, of somebody who does not use the run."""
        return self._runs.get(run_id)

    async def load(self, run_ids: Iterable[str]) -> Set[str]:
        """Bring runs into the cache; those that do not exist stay out of it. Returns those that there have been."""
        missing = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in self._runs]
        if not missing:
            return frozenset()
        loaded = await self._store.load(missing)
        for stored in loaded.runs.values():
            self.keep(*await self._restored(stored))
        return loaded.pruned

    async def look(self, run_ids: Iterable[str]) -> dict[str, tuple[Run, Plan]]:
        """Runs for somebody outside the loop who only looks at them.

        What is read for this is not kept: a turn may change the run while it is being read, and the loop would
        then go on with what it was before.
        """
        wanted = tuple(run_ids)
        loaded = await self._store.load([run_id for run_id in wanted if run_id not in self._runs])
        found = {run_id: await self._restored(stored) for run_id, stored in loaded.runs.items()}
        return found | {run_id: self._runs[run_id] for run_id in wanted if run_id in self._runs}

    async def _restored(self, stored: StoredRun) -> tuple[Run, Plan]:
        entry = await self._registry.entry(stored.head.workflow, stored.head.version)
        return restore(entry.plan, stored.head, stored.nodes), entry.plan

    def keep(self, run: Run, plan: Plan) -> None:
        """Add a run."""
        self._runs[run.head.run_id] = (run, plan)

    def forget(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def tidy(self, over: Iterable[str], flying: Container[str]) -> None:
        """Forget runs that are over, and the longest unused ones where there are too many.

        Between turns only: a run of the turn in hand must not be loaded a second time. And what the store has of
        a run whose changes are still flying is outdated.
        """
        self.forget([run_id for run_id in over if run_id not in flying])
        excess = len(self._runs) - RUNS_KEPT
        if excess > 0:
            self.forget([run_id for run_id in islice(self._runs, excess) if run_id not in flying])
