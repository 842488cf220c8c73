"""Workflows: what is deployed, how its graph looks, when its triggers fire next, how its last runs went."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import Reader, RunFilter
from headrace_coordinator.store.records import (
    DefinitionRow,
    Hold,
    Mark,
    Origin,
    ScheduleState,
    WorkflowChange,
    WorkflowState,
)
from headrace_protocol.definition import (
    CronTrigger,
    EventTrigger,
    EveryTrigger,
    NodeDefinition,
    Trigger,
    WorkflowDefinition,
    params_schema,
    reads,
    upstream,
)
from headrace_protocol.errors import NotFound

LAST_RUNS = 5
COUNTED = 1_000
"""What is kept for a paused trigger is counted up to here."""


class WorkflowCondition(StrEnum):
    """Whether a workflow starts runs."""

    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class PausedView(msgspec.Struct, frozen=True, kw_only=True):
    """A paused trigger."""

    mark: Mark
    alone: bool
    """Paused by itself, not with its workflow."""
    resuming: bool
    """It is being given what was kept for it."""
    kept: int
    """Events of its type that came meanwhile, at most 1,000; of a schedule: 1 when it has missed a time."""


class TriggerView(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger, in words, and when it fires next."""

    id: str
    kind: str
    """`event`, `cron` or `every`."""
    text: str
    next_fire_us: int | None
    last_fire_us: int | None
    paused: PausedView | None = None


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node as a graph shows it."""

    id: str
    task: str
    queue: str
    mapped: bool
    doc: str


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge: `data` when the consumer reads the producer's result, `after` when it only waits."""

    source: str
    target: str
    kind: str


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """The graph of a workflow."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


class WorkflowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list."""

    name: str
    version: str
    deployed_at_us: int
    doc: str
    nodes: int
    triggers: tuple[TriggerView, ...]
    runs: dict[str, int]
    """Number of runs by state."""
    last_runs: tuple[RunSummary, ...]
    condition: WorkflowCondition
    retired: Mark | None
    paused: Mark | None
    origin: Origin
    """Where the current version came from."""
    set: str
    """The deploy set that it belongs to; empty: nobody's."""
    owner: str
    file: str


class WorkflowDetail(WorkflowSummary, frozen=True, kw_only=True):
    """A workflow with its graph and definition."""

    graph: Graph
    definition: WorkflowDefinition
    params_schema: dict[str, object]
    """JSON Schema (draft 2020-12) of the params, with their defaults: what a form for starting a run is made of."""


class WorkflowList(msgspec.Struct, frozen=True, kw_only=True):
    """Every workflow, by name."""

    workflows: tuple[WorkflowSummary, ...]


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployed version."""

    version: str
    deployed_at_us: int
    current: bool
    nodes: int
    origin: Origin


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of a workflow, the current one first."""

    workflow: str
    versions: tuple[VersionView, ...]


class ChangeList(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered about a workflow, newest first."""

    workflow: str
    changes: tuple[WorkflowChange, ...]
    next: int | None
    """The position to go on before; None on the last page."""


async def list_workflows(store: Reader, moment: Moment) -> WorkflowList:
    """Every workflow with its last runs."""
    rows = await store.definitions()
    counts = await store.count_runs()
    schedules = await store.schedules()
    states = {state.workflow: state for state in await store.workflow_states()}
    return WorkflowList(
        workflows=tuple(
            [
                await _summary(store, row, states.get(row.definition.name), counts, schedules, moment)
                for row in rows
            ]
        )
    )


async def show_workflow(store: Reader, name: str, version: str | None, moment: Moment) -> WorkflowDetail:
    """One workflow, as it is now or was at a version; raises NotFound."""
    row = await find_workflow(store, name, version)
    state = next((state for state in await store.workflow_states() if state.workflow == name), None)
    summary = await _summary(store, row, state, await store.count_runs(), await store.schedules(), moment)
    return WorkflowDetail(
        **msgspec.structs.asdict(summary),
        graph=graph_of(row.definition),
        definition=row.definition,
        params_schema=_form_schema(row.definition),
    )


async def list_versions(store: Reader, name: str) -> VersionList:
    """Versions of a workflow; raises NotFound."""
    current = await find_workflow(store, name, None)
    return VersionList(
        workflow=name,
        versions=tuple(
            VersionView(
                version=row.version,
                deployed_at_us=row.deployed_at_us,
                current=row.version == current.version,
                nodes=len(row.definition.nodes),
                origin=row.origin,
            )
            for row in await store.versions(name)
        ),
    )


async def list_changes(store: Reader, name: str, before: int | None, limit: int) -> ChangeList:
    """The history of a workflow, also of one that was deleted; raises NotFound."""
    changes = await store.workflow_changes(name, before, limit)
    if not changes and before is None:
        await find_workflow(store, name, None)
    last = changes[-1].position if len(changes) == limit else None
    return ChangeList(workflow=name, changes=tuple(changes), next=last)


async def find_workflow(store: Reader, name: str, version: str | None) -> DefinitionRow:
    """A version of a workflow, or the current one; raises NotFound."""
    row = await store.definition(name, version)
    if row is not None:
        return row
    if version is not None and await store.definition(name, None) is not None:
        raise NotFound("the workflow has no such version", where=f"workflow {name}", found=version)
    known = ", ".join(one.definition.name for one in (await store.definitions())[:20])
    raise NotFound(
        "there is no such workflow",
        where="workflow",
        found=name,
        expected=known or "nothing is deployed yet",
        fix="Deploy it with `headrace deploy FILE`, or correct its name.",
    )


def graph_of(definition: WorkflowDefinition) -> Graph:
    """Nodes and edges, in the order of the definition."""
    nodes = tuple(_graph_node(node, definition) for node in definition.nodes)
    edges = tuple(edge for node in definition.nodes for edge in _edges_to(node))
    return Graph(nodes=nodes, edges=edges)


def _edges_to(node: NodeDefinition) -> Iterator[GraphEdge]:
    data = frozenset(reads(node))
    for source in upstream(node):
        yield GraphEdge(source=source, target=node.id, kind="data" if source in data else "after")


def _form_schema(definition: WorkflowDefinition) -> dict[str, object]:
    """The schema of the params, which tells the defaults too."""
    properties = {
        name: {**schema, "default": definition.defaults[name]} if name in definition.defaults else schema
        for name, schema in definition.params.items()
    }
    return {**params_schema(definition), "properties": properties}


def trigger_text(trigger: Trigger) -> str:
    """A trigger in words."""
    match trigger:
        case EventTrigger(type=kind, where=where):
            return f"event {kind} where {where}" if where else f"event {kind}"
        case CronTrigger(expression=expression, tz=tz):
            return f"cron {expression} ({tz})"
        case EveryTrigger(every_s=every_s):
            return f"every {every_s:g} s"


def _graph_node(node: NodeDefinition, definition: WorkflowDefinition) -> GraphNode:
    task = definition.tasks.get(node.task)
    return GraphNode(
        id=node.id,
        task=node.task,
        queue=node.options.queue,
        mapped=node.map is not None,
        doc="" if task is None else task.doc,
    )


async def _summary(
    store: Reader,
    row: DefinitionRow,
    known: WorkflowState | None,
    counts: dict[tuple[str, RunState], int],
    schedules: list[ScheduleState],
    moment: Moment,
) -> WorkflowSummary:
    definition = row.definition
    mine = {one.trigger: one for one in schedules if one.workflow == definition.name}
    state = known or WorkflowState(workflow=definition.name)
    last = await store.runs(RunFilter(workflow=definition.name), None, LAST_RUNS)
    return WorkflowSummary(
        name=definition.name,
        version=row.version,
        deployed_at_us=row.deployed_at_us,
        doc=definition.doc,
        nodes=len(definition.nodes),
        triggers=tuple(
            [
                await _trigger(
                    store, trigger, mine.get(trigger.id), state.holds.get(trigger.id), moment.now_us
                )
                for trigger in definition.triggers
            ]
        ),
        runs={
            state.value: number
            for (name, state), number in sorted(counts.items())
            if name == definition.name and number
        },
        last_runs=tuple(summary_of(head, moment) for head in last),
        condition=_condition(state),
        retired=state.retired,
        paused=state.paused,
        origin=row.origin,
        set=state.set,
        owner=state.owner,
        file=state.file,
    )


def _condition(state: WorkflowState) -> WorkflowCondition:
    if state.retired is not None:
        return WorkflowCondition.RETIRED
    return WorkflowCondition.ACTIVE if state.paused is None else WorkflowCondition.PAUSED


async def _paused(
    store: Reader, trigger: Trigger, schedule: ScheduleState | None, hold: Hold, now_us: int
) -> PausedView:
    if isinstance(trigger, EventTrigger):
        kept = await store.count_events_after(trigger.type, hold.position, COUNTED)
    else:
        kept = int(schedule is not None and schedule.next_fire_us <= now_us)
    return PausedView(mark=hold.mark, alone=hold.alone, resuming=hold.resuming, kept=kept)


async def _trigger(
    store: Reader, trigger: Trigger, schedule: ScheduleState | None, hold: Hold | None, now_us: int
) -> TriggerView:
    kinds: dict[type, str] = {EventTrigger: "event", CronTrigger: "cron", EveryTrigger: "every"}
    return TriggerView(
        id=trigger.id,
        kind=kinds[type(trigger)],
        text=trigger_text(trigger),
        next_fire_us=None if schedule is None else schedule.next_fire_us,
        last_fire_us=None if schedule is None else schedule.last_fire_us,
        paused=None if hold is None else await _paused(store, trigger, schedule, hold, now_us),
    )
