"""Random workflows that mean something: what each node returns can be worked out without running anything.

A value has a pure part, which depends on the inputs' pure parts alone, and a mark (`x`) of the execution that made
it. The pure part says what a run must return; the marks say which execution's result somebody read.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from hashlib import blake2b
from zlib import crc32

import msgspec

from headrace_protocol.checks import check_definition
from headrace_protocol.codec import encode
from headrace_protocol.definition import (
    Binding,
    EventTrigger,
    EveryTrigger,
    Isolation,
    Item,
    ListOf,
    Literal,
    MapOver,
    NodeDefinition,
    ObjectOf,
    Output,
    Param,
    Priority,
    RetryPolicy,
    TaskDefinition,
    TaskOptions,
    Trigger,
    WorkflowDefinition,
    upstream,
)

TASK = TaskDefinition(
    name="work", params={"a": {}, "b": {}, "c": {}}, options=TaskOptions(isolation=Isolation.ASYNC)
)
PARAMS: dict[str, object] = {"items": ["p0", "p1", "p2"], "x": 7, "none": []}
BIG_BYTES = 1_500
"""A big result's padding; the simulation's claim check limit is lower."""
EVENT = "sim.happened"
NEVER = 99
"""Attempts up to this number go wrong: more than there are."""


class Habit(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the attempts of one node behave."""

    lasts_s: float = 0.1
    fails: int = 0
    """Attempts up to this number fail."""
    hangs: int = 0
    """Attempts up to this number never end by themselves."""
    asks_s: float = 0.0
    """With its failure it asks for another attempt after so long."""
    gives_up: bool = False
    """The failure says that trying again is of no use."""
    odd_items_only: bool = False
    rows: int = 0
    """Length of the list in its result, where somebody maps over it."""
    big: bool = False
    kills: int = 0
    """Attempts up to this number kill their worker."""

    def struck(self, item: int | None) -> bool:
        return not self.odd_items_only or item is None or item % 2 == 1


class Flow(msgspec.Struct, frozen=True):
    """A workflow, and how its nodes behave."""

    definition: WorkflowDefinition
    habits: dict[str, Habit]

    @property
    def clocked(self) -> bool:
        """Whether time starts it."""
        return any(isinstance(trigger, EveryTrigger) for trigger in self.definition.triggers)

    @property
    def quiet(self) -> WorkflowDefinition:
        """The same, never started by time."""
        others = tuple(t for t in self.definition.triggers if not isinstance(t, EveryTrigger))
        return msgspec.structs.replace(self.definition, triggers=others)


class Expected(msgspec.Struct, frozen=True):
    """How a run must end, unless a timeout, a deadline or a cancel interferes."""

    state: str
    values: dict[str, object]
    """Pure results of the nodes that succeed."""
    output: object = None


def make_flow(rng: random.Random, name: str) -> Flow:
    """A small workflow that may be deployed."""
    nodes: list[NodeDefinition] = []
    habits: dict[str, Habit] = {}
    for number in range(rng.choice((1, 2, 3, 4, 5, 6))):
        node, habit = _make_node(rng, number, nodes, habits)
        nodes.append(node)
        habits[node.id] = habit
    last = Output(nodes[-1].id)
    output = rng.choice((last, last, ListOf((last, Param("x"))), ObjectOf({"f": Output(nodes[0].id)}), None))
    triggers: list[Trigger] = []
    if rng.random() < 0.6:
        triggers.append(
            EventTrigger(id="on", type=EVENT, where="event.data.n >= 0" if rng.random() < 0.5 else "")
        )
    if rng.random() < 0.25:
        triggers.append(EveryTrigger(id="tick", every_s=rng.choice((7.0, 11.0))))
    definition = WorkflowDefinition(
        name=name,
        nodes=tuple(rng.sample(nodes, len(nodes))),
        tasks={TASK.name: TASK},
        params={name: {} for name in PARAMS},
        defaults=PARAMS,
        output=output,
        triggers=tuple(triggers),
        deadline_s=rng.choice((None, None, None, None, 5.0, 40.0)),
    )
    check_definition(definition)
    return Flow(definition, habits)


def poisoned(rng: random.Random, flow: Flow) -> Flow:
    """The workflow, at times with a node that kills whatever worker it runs on."""
    healthy = [name for name, habit in flow.habits.items() if not habit.fails and not habit.hangs]
    if not healthy or rng.random() > 0.15:
        return flow
    name = rng.choice(healthy)
    habit = msgspec.structs.replace(flow.habits[name], kills=rng.choice((1, 2, NEVER)))
    return msgspec.structs.replace(flow, habits={**flow.habits, name: habit})


def _make_node(
    rng: random.Random, number: int, earlier: list[NodeDefinition], habits: dict[str, Habit]
) -> tuple[NodeDefinition, Habit]:
    known = [node.id for node in earlier]
    bindings: dict[str, Binding] = {}
    for parameter in "ab":
        if known and rng.random() < 0.5:
            plain = Output(rng.choice(known))
            bindings[parameter] = rng.choice(
                (plain, plain, ListOf((plain, Literal(1))), ObjectOf({"f": plain}))
            )
    mapped = None
    if rng.random() < 0.4:
        mapped = MapOver(over=_list_for(rng, earlier, habits), window=rng.choice((1, 2, 3, 10)))
        bindings["c"] = Item()
    elif rng.random() < 0.3:
        bindings["c"] = rng.choice((Param("x"), Literal({"k": 1}), Param("items", (0,))))
    habit, retry, timeout_s = _make_habit(rng, mapped=mapped is not None)
    node = NodeDefinition(
        id=f"n{number}",
        task=TASK.name,
        bindings=bindings,
        after=tuple(rng.sample(known, 1)) if known and rng.random() < 0.4 else (),
        map=mapped,
        options=TaskOptions(
            retry=retry,
            queue=rng.choice(("default", "default", "gpu")),
            priority=rng.choice((Priority.NORMAL, Priority.NORMAL, Priority.HIGH, Priority.LOW)),
            timeout_s=timeout_s,
            isolation=Isolation.ASYNC,
        ),
    )
    return node, habit


def _list_for(
    rng: random.Random, earlier: list[NodeDefinition], habits: dict[str, Habit]
) -> Param | Output | Literal:
    """Something to map over: a node before it, most of the time."""
    if earlier and rng.random() < 0.7:
        source = rng.choice(earlier)
        if source.map is not None:
            return Output(source.id)
        habits[source.id] = msgspec.structs.replace(
            habits[source.id], rows=habits[source.id].rows or rng.choice((1, 3, 4, 7))
        )
        return Output(source.id, ("rows",))
    return rng.choice((Param("items"), Literal([1, 2, 3, 4, 5]), Literal([]), Param("none")))


def _make_habit(rng: random.Random, *, mapped: bool) -> tuple[Habit, RetryPolicy, float | None]:
    attempts = rng.choice((1, 1, 2, 3, 4))
    fails = hangs = 0
    timeout_s = rng.choice((None, None, None, 20.0))
    gives_up, asks_s = False, 0.0
    kind = rng.random()
    if kind < 0.3:
        fails, asks_s = rng.choice((1, 1, 2, NEVER)), rng.choice((0.0, 0.0, 0.4, 3.0))
    elif kind < 0.4:
        hangs, timeout_s = rng.choice((1, NEVER)), rng.choice((0.5, 2.0))
    elif kind < 0.45:
        fails, gives_up = NEVER, True
    if (fails or hangs) and max(fails, hangs) < NEVER and rng.random() < 0.85:
        attempts = max(attempts, fails + hangs + 1)
    if attempts <= max(fails, hangs):  # also when a lost input makes an attempt more
        fails, hangs = NEVER if fails else 0, NEVER if hangs else 0
    retry = RetryPolicy(
        max_attempts=attempts,
        backoff_s=rng.choice((0.0, 0.2, 1.0)),
        factor=rng.choice((1.0, 2.0)),
        cap_s=5.0,
        jitter=rng.random() < 0.5,
    )
    habit = Habit(
        lasts_s=rng.choice((0.0, 0.01, 0.1) if mapped or hangs else (0.0, 0.001, 0.05, 0.3, 1.0, 3.0)),
        fails=fails,
        hangs=hangs,
        asks_s=asks_s,
        gives_up=gives_up,
        odd_items_only=rng.random() < 0.7,
        big=rng.random() < 0.25,
    )
    return habit, retry, timeout_s


def pure(value: object) -> object:
    """The value without the marks of executions and without padding."""
    if isinstance(value, Mapping):
        return {key: pure(member) for key, member in value.items() if key not in ("x", "pad")}
    if isinstance(value, list | tuple):
        return [pure(member) for member in value]
    return value


def marks(value: object) -> list[int]:
    """The executions that a value comes from."""
    if isinstance(value, Mapping):
        own = [value["x"]] if "x" in value else []
        return own + [mark for member in value.values() for mark in marks(member)]
    if isinstance(value, list | tuple):
        return [mark for member in value for mark in marks(member)]
    return []


def result_of(flow: Flow, node: str, item: int | None, arguments: Mapping[str, object], mark: int) -> object:
    """What an execution returns."""
    habit = flow.habits[node]
    digest = blake2b(encode([node, item, sorted(pure(arguments).items())]), digest_size=8)  # type: ignore[union-attr, attr-defined]
    value: dict[str, object] = {"v": digest.hexdigest(), "x": mark}
    if habit.rows:
        value["rows"] = [{"v": f"{value['v']}/{index}", "x": mark} for index in range(habit.rows)]
    if habit.big:
        value["pad"] = "." * (BIG_BYTES + crc32(node.encode()) % 50)
    return value


def expect(flow: Flow, params: Mapping[str, object]) -> Expected:
    """Evaluate a workflow."""
    definition = flow.definition
    nodes = {node.id: node for node in definition.nodes}
    given = {**definition.defaults, **params}
    values: dict[str, object] = {}
    failed: set[str] = set()
    for name in sorted(
        nodes, key=lambda name: int(name[1:])
    ):  # an edge leads from a lower number to a higher
        node = nodes[name]
        if any(source in failed for source in upstream(node)):
            failed.add(name)
            continue
        items: list[object] | None = None
        if node.map is not None:
            found = _bound(node.map.over, values, given, None)
            items = list(found) if isinstance(found, list | tuple) else None
            if items is None:
                failed.add(name)
                continue
        habit = flow.habits[name]
        struck = [index for index in range(len(items)) if habit.struck(index)] if items is not None else [0]
        if struck and _is_final(habit, node.options.retry):
            failed.add(name)
            continue
        if items is None:
            values[name] = _pure_result(flow, node, None, values, given, None)
        else:
            values[name] = [
                _pure_result(flow, node, index, values, given, each) for index, each in enumerate(items)
            ]
    if failed:
        return Expected("failed", values)
    output = None if definition.output is None else _bound(definition.output, values, given, None)
    return Expected("succeeded", values, pure(output))


def _is_final(habit: Habit, retry: RetryPolicy) -> bool:
    if (habit.fails and habit.gives_up) or habit.kills >= NEVER:
        return True
    return max(habit.fails, habit.hangs) >= retry.max_attempts


def _pure_result(
    flow: Flow,
    node: NodeDefinition,
    item: int | None,
    values: Mapping[str, object],
    params: Mapping[str, object],
    each: object,
) -> object:
    arguments = {name: _bound(binding, values, params, each) for name, binding in node.bindings.items()}
    return pure(result_of(flow, node.id, item, arguments, 0))


def _bound(
    binding: Binding, values: Mapping[str, object], params: Mapping[str, object], each: object
) -> object:
    match binding:
        case Literal(value=value):
            return value
        case Param(name=name, path=path):
            return _at(params[name], path)
        case Output(node=node, path=path):
            return _at(values[node], path)
        case Item():
            return each
        case ListOf(items=items):
            return [_bound(member, values, params, each) for member in items]
        case ObjectOf(fields=fields):
            return {name: _bound(member, values, params, each) for name, member in fields.items()}


def _at(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        value = value[step]  # type: ignore[index]
    return value
