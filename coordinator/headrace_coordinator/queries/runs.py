"""One run, read from the store with what belongs to it."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import NODE_FINISHED, Node
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.values import ValueView, view_of
from headrace_coordinator.queries.views import RunDetail, detail_of
from headrace_coordinator.store.port import Reader, StoredRun
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import Conflict, NotFound

ATTEMPTS_SHOWN = 1_000
"""At most, of one node (or of one run without maps): a task that fails without end stays readable."""

ITEMS_READ = 200
"""Attempts of items in one read: each may hold a result of 64 KB."""


class ItemView(ValueView, frozen=True, kw_only=True):
    """The result of one item of a map."""

    item: int


class ResultView(ValueView, frozen=True, kw_only=True):
    """The result of a node: its value, where it is stored, or a page of a map's items."""

    node: str
    items: tuple[ItemView, ...] | None = None
    next: int | None = None
    """What to give as `first` for the next page of items."""


class FullRun(msgspec.Struct, frozen=True):
    """A run, the definition it is pinned to, and the attempts of its nodes that are not maps."""

    stored: StoredRun
    definition: WorkflowDefinition
    attempts: list[AttemptRecord]


async def find_run(store: Reader, run_id: str) -> StoredRun:
    """The run; raises NotFound."""
    stored = await store.run(run_id)
    if stored is None:
        raise NotFound(
            "there is no such run", where="run_id", found=run_id, fix="List them with `headrace runs list`."
        )
    return stored


async def load_run(store: Reader, run_id: str) -> FullRun:
    """A run with its definition and attempts; raises NotFound."""
    stored = await find_run(store, run_id)
    row = await store.definition(stored.head.workflow, stored.head.version)
    if row is None:
        raise NotFound(
            "the definition of the run is gone",
            where=f"run {run_id}",
            found=f"{stored.head.workflow} {stored.head.version}",
        )
    return FullRun(stored, row.definition, await _attempts(store, run_id, row.definition))


async def item_attempts(store: Reader, full: FullRun, limit: int) -> list[AttemptRecord]:
    """The attempts of the items of a run's maps, without their results, `limit` of them at most."""
    found: list[AttemptRecord] = []
    for node in full.definition.nodes:
        read = 0
        while node.map is not None and len(found) < limit:
            size = min(ITEMS_READ, limit - len(found))
            page = await store.attempts(full.stored.head.run_id, node.id, read, size)
            found += [msgspec.structs.replace(record, result=None) for record in page]
            read += len(page)
            if len(page) < size:
                break
    return found


async def show_run(store: Reader, run_id: str, moment: Moment) -> RunDetail:
    """A run with its nodes; raises NotFound."""
    full = await load_run(store, run_id)
    return detail_of(full.stored, full.definition, full.attempts, moment)


async def node_result(
    store: Reader, run_id: str, node: str, item: int | None, first: int, limit: int
) -> ResultView:
    """The result of a node, or of one item. Raises NotFound, Conflict while there is none yet."""
    full = await load_run(store, run_id)
    if node not in {planned.id for planned in full.definition.nodes}:
        choices = ", ".join(planned.id for planned in full.definition.nodes)
        raise NotFound("there is no such node", where=f"run {run_id}", found=node, expected=choices)
    state = full.stored.nodes.get(node) or Node()
    if item is not None:
        return await _item_result(store, run_id, node, item)
    if state.result is not None:
        view = view_of(state.result)
        return ResultView(node=node, **_fields(view))
    if state.map is not None:
        return await _item_results(store, run_id, node, first, limit)
    ended = state.state in NODE_FINISHED
    raise Conflict(
        "the node ended without a result" if ended else "the node has no result yet",
        where=f"run {run_id}, node {node}",
        found=state.state.value,
        expected="succeeded",
        fix=f"See `headrace runs explain {run_id}`.",
    )


def _fields(view: ValueView) -> dict[str, Any]:
    """What every view of a value has, for one that says more."""
    return {name: getattr(view, name) for name in ValueView.__struct_fields__}


async def _item_result(store: Reader, run_id: str, node: str, item: int) -> ResultView:
    records = await store.item_results(run_id, node, item, 1)
    if not records or records[0].item != item or records[0].result is None:
        raise Conflict(
            "the item has no result",
            where=f"run {run_id}, node {node}",
            found=f"item {item}",
            expected="succeeded",
        )
    view = view_of(records[0].result)
    return ResultView(node=node, **_fields(view))


async def _item_results(store: Reader, run_id: str, node: str, first: int, limit: int) -> ResultView:
    records = await store.item_results(run_id, node, first, limit + 1)
    views: list[ItemView] = []
    for record in records[:limit]:
        if record.item is not None and record.result is not None:
            view = view_of(record.result)
            views.append(ItemView(item=record.item, **_fields(view)))
    following = records[limit].item if len(records) > limit else None
    return ResultView(node=node, items=tuple(views), next=following)


async def _attempts(store: Reader, run_id: str, definition: WorkflowDefinition) -> list[AttemptRecord]:
    """Attempts of nodes that are not maps: the items of a map may be a million."""
    if all(node.map is None for node in definition.nodes):
        return await store.attempts(run_id, None, 0, ATTEMPTS_SHOWN)
    found: list[AttemptRecord] = []
    for node in definition.nodes:
        if node.map is None:
            found += await store.attempts(run_id, node.id, 0, ATTEMPTS_SHOWN)
    return found
