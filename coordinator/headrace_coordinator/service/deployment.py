"""Definitions become current: checked in every respect, stored in one transaction, then used.

A *dry run* is the same up to the transaction. A workflow belongs to the deploy set that deployed it last; another
set's deploy of it is refused unless it takes it over.

Deploys by the bus take effect in the order in which the bus took them. One that comes again, because a coordinator
died over it, may come after others: a workflow must not go back to what it was. So the store keeps, for each
workflow, how far the inputs' stream had got with the last deploy.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from headrace_coordinator.bus.delivery import delivery_of
from headrace_coordinator.bus.port import BusError, Incoming
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.retirement import said
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.definition_checks import check_deployable
from headrace_coordinator.service.deploy_plan import Planned, conflict_with, moved, part_of_set, refused
from headrace_coordinator.service.holds import holds_for
from headrace_coordinator.store.records import (
    DefinitionRow,
    Mark,
    Origin,
    WorkflowChange,
    WorkflowState,
)
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.deploys import DeployMember, DeployResult, DeployState, Prune
from headrace_protocol.errors import DefinitionError, HeadraceError
from headrace_protocol.messages import CommandReply, DeploySet

PRUNED = "no file of its set defines it any more"


class Deployment:
    """Deploys definitions, alone or in sets."""

    def __init__(self, parts: Parts, catalog: Catalog) -> None:
        self._topology = parts.topology
        self._inputs = parts.topology.stream("INPUTS")
        self._bus = parts.bus
        self._store = parts.store
        self._registry = parts.registry
        self._catalog = catalog

    async def deploy(self, definition: WorkflowDefinition, message: Incoming | None = None) -> CommandReply:
        """Deploy one definition; the workflow stays with the set that it belongs to.

        Raises DefinitionError (or one of its kinds) when the definition is wrong; nothing changes then.
        `message` is the one that the deploy came in.
        """
        check_deployable(definition)
        command = DeploySet(members=(DeployMember(definition=definition, set=""),))
        reply = await self.deploy_set(command, message)
        return msgspec.structs.replace(reply, version=reply.results[0].version, results=())

    async def deploy_set(self, command: DeploySet, message: Incoming | None = None) -> CommandReply:
        """Deploy all of a set, or nothing: the reply's `results` say of each workflow what became of it, or would
        have, and `error` is why nothing was deployed."""
        async with self._catalog.changing:
            places = {key: await self._place(key) for key in _ordered_keys(command)}
            if message is None:
                sequence, superseded = await self._newest(), set[str]()
            else:
                delivery = delivery_of(message)
                sequence, again = delivery.sequence, delivery.count > 1
                superseded = {
                    key
                    for key, place in places.items()
                    if again and sequence <= await self._store.cursor(place)
                }
            reached = {place: sequence for key, place in places.items() if key not in superseded}
            return await self._carry_out(_without(command, superseded), reached, _later(command, superseded))

    async def _place(self, key: str) -> str:
        """The cursor of a workflow's deploys; a stream that is made anew counts from the beginning again."""
        stream = await self._store.stream(self._inputs)
        return f"deploy {key} {'' if stream is None else stream.created}"

    async def _newest(self) -> int:
        """The inputs' last sequence: a deploy that comes by another way than the bus is later than all of them."""
        if self._bus.connected:
            with suppress(BusError):
                states = await self._bus.ensure(self._topology)
                return next(state.last_sequence for state in states if state.name == self._inputs)
        return 0

    async def _carry_out(
        self, command: DeploySet, reached: dict[str, int], later: tuple[DeployResult, ...]
    ) -> CommandReply:
        """`later` is what the reply says of the workflows that were deployed after this command."""
        position = (await self._store.positions()).events
        planned: dict[str, Planned] = {}
        plans = []
        for member in command.members:
            plan = self._plan(command, member, position, planned)
            planned.setdefault(member.definition.name, plan)
            plans.append(plan)
        plans += self._prunes(command, planned)
        results = tuple(plan.result for plan in plans)
        error = refused(results)
        created = any(result.state in {DeployState.DEPLOYED, DeployState.RETIRED} for result in results)
        if error is None and not command.dry_run and reached:
            await self._catalog.commit(
                [plan.row for plan in plans if plan.row is not None],
                [plan.state for plan in plans if plan.state is not None],
                [change for plan in plans for change in plan.changes],
                reached,
            )
        return CommandReply(created=created and error is None, error=error, results=(*results, *later))

    def _plan(
        self, command: DeploySet, member: DeployMember, position: int, others: dict[str, Planned]
    ) -> Planned:
        """What becomes of a member."""
        definition = member.definition
        name = definition.name
        try:
            check_deployable(definition)
            if name in others:
                raise _twice(name, member)
            state = self._registry.state(name)
            conflict = conflict_with(state, command, member)
            if conflict is not None:
                raise conflict
        except HeadraceError as error:
            result = DeployResult(workflow=name, state=DeployState.REFUSED, error=error.info())
            return Planned(result)
        return self._accepted(command, member, state, position)

    def _accepted(
        self, command: DeploySet, member: DeployMember, state: WorkflowState, position: int
    ) -> Planned:
        definition, now_us = member.definition, self._catalog.now_us()
        name, version = definition.name, definition.version()
        previous = self._registry.current_version(name) or ""
        origin = Origin(
            set=member.set or state.set,
            owner=command.owner if member.set else state.owner,
            file=member.file,
            code=member.code,
            provenance=command.provenance,
        )
        change = WorkflowChange(
            workflow=name,
            kind="deployed",
            at_us=now_us,
            by=command.provenance.by,
            version=version,
            previous=previous,
            origin=origin,
        )
        planned = Planned(DeployResult(workflow=name, state=DeployState.DEPLOYED, version=version))
        known = self._registry.known(name, version) if version == previous else None
        if version != previous:
            planned.row = DefinitionRow(definition, version, now_us, origin)
            planned.changes.append(change)
        elif known is not None:
            self._renew(planned, known, definition, origin, change)
        self._settle_state(planned, command, member, state, position)
        same = version == previous and not planned.changes
        planned.result = msgspec.structs.replace(
            planned.result,
            state=DeployState.UNCHANGED if same else DeployState.DEPLOYED,
            previous=previous,
            notes=tuple(planned.notes),
        )
        return planned

    def _renew(
        self,
        planned: Planned,
        known: DefinitionRow,
        definition: WorkflowDefinition,
        origin: Origin,
        change: WorkflowChange,
    ) -> None:
        """The same version from another text, or with other code: people read what was deployed last."""
        other_code = bool(origin.code) and known.origin.code != origin.code
        if not other_code and known.definition.source == definition.source:
            return
        kept = origin if other_code else known.origin
        planned.row = DefinitionRow(definition, known.version, known.deployed_at_us, kept)
        if other_code and known.origin.code:
            planned.changes.append(change)
            planned.notes.append("the code of its tasks changed")

    def _settle_state(
        self,
        planned: Planned,
        command: DeploySet,
        member: DeployMember,
        state: WorkflowState,
        position: int,
    ) -> None:
        """Whose the workflow is from now on, and whether it is active."""
        name, now_us = member.definition.name, self._catalog.now_us()
        new = WorkflowState(workflow=name) if state.deleted is not None else state
        by = command.provenance.by
        if new.pruned:
            new = msgspec.structs.replace(new, retired=None, pruned=False)
            planned.notes.append("restored: a file defines it again")
            planned.changes.append(WorkflowChange(workflow=name, kind="restored", at_us=now_us, by=by))
        elif new.retired is not None:
            planned.notes.append(
                f"it stays retired{said(new.retired)} (`headrace workflows restore {name}` ends that)"
            )
        if member.set:
            kind, note = moved(new if state.deleted is not None else state, command, member)
            if kind:
                planned.notes.append(note)
                planned.changes.append(
                    WorkflowChange(workflow=name, kind=kind, at_us=now_us, by=by, previous=state.set)
                )
            new = msgspec.structs.replace(new, set=member.set, owner=command.owner, file=member.file)
        new = holds_for(new, member.definition, position, now_us)
        if new.paused is not None:
            planned.notes.append(f"it stays paused (`headrace workflows resume {name}` ends that)")
        if new != state:
            planned.state = new

    def _prunes(self, command: DeploySet, members: dict[str, Planned]) -> list[Planned]:
        """Workflows of the sets concerned that no file defines any more."""
        if command.prune is Prune.NONE:
            return []
        sets = {part.set for part in command.parts}
        files = {(part.set, part.file) for part in command.parts}
        found = []
        for state in self._registry.states():
            ours = state.set in sets and (
                not state.owner or not command.owner or state.owner == command.owner
            )
            if not ours or state.workflow in members or state.retired is not None:
                continue
            if (state.set, state.file) in files:
                found.append(self._pruned(command, state))
            elif command.prune is Prune.SET:
                error = part_of_set(state, command).info()
                found.append(
                    Planned(DeployResult(workflow=state.workflow, state=DeployState.REFUSED, error=error))
                )
        return found

    def _pruned(self, command: DeploySet, state: WorkflowState) -> Planned:
        now_us, by = self._catalog.now_us(), command.provenance.by
        version = self._registry.current_version(state.workflow) or ""
        result = DeployResult(
            workflow=state.workflow,
            state=DeployState.RETIRED,
            version=version,
            previous=version,
            notes=(PRUNED,),
        )
        mark = Mark(at_us=now_us, by=by, reason=PRUNED)
        return Planned(
            result,
            state=msgspec.structs.replace(state, retired=mark, pruned=True),
            changes=[
                WorkflowChange(workflow=state.workflow, kind="retired", at_us=now_us, by=by, reason=PRUNED)
            ],
        )


def _ordered_keys(command: DeploySet) -> list[str]:
    """What a set changes in the order of the bus: workflows, and what its files hold."""
    return list(
        dict.fromkeys(
            (
                *(member.definition.name for member in command.members),
                *(f"{part.set}:{part.file}" for part in command.parts),
            )
        )
    )


def _later(command: DeploySet, superseded: set[str]) -> tuple[DeployResult, ...]:
    """What is said of workflows that have been deployed with this command or after it."""
    return tuple(
        DeployResult(
            workflow=member.definition.name,
            state=DeployState.UNCHANGED,
            version=member.definition.version(),
            notes=("this deploy was carried out before, or a later one was",),
        )
        for member in command.members
        if member.definition.name in superseded
    )


def _without(command: DeploySet, superseded: set[str]) -> DeploySet:
    """The rest of a set that comes late: what was deployed after it stays."""
    return msgspec.structs.replace(
        command,
        members=tuple(member for member in command.members if member.definition.name not in superseded),
        parts=tuple(part for part in command.parts if f"{part.set}:{part.file}" not in superseded),
    )


def _twice(name: str, member: DeployMember) -> DefinitionError:
    return DefinitionError(
        f"two workflows have the name {name!r}",
        where=member.file or f"workflow {name}",
        found="another one in the same deploy",
        expected="one workflow with a name",
        fix="Rename one of them, or give it another `name=`.",
    )
