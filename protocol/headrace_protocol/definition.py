"""The serialised workflow graph: what every front end produces and the coordinator runs.

A workflow holds *nodes*; each node runs one *task*, once or mapped over a list. A node's parameters are filled
from *bindings*: literals, params of the run, outputs of other nodes, the item of a map, or lists and objects
of those. An edge exists wherever a binding names another node, or `after` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from hashlib import blake2b

import msgspec

JsonSchema = dict[str, object]
PathStep = str | int
Path = tuple[PathStep, ...]
"""Steps into a value: a string is a field or key, an integer an index."""

DEFAULT_QUEUE = "default"
DEFAULT_MAP_WINDOW = 1_000
"""Items of one map that may be dispatched at once: enough to keep a fleet busy, small enough to hold in memory."""


class Priority(StrEnum):
    """Workers ask the higher priorities of a queue first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Isolation(StrEnum):
    """Where the task's function runs in the worker."""

    ASYNC = "async"
    THREAD = "thread"
    PROCESS = "process"
    FRESH = "fresh"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When an attempt that failed is followed by another.

    The delay before attempt n+1 is drawn from [0, min(cap_s, backoff_s * factor**(n-1))] ("full jitter",
    Brooker, *Exponential Backoff And Jitter*, 2015), or is exactly that bound without jitter.
    `retry_on` empty means every error; `give_up_on` wins over it. Both hold qualified exception names,
    matched against the error's type and its bases.
    """

    max_attempts: int = 1
    backoff_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 300.0
    jitter: bool = True
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task is run. A node may override its task's."""

    queue: str = DEFAULT_QUEUE
    priority: Priority = Priority.NORMAL
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = None
    isolation: Isolation = Isolation.THREAD
    max_lost: int = 3
    """Attempts that may be lost with their workers; that many fail the node or item."""
    pin_code: bool = False
    """Only workers whose code is that of the definition (`TaskDefinition.code`) get the task."""


class TaskDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task: its name, the JSON Schemas of its parameters and result, and its options."""

    name: str
    params: dict[str, JsonSchema] = {}
    required: tuple[str, ...] = ()
    returns: JsonSchema = {}
    options: TaskOptions = TaskOptions()
    doc: str = ""
    code: str = ""
    """Hash of the task's code, with `pin_code`: other code is then another version."""


class Literal(msgspec.Struct, frozen=True, tag="literal", tag_field="bind"):
    """A value known when the workflow was defined."""

    value: object


class Param(msgspec.Struct, frozen=True, tag="param", tag_field="bind", omit_defaults=True):
    """A param of the run, or a place inside it."""

    name: str
    path: Path = ()


class Output(msgspec.Struct, frozen=True, tag="output", tag_field="bind", omit_defaults=True):
    """The result of another node, or a place inside it. A map node's result is the list of its items' results."""

    node: str
    path: Path = ()


class Item(msgspec.Struct, frozen=True, tag="item", tag_field="bind"):
    """The item that this instance of a map node works on."""


class ListOf(msgspec.Struct, frozen=True, tag="list", tag_field="bind"):
    """A list whose elements are bindings."""

    items: tuple[Binding, ...]


class ObjectOf(msgspec.Struct, frozen=True, tag="object", tag_field="bind"):
    """An object whose values are bindings."""

    fields: dict[str, Binding]


Binding = Literal | Param | Output | Item | ListOf | ObjectOf


class MapOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Runs the node once for each element of a list that is known only at run time."""

    over: Param | Output | Literal
    window: int = DEFAULT_MAP_WINDOW


class NodeDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task's place in a workflow."""

    id: str
    task: str
    bindings: dict[str, Binding] = {}
    after: tuple[str, ...] = ()
    map: MapOver | None = None
    options: TaskOptions = TaskOptions()


class EventTrigger(
    msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="on", omit_defaults=True
):
    """Starts a run for each CloudEvent of a type for which `where` (CEL) holds.

    `params` maps a param's name to a CEL expression over `event` and `trigger`; when empty, the fields of the
    event's data that have a param's name are taken.
    """

    id: str
    type: str
    where: str = ""
    params: dict[str, str] = {}


class CronTrigger(msgspec.Struct, frozen=True, kw_only=True, tag="cron", tag_field="on", omit_defaults=True):
    """Starts a run at each fire time of a cron expression in a time zone."""

    id: str
    expression: str
    tz: str = "UTC"
    params: dict[str, object] = {}
    expressions: dict[str, str] = {}
    """Params that are computed for each run: CEL over `trigger`."""


class EveryTrigger(
    msgspec.Struct, frozen=True, kw_only=True, tag="every", tag_field="on", omit_defaults=True
):
    """Starts a run each time the interval has passed since the Unix epoch (so restarts do not shift it)."""

    id: str
    every_s: float
    params: dict[str, object] = {}
    expressions: dict[str, str] = {}
    """As those of a cron trigger."""


Trigger = EventTrigger | CronTrigger | EveryTrigger


class WorkflowDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workflow as it is stored, versioned and run."""

    name: str
    nodes: tuple[NodeDefinition, ...]
    tasks: dict[str, TaskDefinition]
    params: dict[str, JsonSchema] = {}
    required: tuple[str, ...] = ()
    defaults: dict[str, object] = {}
    schema_definitions: dict[str, JsonSchema] = {}
    """Shared `$defs` that the params' schemas refer to."""
    output: Binding | None = None
    triggers: tuple[Trigger, ...] = ()
    deadline_s: float | None = None
    doc: str = ""
    source: str = ""
    """The source text of the workflow function, for people to read. Changing it alone makes no new version."""
    times: dict[str, str] = {}
    """Params that the run's own time fills where nobody gives them: `interval` (an object of `start` and `end`) or
    `scheduled_at`, both RFC 3339."""

    def version(self) -> str:
        """Content hash (128 bit, hex): the same definition has the same version, wherever it was made.

        What is hashed has been decoded once, because the types of a Struct made in Python are not enforced
        (`backoff_s=10` is an integer there and a float after its first journey).
        """
        hashed = msgspec.structs.replace(self, source="")
        travelled = msgspec.msgpack.decode(msgspec.msgpack.encode(hashed), type=WorkflowDefinition)
        return blake2b(msgspec.msgpack.encode(travelled, order="deterministic"), digest_size=16).hexdigest()


def params_schema(definition: WorkflowDefinition) -> dict[str, object]:
    """JSON Schema (draft 2020-12) of a workflow's params."""
    return {
        "type": "object",
        "properties": definition.params,
        "required": list(definition.required),
        "additionalProperties": False,
        "$defs": definition.schema_definitions,
    }


def nodes_read(binding: Binding) -> Iterator[str]:
    """Ids of the nodes whose results a binding reads."""
    match binding:
        case Output(node=node):
            yield node
        case ListOf(items=items):
            for item in items:
                yield from nodes_read(item)
        case ObjectOf(fields=fields):
            for field in fields.values():
                yield from nodes_read(field)
        case _:
            return


def reads(node: NodeDefinition) -> tuple[str, ...]:
    """Ids of the nodes whose results this one reads, each once, in order of mention (the data edges)."""
    found = [source for binding in node.bindings.values() for source in nodes_read(binding)]
    if node.map is not None:
        found += nodes_read(node.map.over)
    return tuple(dict.fromkeys(found))


def upstream(node: NodeDefinition) -> tuple[str, ...]:
    """Ids of the nodes that must succeed before this one: data edges, then `after`."""
    return tuple(dict.fromkeys((*reads(node), *node.after)))
