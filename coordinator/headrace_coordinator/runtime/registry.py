"""Deployed definitions, compiled: plans by version, and checkers of params.

A run is pinned to the version it started with; a deploy only changes what new runs start with. Beside the versions
stands what was ordered about each workflow: whether it is retired, and which of its triggers are paused.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from headrace_coordinator.engine.plan import Plan, compile_plan
from headrace_coordinator.runtime.params import Params
from headrace_coordinator.runtime.retirement import deleted_conflict, retired_conflict
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import DefinitionRow, WorkflowState
from headrace_protocol.definition import NodeDefinition, WorkflowDefinition
from headrace_protocol.errors import NotFound
from headrace_protocol.messages import StartRun

PLANS_KEPT = 1_000
"""Compiled versions kept in memory; older ones are compiled again when a run needs them."""


class Entry:
    """A version of a workflow, ready to start and run."""

    def __init__(self, row: DefinitionRow) -> None:
        self.row = row
        self.definition = row.definition
        self.version = row.version
        self.plan: Plan = compile_plan(row.definition, row.version)
        self._params = Params(row.definition)

    def complete(self, command: StartRun) -> msgspec.Raw:
        """The params of a run, with its times and the defaults filled in; raises ParamsError when they do not fit the
        schema."""
        return self._params.complete(command)

    def check(self) -> None:
        """Raises DefinitionError when the params' schema is none."""
        self._params.check()


class Registry:
    """Versions by workflow, read from the store when they are first needed."""

    def __init__(self, store: Reader) -> None:
        self.store = store
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._current: dict[str, str] = {}
        self._states: dict[str, WorkflowState] = {}

    async def load(self) -> None:
        """Learn which version of each workflow is current, and what was ordered about it."""
        self._states = {state.workflow: state for state in await self.store.workflow_states()}
        for row in await self.store.definitions():
            self.deployed(row)

    def deployed(self, row: DefinitionRow) -> None:
        """A version has become current."""
        self._remember(row)
        self._current[row.definition.name] = row.version

    def renewed(self, row: DefinitionRow) -> None:
        """A version has got another source text."""
        self._entries.pop((row.definition.name, row.version), None)
        self._remember(row)

    def ordered(self, state: WorkflowState) -> None:
        """Something was ordered about a workflow."""
        self._states[state.workflow] = state
        if state.deleted is not None:
            self._current.pop(state.workflow, None)

    def state(self, workflow: str) -> WorkflowState:
        """What was ordered about a workflow."""
        return self._states.get(workflow) or WorkflowState(workflow=workflow)

    def states(self) -> list[WorkflowState]:
        """What was ordered about all workflows that are not deleted."""
        return [state for state in self._states.values() if state.workflow in self._current]

    def current(self) -> list[Entry]:
        """The current version of every workflow, retired ones too."""
        return [self._entries[name, version] for name, version in self._current.items()]

    def active(self) -> list[Entry]:
        """The current version of every workflow that may start runs."""
        return [entry for entry in self.current() if self.state(entry.definition.name).retired is None]

    def listening(self) -> list[WorkflowDefinition]:
        """Active definitions with the triggers that are not paused."""
        return [
            msgspec.structs.replace(
                entry.definition,
                triggers=tuple(
                    trigger
                    for trigger in entry.definition.triggers
                    if trigger.id not in self.state(entry.definition.name).holds
                ),
            )
            for entry in self.active()
        ]

    async def to_start(self, workflow: str, version: str, *, by_hand: bool) -> Entry:
        """A version for a new run; raises NotFound, and Conflict for a retired workflow that somebody starts.

        What a trigger let pass before the workflow was retired still starts: an event has one verdict.
        """
        retired = self.state(workflow).retired
        if by_hand and retired is not None and workflow in self._current:
            raise retired_conflict(workflow, retired)
        if workflow not in self._current:
            version = ""  # a deleted workflow's versions are kept for its runs, not for new ones
        return await self.entry(workflow, version)

    def check_exists(self, workflow: str) -> None:
        """Raises Conflict for a workflow that was deleted."""
        deleted = self.state(workflow).deleted
        if deleted is not None:
            raise deleted_conflict(workflow, deleted)

    def known(self, workflow: str, version: str) -> DefinitionRow | None:
        """A version that is in memory, as every current one is."""
        entry = self._entries.get((workflow, version))
        return None if entry is None else entry.row

    def current_version(self, workflow: str) -> str | None:
        return self._current.get(workflow)

    def planned_node(self, workflow: str, version: str, node: str) -> NodeDefinition | None:
        """A node of a version that is in memory, or else of the current one."""
        for wanted in (version, self._current.get(workflow, "")):
            entry = self._entries.get((workflow, wanted))
            if entry is not None and node in entry.plan.nodes:
                return entry.plan.nodes[node].definition
        return None

    async def entry(self, workflow: str, version: str = "") -> Entry:
        """One version, or the current one; raises NotFound."""
        wanted = version or self._current.get(workflow, "")
        entry = self._entries.get((workflow, wanted))
        if entry is not None:
            self._entries.move_to_end((workflow, wanted))
            return entry
        row = await self.store.definition(workflow, wanted) if wanted else None
        if row is None:
            raise NotFound(
                f"there is no workflow {workflow!r}" + (f" of version {version}" if version else ""),
                where="workflow",
                found=workflow,
                expected=", ".join(sorted(self._current)[:10]) or "no workflow is deployed yet",
                fix="Deploy it with `headrace deploy FILE`, or correct the name.",
            )
        return self._remember(row)

    def _remember(self, row: DefinitionRow) -> Entry:
        key = (row.definition.name, row.version)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(row)
            if len(self._entries) > PLANS_KEPT + len(self._current):
                self._forget_oldest()
        return entry

    def _forget_oldest(self) -> None:
        for name, version in self._entries:
            if self._current.get(name) != version:
                del self._entries[name, version]
                return
