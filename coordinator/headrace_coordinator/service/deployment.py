"""A definition becomes current: checked in every respect, stored, then used."""

from __future__ import annotations

import msgspec

from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.registry import Entry, Registry
from headrace_coordinator.schedules.runner import ScheduleRunner, check_schedules
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.records import DefinitionRow, Transaction
from headrace_coordinator.triggers.events import Matcher, check_event_triggers
from headrace_protocol.checks import check_definition
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import CommandReply


class Deployment:
    """Deploys definitions."""

    def __init__(
        self, registry: Registry, matcher: Matcher, schedules: ScheduleRunner, shards: ShardSet, clock: Clock
    ) -> None:
        self._registry = registry
        self._matcher = matcher
        self._schedules = schedules
        self._shards = shards
        self._clock = clock

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        """Raises DefinitionError (or one of its kinds) when the definition is wrong; nothing changes then."""
        check_definition(definition)
        check_event_triggers(definition)
        check_schedules(definition)
        async with self._schedules.changing:
            return await self._deploy(definition)

    async def _deploy(self, definition: WorkflowDefinition) -> CommandReply:
        version = definition.version()
        row = DefinitionRow(definition, version, self._clock.now_us())
        if self._registry.current_version(definition.name) == version:
            if (await self._registry.entry(definition.name)).definition.source != definition.source:
                await self._renew_source(row)
            return CommandReply(version=version, created=False)
        Entry(row).check()  # compiles, or raises, before anything is stored
        states, gone = self._schedules.changes(definition)

        def write(transaction: Transaction) -> None:
            transaction.definitions.append(row)
            transaction.schedules += states
            transaction.schedules_dropped += gone

        raised(await self._shards.ask(0, Envelope(write=write)))
        self._registry.deployed(row)
        self._matcher.rebuild(entry.definition for entry in self._registry.current())
        self._schedules.deployed(definition)
        return CommandReply(version=version)

    async def _renew_source(self, row: DefinitionRow) -> None:
        """The same version as other text: nothing that runs changes, but people read what was deployed last."""
        known = await self._registry.store.definition(row.definition.name, row.version)
        kept = row if known is None else msgspec.structs.replace(row, deployed_at_us=known.deployed_at_us)
        raised(await self._shards.ask(0, Envelope(write=lambda t: t.definitions.append(kept))))
        self._registry.renewed(kept)
