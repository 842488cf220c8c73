"""Workflows as the API answers about them, as far as commands show it."""

from __future__ import annotations

import msgspec

from headrace.cli.views import RunSummary
from headrace_protocol.deploys import Provenance


class MarkView(msgspec.Struct, frozen=True, kw_only=True):
    """An order that holds."""

    at_us: int = 0
    by: str = ""
    reason: str = ""


class OriginView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version came from."""

    set: str = ""
    owner: str = ""
    file: str = ""
    code: str = ""
    provenance: Provenance = Provenance()


class PausedView(msgspec.Struct, frozen=True, kw_only=True):
    """A paused trigger."""

    kept: int = 0
    resuming: bool = False


class TriggerView(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger in words."""

    id: str
    text: str
    next_fire_us: int | None = None
    paused: PausedView | None = None


class WorkflowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list."""

    name: str
    version: str
    deployed_at_us: int = 0
    doc: str = ""
    nodes: int = 0
    triggers: tuple[TriggerView, ...] = ()
    runs: dict[str, int] = {}
    last_runs: tuple[RunSummary, ...] = ()
    condition: str = "active"
    retired: MarkView | None = None
    paused: MarkView | None = None
    origin: OriginView = OriginView()
    set: str = ""
    owner: str = ""


class WorkflowList(msgspec.Struct, frozen=True, kw_only=True):
    """Every workflow, by name."""

    workflows: tuple[WorkflowSummary, ...]


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node as a graph shows it."""

    id: str
    task: str
    queue: str = ""
    mapped: bool = False
    doc: str = ""


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge."""

    source: str
    target: str
    kind: str = "data"


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """The graph of a workflow."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...] = ()


class ParamsView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a definition tells how to start it."""

    params: dict[str, dict[str, object]] = {}
    required: tuple[str, ...] = ()
    defaults: dict[str, object] = {}


class WorkflowDetail(WorkflowSummary, frozen=True, kw_only=True):
    """A workflow with its graph and params."""

    graph: Graph
    definition: ParamsView = ParamsView()
