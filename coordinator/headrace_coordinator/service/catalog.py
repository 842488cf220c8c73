"""The one way in which definitions and orders about workflows change: stored in a transaction, then used.

What is used are the registry (what starts and how), the matcher (which events start what) and the schedules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.schedules.runner import ScheduleRunner
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import (
    DefinitionRow,
    ScheduleState,
    Transaction,
    WorkflowChange,
    WorkflowState,
)
from headrace_coordinator.triggers.events import Matcher
from headrace_protocol.definition import WorkflowDefinition


class Catalog:
    """Every workflow that is deployed. Whoever changes it holds `changing`."""

    def __init__(self, parts: Parts, matcher: Matcher, schedules: ScheduleRunner, shards: ShardSet) -> None:
        self.registry: Registry = parts.registry
        self.store: Reader = parts.store
        self.schedules = schedules
        self._clock = parts.clock
        self._matcher = matcher
        self._shards = shards

    @property
    def changing(self) -> asyncio.Lock:
        return self.schedules.changing

    def now_us(self) -> int:
        return self._clock.now_us()

    def refresh(self) -> None:
        """Match events and fire schedules as the registry now says."""
        self._matcher.rebuild(self.registry.listening())
        self.schedules.pause(
            (state.workflow, trigger) for state in self.registry.states() for trigger in state.holds
        )

    async def commit(
        self,
        rows: Sequence[DefinitionRow] = (),
        states: Sequence[WorkflowState] = (),
        changes: Sequence[WorkflowChange] = (),
        cursors: Mapping[str, int] | None = None,
    ) -> None:
        """Store everything in one transaction, then use it. Committed also when there is nothing to store: a
        coordinator that has lost its lease does not know what is current."""
        live, over = self._schedules_of(rows, states)
        upserts: list[ScheduleState] = []
        gone = [key for workflow in over for key in self.schedules.of(workflow)]
        for definition in live:
            changed, dropped = self.schedules.changes(definition)
            upserts += changed
            gone += dropped

        def write(transaction: Transaction) -> None:
            transaction.definitions += rows
            transaction.workflow_states += states
            transaction.workflow_changes += changes
            transaction.schedules += upserts
            transaction.schedules_dropped += gone
            transaction.cursors.update(cursors or {})

        raised(await self._shards.ask(0, Envelope(write=write)))
        for row in rows:
            self.registry.renewed(row)
            self.registry.deployed(row)
        for state in states:
            self.registry.ordered(state)
        for workflow in over:
            self.schedules.removed(workflow)
        for definition in live:
            self.schedules.deployed(definition)
        if rows or states:
            self.refresh()

    def _schedules_of(
        self, rows: Sequence[DefinitionRow], states: Sequence[WorkflowState]
    ) -> tuple[list[WorkflowDefinition], list[str]]:
        """Definitions whose schedules are to run, and workflows that have none any more."""
        definitions = {entry.definition.name: entry.definition for entry in self.registry.current()}
        definitions |= {row.definition.name: row.definition for row in rows}
        ordered = {state.workflow: state for state in states}
        live, over = [], []
        for workflow in dict.fromkeys((*(row.definition.name for row in rows), *ordered)):
            state = ordered.get(workflow) or self.registry.state(workflow)
            if state.retired is not None or state.deleted is not None or workflow not in definitions:
                over.append(workflow)
            else:
                live.append(definitions[workflow])
        return live, over
