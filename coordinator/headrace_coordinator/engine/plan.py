"""A definition, compiled once for each version: who unlocks whom, and what each node needs."""

from __future__ import annotations

import msgspec

from headrace_protocol.definition import (
    Binding,
    ListOf,
    NodeDefinition,
    ObjectOf,
    Output,
    Param,
    Path,
    WorkflowDefinition,
    reads,
    upstream,
)

Place = str
"""A queue and priority, as in a task's subject: `default.normal`."""


def place_of(queue: str, priority: str) -> Place:
    return f"{queue}.{priority}"


def queue_of(place: Place) -> str:
    return place.rpartition(".")[0]


class PlanNode(msgspec.Struct, frozen=True):
    """A node with its neighbours."""

    definition: NodeDefinition
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    reads: tuple[str, ...]
    """Upstream nodes whose results travel in the task message."""
    reads_params: bool
    counts: tuple[Path, ...]
    """Places in this node's result over which downstream nodes map."""
    place: Place
    """Where its tasks wait for workers."""
    code: str = ""
    """The code that workers must have, when the task pins it."""


class Plan(msgspec.Struct, frozen=True):
    """A workflow version, ready to run."""

    definition: WorkflowDefinition
    version: str
    nodes: dict[str, PlanNode]
    dependencies: dict[str, int]
    """How many nodes each node waits for."""


def compile_plan(definition: WorkflowDefinition, version: str) -> Plan:
    """Index a definition that has been checked (`headrace_protocol.checks`)."""
    downstream: dict[str, list[str]] = {node.id: [] for node in definition.nodes}
    counts: dict[str, dict[Path, None]] = {node.id: {} for node in definition.nodes}
    for node in definition.nodes:
        for source in upstream(node):
            downstream[source].append(node.id)
        if node.map is not None and isinstance(node.map.over, Output):
            counts[node.map.over.node][node.map.over.path] = None
    nodes = {
        node.id: PlanNode(
            definition=node,
            upstream=upstream(node),
            downstream=tuple(downstream[node.id]),
            reads=_travelling(node),
            reads_params=any(_reads_params(binding) for binding in node.bindings.values()),
            counts=tuple(counts[node.id]),
            place=place_of(node.options.queue, node.options.priority),
            code=definition.tasks[node.task].code if node.options.pin_code else "",
        )
        for node in definition.nodes
    }
    return Plan(definition, version, nodes, {name: len(node.upstream) for name, node in nodes.items()})


def _travelling(node: NodeDefinition) -> tuple[str, ...]:
    """The list that a node maps over does not travel whole: each message carries its own item."""
    return reads(msgspec.structs.replace(node, map=None))


def _reads_params(binding: Binding) -> bool:
    match binding:
        case Param():
            return True
        case ListOf(items=items):
            return any(_reads_params(item) for item in items)
        case ObjectOf(fields=fields):
            return any(_reads_params(field) for field in fields.values())
        case _:
            return False
