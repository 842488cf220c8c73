"""The last runs of a workflow against its nodes, as small as it goes: codes and milliseconds."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.state import NodeState, RunHead, RunState
from headrace_coordinator.queries.workflows import find_workflow
from headrace_coordinator.store.port import Reader, RunFilter
from headrace_coordinator.store.records import NodeOutline

ABSENT = "absent"
"""The run's version has no such node."""
STATES = (ABSENT, *(state.value for state in NodeState))
_CODES = {state: number for number, state in enumerate(NodeState, 1)}


class GridRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a column of the grid."""

    run_id: str
    state: RunState
    version: str
    trigger: str
    created_at_us: int
    duration_s: float


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, newest first, against nodes: those of the current version, then those that only older runs have."""

    workflow: str
    states: tuple[str, ...]
    """A cell's code is an index into this."""
    nodes: tuple[str, ...]
    runs: tuple[GridRun, ...]
    cells: tuple[tuple[int, ...], ...]
    """For each run the code of each node."""
    durations_ms: tuple[tuple[int | None, ...], ...]
    """For each run how long each node took, up to now when it is not finished; null when it has not begun."""


async def workflow_grid(store: Reader, name: str, count: int, now_us: int) -> Grid:
    """The grid of a workflow's last runs; raises NotFound."""
    current = await find_workflow(store, name, None)
    heads = await store.runs(RunFilter(workflow=name), None, count)
    planned = {current.version: [node.id for node in current.definition.nodes]}
    for version in dict.fromkeys(head.version for head in heads):
        if version not in planned:
            row = await store.definition(name, version)
            planned[version] = [] if row is None else [node.id for node in row.definition.nodes]
    nodes = tuple(dict.fromkeys(node for names in planned.values() for node in names))
    outlines = await store.outlines([head.run_id for head in heads])
    has = {version: frozenset(names) for version, names in planned.items()}
    rows = [_row(outlines[head.run_id], nodes, has[head.version], head, now_us) for head in heads]
    return Grid(
        workflow=name,
        states=STATES,
        nodes=nodes,
        runs=tuple(_run(head, now_us) for head in heads),
        cells=tuple(cells for cells, _ in rows),
        durations_ms=tuple(durations for _, durations in rows),
    )


def _row(
    touched: dict[str, NodeOutline], nodes: tuple[str, ...], has: frozenset[str], head: RunHead, now_us: int
) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    cells: list[int] = []
    durations: list[int | None] = []
    end_us = head.finished_at_us or now_us
    for name in nodes:
        outline = touched.get(name)
        if outline is None:
            cells.append(_CODES[NodeState.WAITING] if name in has else 0)
            durations.append(None)
            continue
        cells.append(_CODES[outline.state])
        took_us = (outline.finished_at_us or end_us) - outline.ready_at_us
        durations.append(max(0, took_us // 1_000) if outline.ready_at_us else None)
    return tuple(cells), tuple(durations)


def _run(head: RunHead, now_us: int) -> GridRun:
    return GridRun(
        run_id=head.run_id,
        state=head.state,
        version=head.version,
        trigger=head.trigger,
        created_at_us=head.created_at_us,
        duration_s=max(0, (head.finished_at_us or now_us) - head.created_at_us) / 1e6,
    )
