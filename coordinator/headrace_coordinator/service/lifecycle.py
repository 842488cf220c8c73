"""Orders about workflows: retire, restore, delete, roll back, pause, resume.

    active ── retire ──> retired ── delete (no open runs) ──> deleted
       ^────── restore ─────┘            a deploy of the name begins anew

*Retired*: its triggers fire nothing, its runs finish, starting one by hand is refused. *Deleted*: gone for everybody,
except that runs stay until retention, with the definitions that they began with; their ids stay remembered, so an event
that comes again starts nothing (I2). *Paused*, the workflow or one trigger: what arrives is kept, see `replay`; runs go
on, and a person may start one.

Each order is carried out and recorded in one transaction. A dry run says the same and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.orders import OrderKind, OrderReply, WorkflowOrder
from headrace_coordinator.runtime.retirement import retired_conflict
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.definition_checks import check_deployable
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.holds import holds_for
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.port import RunFilter
from headrace_coordinator.store.records import (
    DefinitionRow,
    Hold,
    Mark,
    WorkflowChange,
    WorkflowState,
)
from headrace_coordinator.store.rows import FINISHED
from headrace_protocol.definition import EventTrigger, Trigger, WorkflowDefinition
from headrace_protocol.errors import Conflict, NotFound

OPEN = tuple(state for state in RunState if state not in FINISHED)
COUNTED = 1_000
"""Open runs are counted up to here: more of them change nothing."""
KINDS = {
    OrderKind.RETIRE: "retired",
    OrderKind.RESTORE: "restored",
    OrderKind.DELETE: "deleted",
    OrderKind.ROLLBACK: "rolled_back",
    OrderKind.PAUSE: "paused",
    OrderKind.RESUME: "resumed",
}


class _Step(msgspec.Struct):
    """What an order writes. Without a state and a row there is nothing to do."""

    effects: list[str]
    state: WorkflowState | None = None
    row: DefinitionRow | None = None
    version: str = ""
    previous: str = ""


class Lifecycle:
    """Carries orders out."""

    def __init__(self, catalog: Catalog, shards: ShardSet, resumed: Callable[[], None]) -> None:
        """`resumed` is called when a trigger is to be given what was kept for it."""
        self._catalog = catalog
        self._registry = catalog.registry
        self._store = catalog.store
        self._shards = shards
        self._resumed = resumed
        self._steps = {
            OrderKind.RETIRE: self._retire,
            OrderKind.RESTORE: self._restore,
            OrderKind.DELETE: self._delete,
            OrderKind.ROLLBACK: self._rollback,
            OrderKind.PAUSE: self._pause,
            OrderKind.RESUME: self._resume,
        }

    async def order(self, order: WorkflowOrder) -> OrderReply:
        """Carry an order out, and record it. Raises NotFound, and Conflict when the state does not allow it."""
        async with self._catalog.changing:
            definition = (await self._registry.entry(order.workflow)).definition
            step = await self._steps[order.kind](order, self._registry.state(order.workflow), definition)
            changed = step.state is not None or step.row is not None
            if changed and not order.dry_run:
                await self._carry_out(order, step)
        return OrderReply(
            workflow=order.workflow,
            kind=order.kind,
            changed=changed,
            dry_run=order.dry_run,
            effects=tuple(step.effects),
        )

    async def _carry_out(self, order: WorkflowOrder, step: _Step) -> None:
        change = WorkflowChange(
            workflow=order.workflow,
            kind=KINDS[order.kind],
            at_us=self._catalog.now_us(),
            by=order.by,
            reason=order.reason,
            version=step.version,
            previous=step.previous,
            trigger=order.trigger,
        )
        rows = () if step.row is None else (step.row,)
        states = () if step.state is None else (step.state,)
        await self._catalog.commit(rows, states, (change,))
        if order.kind is OrderKind.RESUME:
            self._resumed()

    def _mark(self, order: WorkflowOrder) -> Mark:
        return Mark(at_us=self._catalog.now_us(), by=order.by, reason=order.reason)

    async def _open_runs(self, workflow: str) -> int:
        found = await self._store.count_matching(RunFilter(workflow=workflow, states=OPEN), COUNTED)
        return sum(found.values())

    async def _retire(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if state.retired is not None and not state.pruned:
            return _Step(["it is retired already"])
        runs = await self._open_runs(order.workflow)
        count = len(definition.triggers)
        effects = [
            f"its {_counted(count, 'trigger')} {'fires' if count == 1 else 'fire'} nothing any more"
            if count
            else "it has no triggers",
            f"{_counted(runs, 'open run')} {'goes' if runs == 1 else 'go'} on to the end"
            if runs
            else "it has no open runs",
            "starting it by hand is refused until somebody restores it",
        ]
        if state.holds:
            effects.append("what was kept for its paused triggers is dropped")
        mark = self._mark(order)
        retired = msgspec.structs.replace(state, retired=mark, pruned=False, paused=None, holds={})
        return _Step(effects, retired)

    async def _restore(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if state.retired is None:
            return _Step(["it is active already"])
        effects = [
            "its triggers fire again, from now on: what came while it was retired starts nothing"
            if definition.triggers
            else "it can be started by hand again"
        ]
        return _Step(effects, msgspec.structs.replace(state, retired=None, pruned=False))

    async def _delete(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if runs := await self._open_runs(order.workflow):
            raise _still_open(order.workflow, runs)
        if state.retired is None and not order.dry_run:
            # First, and on its own: from now on nothing starts a run behind our back, whatever becomes of the rest.
            retired = msgspec.structs.replace(state, retired=self._mark(order), paused=None, holds={})
            await self._catalog.commit(states=(retired,))
            state = retired
            for shard in range(self._shards.count):
                raised(await self._shards.ask(shard, Envelope(after_all=True)))
            if runs := await self._open_runs(order.workflow):
                raise _still_open(order.workflow, runs, "it is retired now, and starts no others; ")
        effects = [
            "its definition and triggers go",
            "its finished runs stay as long as retention says",
            "the ids of its runs are remembered: an event that comes again starts nothing",
        ]
        deleted = WorkflowState(workflow=order.workflow, deleted=self._mark(order))
        return _Step(effects, deleted, version=self._registry.current_version(order.workflow) or "")

    async def _rollback(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if state.retired is not None:
            raise retired_conflict(order.workflow, state.retired)
        row = await self._chosen(order)
        current = self._registry.current_version(order.workflow) or ""
        if row.version == current:
            return _Step([f"version {current[:12]} is current already"])
        check_deployable(row.definition)
        runs = await self._open_runs(order.workflow)
        effects = [
            f"new runs start with version {row.version[:12]} instead of {current[:12]}",
            f"{_counted(runs, 'open run')} {'goes' if runs == 1 else 'go'} on with the version it began with"
            if runs == 1
            else f"{_counted(runs, 'open run')} go on with the versions they began with",
            "the next deploy of its file makes that file's version current again",
        ]
        now_us = self._catalog.now_us()
        position = (await self._store.positions()).events
        new = holds_for(state, row.definition, position, now_us)
        again = msgspec.structs.replace(row, deployed_at_us=now_us)
        return _Step(effects, None if new == state else new, again, row.version, current)

    async def _chosen(self, order: WorkflowOrder) -> DefinitionRow:
        """The version to roll back to; raises NotFound, or Conflict when it is not one."""
        rows = await self._store.versions(order.workflow)
        if not order.version:
            if len(rows) < 2:
                raise Conflict(
                    "there is no earlier version",
                    where=f"workflow {order.workflow}",
                    found="one version",
                    expected="a workflow that was deployed with at least two versions",
                )
            return rows[1]
        found = [row for row in rows if row.version.startswith(order.version)]
        if len(found) == 1:
            return found[0]
        raise NotFound(
            "the workflow has no such version" if not found else "several versions begin like that",
            where=f"workflow {order.workflow}",
            found=order.version,
            expected=", ".join(row.version[:12] for row in rows[:10]),
            fix=f"Choose one that `headrace workflows versions {order.workflow}` lists.",
        )

    async def _pause(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if state.retired is not None:
            raise retired_conflict(order.workflow, state.retired)
        chosen = _triggers(definition, order.trigger)
        mark, holds = self._mark(order), dict(state.holds)
        position = (await self._store.positions()).events
        for trigger in chosen:
            known = holds.get(trigger)
            if known is None:
                holds[trigger] = Hold(mark=mark, position=position, alone=bool(order.trigger))
            else:
                alone = known.alone or bool(order.trigger)
                holds[trigger] = msgspec.structs.replace(known, alone=alone, resuming=False)
        paused = state.paused if order.trigger else state.paused or mark
        new = msgspec.structs.replace(state, holds=holds, paused=paused)
        if new == state:
            return _Step(["it is paused already"])
        effects = [
            f"the trigger{'' if len(chosen) == 1 else 's'} {', '.join(chosen)} "
            f"keep{'s' if len(chosen) == 1 else ''} what arrives and start{'s' if len(chosen) == 1 else ''} nothing"
            if chosen
            else "it has no triggers: only a trigger that is deployed later will be paused",
            "runs go on, and it can be started by hand",
        ]
        return _Step(effects, new)

    async def _resume(
        self, order: WorkflowOrder, state: WorkflowState, definition: WorkflowDefinition
    ) -> _Step:
        if order.trigger:
            _triggers(definition, order.trigger)
            if state.paused is not None and order.trigger in state.holds:
                raise Conflict(
                    "the whole workflow is paused",
                    where=f"workflow {order.workflow}, trigger {order.trigger}",
                    found="paused with its workflow",
                    expected="a trigger that was paused by itself",
                    fix=f"Resume the workflow with `headrace workflows resume {order.workflow}`.",
                )
        ends = {
            trigger
            for trigger, hold in state.holds.items()
            if (trigger == order.trigger if order.trigger else not hold.alone) and not hold.resuming
        }
        new = msgspec.structs.replace(
            state,
            paused=state.paused if order.trigger else None,
            holds={
                trigger: msgspec.structs.replace(
                    hold, resuming=True, alone=hold.alone and trigger not in ends
                )
                if trigger in ends
                else hold
                for trigger, hold in state.holds.items()
            },
        )
        if new == state:
            return _Step(["it is not paused"])
        effects = [await self._kept(one, state) for one in definition.triggers if one.id in ends]
        return _Step(effects or ["triggers that are deployed from now on are active"], new)

    async def _kept(self, trigger: Trigger, state: WorkflowState) -> str:
        """What resuming a trigger starts."""
        if not isinstance(trigger, EventTrigger):
            return f"the schedule {trigger.id} goes on, and makes up for the latest time that it missed"
        after = state.holds[trigger.id].position
        count = await self._store.count_events_after(trigger.type, after, COUNTED)
        more = "at least " if count >= COUNTED else ""
        where = ", each that its condition lets through" if trigger.where else ""
        return (
            f"{more}{_counted(count, 'event')} of type {trigger.type} that {'was' if count == 1 else 'were'} kept "
            f"for the trigger {trigger.id} {'starts its run' if count == 1 else 'start their runs'}{where}"
        )


def _triggers(definition: WorkflowDefinition, wanted: str) -> list[str]:
    """Ids of the triggers that an order is about; raises NotFound."""
    ids = [trigger.id for trigger in definition.triggers]
    if not wanted:
        return ids
    if wanted not in ids:
        raise NotFound(
            "the workflow has no such trigger",
            where=f"workflow {definition.name}",
            found=wanted,
            expected=", ".join(ids) or "it has no triggers",
        )
    return [wanted]


def _still_open(workflow: str, runs: int, also: str = "") -> Conflict:
    more = "at least " if runs >= COUNTED else ""
    return Conflict(
        f"{also}the workflow has open runs",
        where=f"workflow {workflow}",
        found=f"{more}{_counted(runs, 'open run')}",
        expected="no open runs",
        fix=f"Wait for them, or cancel them: `headrace runs list --workflow {workflow} --state running`.",
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
