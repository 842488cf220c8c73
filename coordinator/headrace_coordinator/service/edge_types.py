"""Do the JSON types on edges fit? The Python front end knows more, and has checked more; a definition that was made
by hand is checked here for what is certain to fail: a producer whose every value is of a type that the consumer's
parameter never takes.

Schemas are read as far as `type`, `properties` and `items` go. Whatever else they say is not judged.
"""

from __future__ import annotations

from headrace_protocol.definition import (
    Item,
    JsonSchema,
    NodeDefinition,
    Output,
    Param,
    Path,
    WorkflowDefinition,
)
from headrace_protocol.errors import TypeMismatch

ANYTHING: JsonSchema = {}


def check_edge_types(definition: WorkflowDefinition) -> None:
    """Raises TypeMismatch for the first edge that cannot carry a value."""
    nodes = {node.id: node for node in definition.nodes}
    for node in definition.nodes:
        task = definition.tasks[node.task]
        for name, binding in node.bindings.items():
            wanted = task.params.get(name, ANYTHING)
            mapped = isinstance(binding, Item)
            given = _item(definition, nodes, node) if mapped else _schema(definition, nodes, binding)
            if not _may_fit(given, wanted):
                raise TypeMismatch(
                    "the edge joins two types that do not fit",
                    where=f"workflow {definition.name}, node {node.id}, parameter {name}",
                    found=_shown(given),
                    expected=_shown(wanted),
                    fix="Bind a value of the expected type, or correct one of the two schemas.",
                )


def _schema(definition: WorkflowDefinition, nodes: dict[str, NodeDefinition], binding: object) -> JsonSchema:
    match binding:
        case Param(name=name, path=path):
            return _inside(definition.params.get(name, ANYTHING), path)
        case Output(node=source, path=path):
            producer = nodes[source]
            returns = definition.tasks[producer.task].returns
            if producer.map is not None:
                returns = {"type": "array", "items": returns}
            return _inside(returns, path)
        case _:
            return ANYTHING


def _item(
    definition: WorkflowDefinition, nodes: dict[str, NodeDefinition], node: NodeDefinition
) -> JsonSchema:
    over = ANYTHING if node.map is None else _schema(definition, nodes, node.map.over)
    return _inside(over, (0,))


def _inside(schema: JsonSchema, path: Path) -> JsonSchema:
    for step in path:
        inner = schema.get("properties") if isinstance(step, str) else schema.get("items")
        found = inner.get(step) if isinstance(step, str) and isinstance(inner, dict) else inner
        if not isinstance(found, dict):
            return ANYTHING
        schema = found
    return schema


def _types(schema: JsonSchema) -> frozenset[str]:
    """Empty when the schema does not say it in one word or a list of words."""
    found = schema.get("type")
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def _may_fit(given: JsonSchema, wanted: JsonSchema) -> bool:
    mine, theirs = _types(given), _types(wanted)
    if not mine or not theirs:
        return True
    widened = theirs | {"integer"} if "number" in theirs else theirs
    if "number" in mine and "integer" in theirs:
        return True  # 2.0 is an integer in JSON Schema
    return bool(mine & widened)


def _shown(schema: JsonSchema) -> str:
    return " or ".join(sorted(_types(schema))) or "anything"
