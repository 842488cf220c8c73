"""Rules about runs as they are stored: sound, never stuck, and no more of them on the bus than may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from headrace_coordinator.engine import ready_line
from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.invariants import check_all
from headrace_coordinator.engine.plan import Place, Plan, compile_plan
from headrace_coordinator.engine.standing import totals
from headrace_coordinator.engine.state import NOWHERE, NodeState, Run, RunHead, RunState
from headrace_coordinator.engine.transitions.start import restore
from headrace_coordinator.store.memory_tables import Tables
from headrace_protocol.errors import InvariantBroken
from tests.simulation.journal import Journal


class RunStates:
    """Looks at stored runs the way a coordinator that starts now would load them."""

    def __init__(self, tables: Tables, journal: Journal) -> None:
        self._tables = tables
        self._journal = journal
        self._plans: dict[str, Plan] = {}
        self._on_bus: dict[tuple[int, Place], tuple[int, int]] = {}
        """By shard: tasks that are on the bus, and how many may be."""

    def plan(self, head: RunHead) -> Plan:
        found = self._plans.get(head.version)
        if found is None:
            row = self._tables.definitions[head.workflow][head.version]
            found = self._plans[head.version] = compile_plan(row.definition, head.version)
        return found

    def loaded(self, run_id: str) -> Run:
        """It shares the stored nodes: nothing here changes them."""
        stored = self._tables.runs[run_id]
        return restore(self.plan(stored.head), stored.head, stored.nodes)

    def check(self, run_id: str) -> None:
        """The run as anybody would load it now: sound, and never stuck (I5)."""
        run = self.loaded(run_id)
        try:
            check_all(self.plan(run.head), run)
        except InvariantBroken as error:
            self._journal.breach("state", f"{run_id}: {error.message}, found {error.found}")
            return
        if run.head.state is not RunState.RUNNING:
            return
        waits = False
        for name in run.active:
            node = run.nodes[name]
            if node.state in (NodeState.DISPATCHED, NodeState.READY, NodeState.COLLECTING):
                waits = True
            elif node.state is NodeState.RETRYING:
                waits = self._has_timer(run_id, name, None)
            elif node.map is not None:
                waits = waits or bool(run.standing.get(name, NOWHERE).ready)
                for item, state in node.map.items.items():
                    waits = waits or state.live
                    if state.retry_at_us is not None and not state.parked:
                        waits = self._has_timer(run_id, name, item)
        self._journal.require(waits, "I5", f"run {run_id} waits for nothing: {sorted(run.active)}")
        if run.head.deadline_us is not None:
            known = TimerKey(run_id, "deadline") in self._tables.timers
            self._journal.require(known, "I5", f"run {run_id} has a deadline and no timer for it")

    def _has_timer(self, run_id: str, node: str, item: int | None) -> bool:
        known = TimerKey(run_id, "retry", node, item) in self._tables.timers
        self._journal.require(known, "I5", f"{run_id}/{node}/{item} waits for a timer that nobody set")
        return known

    def check_line(self, shard: int) -> None:
        """What the shard has on the bus grows up to the bound, and nobody waits while there is room."""
        on_bus, ready = self._totals(shard)
        for place in on_bus.keys() | ready.keys():
            before, limit_before = self._on_bus.get((shard, place), (0, 0))
            queue = place.partition(".")[0]
            limit = self._tables.cursors.get(f"capacity/{shard}/{queue}", ready_line.DEFAULT_LIMIT)
            count = on_bus.get(place, 0)
            within = count <= max(limit, limit_before, before)
            self._journal.require(
                within, "bound", f"{count} tasks of {place} are on the bus, and {limit} may be"
            )
            waiting = ready.get(place, 0)
            idle = waiting and count < limit
            self._journal.require(
                not idle, "line", f"{waiting} tasks of {place} wait, {count} of {limit} are on the bus"
            )
            self._on_bus[shard, place] = (count, limit)

    def _totals(self, shard: int) -> tuple[Mapping[Place, int], Mapping[Place, int]]:
        """Tasks of a shard that are on the bus, and that wait to go there."""
        on_bus: dict[Place, int] = defaultdict(int)
        ready: dict[Place, int] = defaultdict(int)
        for run_id, stored in self._tables.runs.items():
            if stored.head.shard == shard and stored.head.state is RunState.RUNNING:
                for place, standing in totals(self.plan(stored.head), self.loaded(run_id)):
                    on_bus[place] += standing.on_bus
                    ready[place] += standing.ready
        return on_bus, ready
