"""Checks of a workflow definition that need nothing but the definition: names, edges, params, triggers.

Every front end runs them when a workflow is defined, the coordinator again when it is deployed (a definition
may come from a program in another language). Types of edges are checked by the front ends, which know them;
CEL and cron expressions by the coordinator, which has their libraries.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from headrace_protocol.definition import (
    Binding,
    CronTrigger,
    EventTrigger,
    EveryTrigger,
    Item,
    ListOf,
    Literal,
    MapOver,
    ObjectOf,
    Output,
    Param,
    TaskDefinition,
    TaskOptions,
    Trigger,
    WorkflowDefinition,
    upstream,
)
from headrace_protocol.errors import DefinitionError, ErrorCode, ScheduleError
from headrace_protocol.interval import TIMES
from headrace_protocol.subjects import EVENT_TYPE_RULE, TOKEN, is_event_type

TASK_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
CHOICES_SHOWN = 20
TOKEN_RULE = "letters, digits, '-' and '_'"
DOTTED_RULE = "words of letters, digits, '-' and '_', joined by dots"


def check_definition(definition: WorkflowDefinition) -> None:
    """Return when the definition can be run; raises DefinitionError with the first thing found wrong."""
    place = f"workflow {definition.name}"
    check_name(definition.name, "workflow's name", place)
    if not definition.nodes:
        raise DefinitionError("a workflow needs at least one node", where=place, fix="Call a task in it.")
    if definition.deadline_s is not None and not definition.deadline_s > 0:
        raise DefinitionError(
            "a deadline is longer than nothing",
            where=place,
            found=f"{definition.deadline_s} s",
            expected="> 0 s",
        )
    _check_params(definition, place)
    for name, task in definition.tasks.items():
        _check_task(name, task, place)
    _check_nodes(definition, place)
    if definition.output is not None:
        ids = {node.id for node in definition.nodes}
        _check_binding(definition.output, definition.params, ids, f"{place}, output")
    _check_cycles(definition, place)
    _check_triggers(definition, place)


def check_name(name: str, what: str, where: str = "") -> None:
    """Names of workflows, nodes and queues are tokens of NATS subjects; raises DefinitionError otherwise."""
    if TOKEN.fullmatch(name) is None:
        raise DefinitionError(
            f"the {what} cannot be part of a NATS subject",
            where=where,
            found=repr(name),
            expected=TOKEN_RULE,
            fix="Choose another name.",
        )


def check_task_name(name: str, where: str = "") -> None:
    """Tasks may be named in groups, as in `etl.load`; raises DefinitionError otherwise."""
    if TASK_NAME.fullmatch(name) is None:
        raise DefinitionError("not a task's name", where=where, found=repr(name), expected=DOTTED_RULE)


def check_options(options: TaskOptions, where: str) -> None:
    """Ranges of a task's or node's options; raises DefinitionError."""
    check_name(options.queue, "queue's name", where)
    retry = options.retry
    ranges = (
        ("timeout", options.timeout_s is None or options.timeout_s > 0, options.timeout_s, "> 0 s"),
        ("max_attempts", retry.max_attempts >= 1, retry.max_attempts, ">= 1"),
        ("backoff", retry.backoff_s >= 0, retry.backoff_s, ">= 0 s"),
        ("factor", retry.factor >= 1, retry.factor, ">= 1"),
        ("cap", retry.cap_s >= 0, retry.cap_s, ">= 0 s"),
        ("max_lost", options.max_lost >= 1, options.max_lost, ">= 1"),
    )
    for name, fits, found, expected in ranges:
        if not fits:
            raise DefinitionError(f"{name} is out of range", where=where, found=str(found), expected=expected)


def _check_params(definition: WorkflowDefinition, place: str) -> None:
    _known(definition.times, definition.params, "param", f"{place}, times")
    _known(definition.times.values(), TIMES, "time", f"{place}, times")
    _known(definition.required, definition.params, "required param", place)
    _known(definition.defaults, definition.params, "default's param", place)


def _check_task(name: str, task: TaskDefinition, place: str) -> None:
    where = f"{place}, task {name}"
    check_task_name(name, place)
    if task.name != name:
        raise DefinitionError(
            "a task is listed under another name than its own", where=where, found=task.name, expected=name
        )
    _known(task.required, task.params, "required parameter", where)
    check_options(task.options, where)


def _check_nodes(definition: WorkflowDefinition, place: str) -> None:
    seen: set[str] = set()
    ids = {node.id for node in definition.nodes}
    for node in definition.nodes:
        where = f"{place}, node {node.id}"
        check_name(node.id, "node's id", place)
        if node.id in seen:
            raise DefinitionError(
                "two nodes have one id", where=place, found=node.id, fix="Rename one of them."
            )
        seen.add(node.id)
        task = definition.tasks.get(node.task)
        if task is None:
            raise DefinitionError(
                f"the node names the task {node.task!r}, which the definition does not hold",
                where=where,
                found=node.task,
                expected=_choices(definition.tasks),
                code=ErrorCode.DEFINITION_UNKNOWN_TASK,
            )
        check_options(node.options, where)
        _known(node.after, ids, "node in `after`", where)
        _check_arguments(node.bindings, task, where)
        mapped = node.map is not None
        for name, binding in node.bindings.items():
            _check_binding(binding, definition.params, ids, f"{where}, parameter {name}", in_map=mapped)
        if node.map is not None:
            _check_map(node.map, definition.params, ids, f"{where}, map")


def _check_arguments(bound: Collection[str], task: TaskDefinition, where: str) -> None:
    _known(bound, task.params, f"parameter of task {task.name}", where)
    missing = [name for name in task.required if name not in bound]
    if missing:
        raise DefinitionError(
            f"task {task.name} needs {', '.join(missing)}", where=where, fix="Bind every required parameter."
        )


def _check_map(mapped: MapOver, params: Collection[str], ids: Collection[str], where: str) -> None:
    over = mapped.over
    if isinstance(over, Literal) and not isinstance(over.value, list | tuple):
        raise DefinitionError(
            "a map needs a list", where=where, found=type(over.value).__name__, expected="a list"
        )
    _check_binding(over, params, ids, where)
    if mapped.window < 1:
        raise DefinitionError(
            "a map's window holds at least one item", where=where, found=str(mapped.window), expected=">= 1"
        )


def _check_binding(
    binding: Binding, params: Collection[str], ids: Collection[str], where: str, *, in_map: bool = False
) -> None:
    for leaf in leaves(binding):
        match leaf:
            case Output(node=node):
                _known((node,), ids, "node", where)
            case Param(name=name):
                _known((name,), params, "param", where)
            case Item() if not in_map:
                raise DefinitionError(
                    "there is an item only where a node is mapped", where=where, fix="Give the node a map."
                )
            case _:
                continue


def leaves(binding: Binding) -> Iterator[Literal | Param | Output | Item]:
    """The bindings inside lists and objects, however deep."""
    match binding:
        case ListOf(items=items):
            for item in items:
                yield from leaves(item)
        case ObjectOf(fields=fields):
            for field in fields.values():
                yield from leaves(field)
        case _:
            yield binding


def _check_cycles(definition: WorkflowDefinition, place: str) -> None:
    graph = TopologicalSorter({node.id: upstream(node) for node in definition.nodes})
    try:
        graph.prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise DefinitionError(
            "nodes depend on each other in a circle",
            where=place,
            found=" -> ".join(circle),
            code=ErrorCode.DEFINITION_CYCLE,
        ) from None


def _check_triggers(definition: WorkflowDefinition, place: str) -> None:
    seen: set[str] = set()
    for trigger in definition.triggers:
        where = f"{place}, trigger {trigger.id}"
        check_name(trigger.id, "trigger's id", place)
        if trigger.id in seen:
            raise DefinitionError(
                "two triggers have one id", where=place, found=trigger.id, fix="Rename one."
            )
        seen.add(trigger.id)
        expressions = {} if isinstance(trigger, EventTrigger) else trigger.expressions
        given = {**trigger.params, **expressions}
        _known(given, definition.params, "param", where)
        _check_trigger(trigger, definition, given, where)


def _check_trigger(
    trigger: Trigger, definition: WorkflowDefinition, given: Collection[str], where: str
) -> None:
    match trigger:
        case EventTrigger(type=kind, params=params):
            if not is_event_type(kind):
                raise DefinitionError(
                    "not an event type", where=where, found=repr(kind), expected=EVENT_TYPE_RULE
                )
            if params:
                _check_complete(params, definition, where)
        case CronTrigger(expression=expression):
            if not expression.strip():
                raise ScheduleError(
                    "the cron expression is empty", where=where, fix='Write one: "0 6 * * *".'
                )
            _check_complete({*given, *definition.times}, definition, where)
        case EveryTrigger(every_s=every_s):
            if not every_s > 0:
                raise ScheduleError(
                    "an interval is longer than nothing", where=where, found=f"{every_s} s", expected="> 0 s"
                )
            _check_complete({*given, *definition.times}, definition, where)


def _check_complete(given: Collection[str], definition: WorkflowDefinition, where: str) -> None:
    missing = [name for name in definition.required if name not in given]
    if missing:
        raise DefinitionError(
            "the trigger does not give every required param",
            where=where,
            found=_choices(given),
            expected=", ".join(definition.required),
            fix=f"Add {', '.join(missing)} to the trigger's params, or give the workflow a default.",
        )


def _known(names: Iterable[str], known: Collection[str], what: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise DefinitionError(f"unknown {what}", where=where, found=name, expected=_choices(known))


def _choices(names: Collection[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - CHOICES_SHOWN} more" if len(shown) > CHOICES_SHOWN else ""
    return (", ".join(shown[:CHOICES_SHOWN]) or "none at all") + more
