"""A definition becomes current: checked in every respect, stored, then used.

Deploys by the bus take effect in the order in which the bus took them. One that comes again, because a coordinator
died over it, may come after others: a workflow must not go back to what it was. So the store keeps, for each
workflow, how far the inputs' stream had got with the last deploy.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from headrace_coordinator.bus.delivery import delivery_of
from headrace_coordinator.bus.port import BusError, Incoming
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.registry import Entry
from headrace_coordinator.schedules.runner import ScheduleRunner, check_schedules
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.records import DefinitionRow, Transaction
from headrace_coordinator.triggers.events import Matcher, check_event_triggers
from headrace_coordinator.triggers.params import check_schedule_params
from headrace_protocol.checks import check_definition
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import CommandReply


class Deployment:
    """Deploys definitions."""

    def __init__(self, parts: Parts, matcher: Matcher, schedules: ScheduleRunner, shards: ShardSet) -> None:
        self._topology = parts.topology
        self._inputs = parts.topology.stream("INPUTS")
        self._bus = parts.bus
        self._store = parts.store
        self._registry = parts.registry
        self._clock = parts.clock
        self._matcher = matcher
        self._schedules = schedules
        self._shards = shards

    async def deploy(self, definition: WorkflowDefinition, message: Incoming | None = None) -> CommandReply:
        """Raises DefinitionError (or one of its kinds) when the definition is wrong; nothing changes then.

        `message` is the one that the deploy came in.
        """
        check_definition(definition)
        check_event_triggers(definition)
        check_schedules(definition)
        check_schedule_params(definition)
        async with self._schedules.changing:
            place = await self._place(definition.name)
            if message is None:
                return await self._deploy(definition, {place: await self._newest()})
            delivery = delivery_of(message)
            if delivery.count > 1 and delivery.sequence <= await self._store.cursor(place):
                return CommandReply(version=definition.version(), created=False)
            return await self._deploy(definition, {place: delivery.sequence})

    async def _place(self, workflow: str) -> str:
        """The cursor of a workflow's deploys; a stream that is made anew counts from the beginning again."""
        stream = await self._store.stream(self._inputs)
        return f"deploy {workflow} {'' if stream is None else stream.created}"

    async def _newest(self) -> int:
        """The inputs' last sequence: a deploy that comes by another way than the bus is later than all of them."""
        if self._bus.connected:
            with suppress(BusError):
                states = await self._bus.ensure(self._topology)
                return next(state.last_sequence for state in states if state.name == self._inputs)
        return 0

    async def _deploy(self, definition: WorkflowDefinition, reached: dict[str, int]) -> CommandReply:
        version = definition.version()
        row = DefinitionRow(definition, version, self._clock.now_us())
        if self._registry.current_version(definition.name) == version:
            if (await self._registry.entry(definition.name)).definition.source != definition.source:
                await self._renew_source(row)
            # Committed all the same: a coordinator that has lost its lease does not know what is current.
            raised(await self._shards.ask(0, Envelope(write=lambda t: t.cursors.update(reached))))
            return CommandReply(version=version, created=False)
        Entry(row).check()  # compiles, or raises, before anything is stored
        states, gone = self._schedules.changes(definition)

        def write(transaction: Transaction) -> None:
            transaction.definitions.append(row)
            transaction.schedules += states
            transaction.schedules_dropped += gone
            transaction.cursors.update(reached)

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
