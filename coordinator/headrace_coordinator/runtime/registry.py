"""Deployed definitions, compiled: plans by version, and checkers of params.

A run is pinned to the version it started with; a deploy only changes what new runs start with.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from headrace_coordinator.engine.plan import Plan, compile_plan
from headrace_coordinator.runtime.params import Params
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import DefinitionRow
from headrace_protocol.errors import NotFound

PLANS_KEPT = 1_000
"""Compiled versions kept in memory; older ones are compiled again when a run needs them."""


class Entry:
    """A version of a workflow, ready to start and run."""

    def __init__(self, row: DefinitionRow) -> None:
        self.definition = row.definition
        self.version = row.version
        self.plan: Plan = compile_plan(row.definition, row.version)
        self._params = Params(row.definition)

    def complete(self, params: msgspec.Raw) -> msgspec.Raw:
        """The params with defaults filled in; raises ParamsError when they do not fit the schema."""
        return self._params.complete(params)

    def check(self) -> None:
        """Raises DefinitionError when the params' schema is none."""
        self._params.check()


class Registry:
    """Versions by workflow, read from the store when they are first needed."""

    def __init__(self, store: Reader) -> None:
        self.store = store
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._current: dict[str, str] = {}

    async def load(self) -> None:
        """Learn which version of each workflow is current."""
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

    def current(self) -> list[Entry]:
        """The current version of every workflow."""
        return [self._entries[name, version] for name, version in self._current.items()]

    def current_version(self, workflow: str) -> str | None:
        return self._current.get(workflow)

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
