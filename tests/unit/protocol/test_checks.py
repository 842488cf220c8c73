from __future__ import annotations

import msgspec
import pytest

from headrace_protocol.checks import check_definition
from headrace_protocol.definition import (
    Binding,
    CronTrigger,
    EventTrigger,
    EveryTrigger,
    Item,
    ListOf,
    Literal,
    MapOver,
    NodeDefinition,
    ObjectOf,
    Output,
    Param,
    RetryPolicy,
    TaskDefinition,
    TaskOptions,
    WorkflowDefinition,
)
from headrace_protocol.errors import DefinitionError, ErrorCode


def node(
    name: str,
    *,
    after: tuple[str, ...] = (),
    mapped: MapOver | None = None,
    task: str = "work",
    **bindings: Binding,
) -> NodeDefinition:
    return NodeDefinition(id=name, task=task, bindings=bindings, after=after, map=mapped)


def workflow(*nodes: NodeDefinition, **changes: object) -> WorkflowDefinition:
    definition = WorkflowDefinition(
        name="flow",
        nodes=nodes or (node("a"),),
        tasks={
            "work": TaskDefinition(name="work", params={"x": {}, "y": {}}),
            "strict": TaskDefinition(name="strict", params={"x": {}}, required=("x",)),
        },
        params={"month": {}, "path": {}},
        required=("month",),
        defaults={"path": "x"},
    )
    return msgspec.structs.replace(definition, **changes)


def trigger_error(trigger: object) -> WorkflowDefinition:
    return workflow(triggers=(trigger,))


def test_a_definition_that_can_be_run() -> None:
    check_definition(
        workflow(
            node("a", x=Param("month"), y=Literal(3)),
            node("b", x=Output("a", ("field",)), after=("a",)),
            node(
                "c",
                x=Item(),
                y=ListOf((Output("a"), ObjectOf({"k": Param("path")}))),
                mapped=MapOver(over=Output("b")),
            ),
            output=ObjectOf({"c": Output("c")}),
            triggers=(
                EventTrigger(id="event-1", type="month.landed"),
                EventTrigger(id="event-2", type="month.landed", params={"month": "event.data.month"}),
                CronTrigger(id="cron-1", expression="0 6 * * *", params={"month": 1}),
                EveryTrigger(id="every-1", every_s=10.0, params={"month": 1}),
            ),
            deadline_s=60.0,
        )
    )


def test_a_node_may_be_named_before_it_is_listed() -> None:
    check_definition(workflow(node("a", x=Output("b")), node("b")))


WRONG = {
    "a name that no subject can carry": (workflow(name="a.b"), "workflow's name"),
    "no nodes": (workflow(nodes=()), "at least one node"),
    "a deadline of nothing": (workflow(deadline_s=0.0), "a deadline is longer"),
    "a required param that is none": (workflow(required=("year",)), "unknown required param"),
    "a default of no param": (workflow(defaults={"year": 1}), "unknown default's param"),
    "a node's id": (workflow(node("a b")), "node's id"),
    "two nodes of one id": (workflow(node("a"), node("a")), "two nodes have one id"),
    "a binding of no parameter": (workflow(node("a", z=Literal(1))), "unknown parameter of task work"),
    "a parameter that is not bound": (workflow(node("a", task="strict")), "task strict needs x"),
    "an unknown node": (workflow(node("a", x=Output("zz"))), "unknown node"),
    "an unknown node in a list": (workflow(node("a", x=ListOf((Output("zz"),)))), "unknown node"),
    "an unknown node in after": (workflow(node("a", after=("zz",))), "unknown node in `after`"),
    "an unknown node in a map": (workflow(node("a", mapped=MapOver(over=Output("zz")))), "unknown node"),
    "an unknown node in the output": (workflow(output=Output("zz")), "unknown node"),
    "an unknown param": (workflow(node("a", x=ObjectOf({"k": Param("year")}))), "unknown param"),
    "an item without a map": (workflow(node("a", x=Item())), "only where a node is mapped"),
    "an item in the output": (workflow(output=Item()), "only where a node is mapped"),
    "a map over no list": (workflow(node("a", mapped=MapOver(over=Literal(3)))), "a map needs a list"),
    "a window of nothing": (
        workflow(node("a", mapped=MapOver(over=Literal([]), window=0))),
        "at least one item",
    ),
    "a task under another name": (workflow(tasks={"work": TaskDefinition(name="play")}), "another name"),
    "a task's name": (workflow(tasks={"a b": TaskDefinition(name="a b")}), "not a task's name"),
    "two triggers of one id": (
        workflow(triggers=(EventTrigger(id="e", type="t"), EventTrigger(id="e", type="u"))),
        "two triggers have one id",
    ),
    "an event type": (trigger_error(EventTrigger(id="e", type="a..b")), "not an event type"),
    "a trigger's param": (
        trigger_error(EventTrigger(id="e", type="t", params={"year": "1"})),
        "unknown param",
    ),
    "an event without a required param": (
        trigger_error(EventTrigger(id="e", type="t", params={"path": "1"})),
        "does not give every required param",
    ),
    "a cron without a required param": (
        trigger_error(CronTrigger(id="c", expression="* * * * *")),
        "does not give every required param",
    ),
    "an empty cron": (trigger_error(CronTrigger(id="c", expression=" ", params={"month": 1})), "is empty"),
    "an interval of nothing": (
        trigger_error(EveryTrigger(id="e", every_s=0, params={"month": 1})),
        "longer than",
    ),
}


@pytest.mark.parametrize(("definition", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_run_is_named(definition: WorkflowDefinition, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        check_definition(definition)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TaskOptions(queue="a.b"), "queue's name"),
        (TaskOptions(timeout_s=0), "timeout"),
        (TaskOptions(retry=RetryPolicy(max_attempts=0)), "max_attempts"),
        (TaskOptions(retry=RetryPolicy(factor=0.5)), "factor"),
        (TaskOptions(retry=RetryPolicy(backoff_s=-1)), "backoff"),
        (TaskOptions(retry=RetryPolicy(cap_s=-1)), "cap"),
    ],
)
def test_options_are_checked_on_nodes_and_tasks(options: TaskOptions, message: str) -> None:
    wrong_node = msgspec.structs.replace(node("a"), options=options)
    with pytest.raises(DefinitionError, match=message):
        check_definition(workflow(wrong_node))
    with pytest.raises(DefinitionError, match=message):
        check_definition(workflow(node("a"), tasks={"work": TaskDefinition(name="work", options=options)}))


def test_an_unknown_task_has_its_own_code() -> None:
    with pytest.raises(DefinitionError) as caught:
        check_definition(workflow(node("a", task="play")))
    assert caught.value.code is ErrorCode.DEFINITION_UNKNOWN_TASK
    assert "strict, work" in caught.value.expected


@pytest.mark.parametrize(
    "nodes",
    [
        (node("a", x=Output("b")), node("b", after=("c",)), node("c", x=Output("a"))),
        (node("a", after=("a",)),),
        (node("start"), node("a", mapped=MapOver(over=Output("b"))), node("b", x=Output("a"))),
    ],
)
def test_a_circle_is_shown(nodes: tuple[NodeDefinition, ...]) -> None:
    with pytest.raises(DefinitionError) as caught:
        check_definition(workflow(*nodes))
    assert caught.value.code is ErrorCode.DEFINITION_CYCLE
    shown = caught.value.found.split(" -> ")
    assert shown[0] == shown[-1]
    assert "start" not in shown


def test_long_lists_of_choices_are_cut() -> None:
    many = tuple(node(f"n{number}") for number in range(50))
    with pytest.raises(DefinitionError) as caught:
        check_definition(workflow(*many, node("last", x=Output("zz"))))
    assert caught.value.expected.endswith("and 31 more")


def test_a_deep_chain_is_checked_without_recursion() -> None:
    chain = [node("n0"), *(node(f"n{i}", x=Output(f"n{i - 1}")) for i in range(1, 3000))]
    check_definition(workflow(*chain))
