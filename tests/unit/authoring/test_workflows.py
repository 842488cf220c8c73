from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

import msgspec
import pytest

from headrace import (
    DefinitionError,
    HandleUsedAsValue,
    TypeMismatch,
    Workflow,
    cron,
    event,
    every,
    task,
    workflow,
)
from headrace_protocol.definition import (
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
    Priority,
    WorkflowDefinition,
)


class Landed(msgspec.Struct):
    month: int
    carriers: list[str]


class Statistics(msgspec.Struct):
    carrier: str
    delay: float


class Report(TypedDict):
    text: str
    carriers: int


@task
def validate(month: int, path: str = "x") -> Landed:
    return Landed(month, ["AA", "UA"])


@task
async def statistics(carrier: str, month: Landed) -> Statistics:
    return Statistics(carrier, month.month / 2)


@task
def write(landed: Landed, stats: Sequence[Statistics]) -> str:
    return f"{landed.month}: {[s.carrier for s in stats]}"


@task
def anything(value: object) -> Any:
    return value


@task
def number(value: float) -> int:
    return int(value)


@task
def join(parts: list[int], names: dict[str, int]) -> Report:
    return {"text": str(parts), "carriers": len(names)}


@workflow(
    triggers=[
        event("month.landed", where="event.data.month > 0", params={"month": "event.data.month"}),
        cron("0 6 * * *", tz="Europe/Berlin", params={"month": 1}),
        every("10m", params={"month": 2}, id="often"),
        event("month.fixed"),
    ],
    deadline="5m",
)
def flights_month(month: int, path: str = "all.csv") -> str:
    """A month of flights."""
    landed = validate(month, path)
    stats = statistics.map(landed.carriers, month=landed)
    return write(landed, stats)


def first_node(traced: Callable[..., object]) -> Any:
    return workflow(name="traced")(traced).definition.nodes[-1]


def test_the_graph_of_the_calls() -> None:
    definition = flights_month.definition
    validating, mapped, writing = definition.nodes
    assert validating.bindings == {"month": Param("month"), "path": Param("path")}
    assert mapped.bindings == {"carrier": Item(), "month": Output("validate")}
    assert mapped.map == MapOver(over=Output("validate", ("carriers",)))
    assert writing.bindings == {"landed": Output("validate"), "stats": Output("statistics")}
    assert definition.output == Output("write")
    assert (definition.name, definition.doc, definition.deadline_s) == (
        "flights_month",
        "A month of flights.",
        300,
    )
    assert definition.required == ("month",)
    assert definition.defaults == {"path": "all.csv"}
    assert definition.params == {"month": {"type": "integer"}, "path": {"type": "string"}}
    assert set(definition.tasks) == {"validate", "statistics", "write"}
    assert "def flights_month(month: int" in definition.source
    assert set(flights_month.tasks) == {"validate", "statistics", "write"}


def test_triggers_get_their_ids_by_kind_and_place() -> None:
    assert flights_month.definition.triggers == (
        EventTrigger(
            id="event-1",
            type="month.landed",
            where="event.data.month > 0",
            params={"month": "event.data.month"},
        ),
        CronTrigger(id="cron-1", expression="0 6 * * *", tz="Europe/Berlin", params={"month": 1}),
        EveryTrigger(id="often", every_s=600.0, params={"month": 2}),
        EventTrigger(id="event-2", type="month.fixed"),
    )


def test_the_definition_travels_and_keeps_its_version() -> None:
    definition = flights_month.definition
    for codec in (msgspec.msgpack, msgspec.json):
        copied = codec.decode(codec.encode(definition), type=WorkflowDefinition)
        assert copied.version() == definition.version()


def test_a_workflow_that_is_called_runs_here_async_tasks_too() -> None:
    assert flights_month(3) == "3: ['AA', 'UA']"


async def test_also_where_a_loop_is_running() -> None:
    assert flights_month(3) == "3: ['AA', 'UA']"


async def test_errors_of_async_tasks_reach_the_caller() -> None:
    @task
    async def fails() -> None:
        raise ValueError("no")

    @workflow
    def failing() -> None:
        fails()

    with pytest.raises(ValueError, match="no"):
        failing()


def test_node_ids_are_the_tasks_short_name_and_a_number() -> None:
    renamed = task(name="etl.validate")(lambda_task)

    @workflow
    def repeated() -> None:
        validate(1)
        validate(2)
        validate.options(id="validate-3")(3)
        validate(4)
        renamed()

    ids = [node.id for node in repeated.definition.nodes]
    assert ids == ["validate", "validate-2", "validate-3", "validate-4", "validate-5"]


def lambda_task() -> int:
    return 1


def test_options_belong_to_one_node() -> None:
    @workflow
    def placed() -> None:
        first = validate(1)
        second = validate.options(priority="low", after=[first], timeout=5, id="second")(2)
        statistics.options(window=7, after=(second,), queue="big").map(["a", "b"], first)

    first, second, mapped = placed.definition.nodes
    assert (second.id, second.after, second.options.priority) == ("second", ("validate",), Priority.LOW)
    assert second.options.timeout_s == 5.0
    assert first.options.priority is Priority.NORMAL
    assert mapped.map == MapOver(over=Literal(["a", "b"]), window=7)
    assert (mapped.after, mapped.options.queue) == (("second",), "big")


def test_handles_may_be_inside_lists_and_dicts() -> None:
    @workflow
    def nested(month: int) -> dict[str, list[object]]:
        one = number(1.5)
        both = join([one, 2, month], {"one": one, "two": 2})
        return {"all": [both, both["text"], 3]}

    joined = nested.definition.nodes[-1]
    assert joined.bindings == {
        "parts": ListOf((Output("number"), Literal(2), Param("month"))),
        "names": ObjectOf({"one": Output("number"), "two": Literal(2)}),
    }
    assert nested.definition.output == ObjectOf(
        {"all": ListOf((Output("join"), Output("join", ("text",)), Literal(3)))}
    )


def test_literals_become_plain_data() -> None:
    node = first_node(lambda: anything({"landed": Landed(1, ["a"]), "set": {3, 1, 2}, "tuple": (1,)}))
    assert node.bindings["value"] == Literal(
        {"landed": {"month": 1, "carriers": ["a"]}, "set": [1, 2, 3], "tuple": [1]}
    )


@pytest.mark.parametrize("items", [["a", "b"], ("a", "b"), iter(["a", "b"])])
def test_a_known_list_may_be_mapped_over(items: Iterable[str]) -> None:
    node = first_node(lambda: statistics.map(items, Landed(1, [])))
    assert node.map.over == Literal(["a", "b"])


MISMATCHES: dict[str, tuple[Callable[..., object], str, str]] = {
    "a result": (lambda: write(validate(1), validate(2)), "Sequence[Statistics]", "Landed"),
    "a field": (lambda: number(validate(1).carriers), "float", "list[str]"),
    "the output of a map": (lambda: number(number.map([1.0])), "float", "list[int]"),
    "what is mapped over": (lambda: statistics.map(validate(1).month, Landed(1, [])), "a list", "int"),
    "the items of a map": (lambda: number.map(validate(1).carriers), "list[float]", "list[str]"),
    "a str is no list": (lambda: statistics.map(validate(1).carriers[0], Landed(1, [])), "a list", "str"),
    "a shared argument": (lambda: statistics.map(["a"], validate(1).month), "Landed", "int"),
    "a literal": (lambda: validate("march"), "int", "'march', a str"),
    "a bool for an int": (lambda: validate(True), "int", "True, a bool"),
    "a literal of another class": (lambda: write(Statistics("a", 1.0), []), "Landed", "a Statistics"),
    "the items of a literal": (lambda: statistics.map([1], Landed(1, [])), "list[str]", "[1], a list"),
    "a handle in a list": (lambda: join([validate(1)], {}), "int", "Landed"),
    "a handle in a dict": (lambda: join([], {"a": validate(1)}), "int", "Landed"),
    "a literal beside a handle": (lambda: join([number(1), "2"], {}), "int", "'2', a str"),
    "a dict where a list belongs": (lambda: join({"a": number(1)}, {}), "list[int]", "a dict"),
    "a tuple where a list belongs": (lambda: join((number(1),), {}), "list[int]", "a tuple"),
}


@pytest.mark.parametrize(("traced", "expected", "found"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_a_wrong_edge_names_both_types(traced: Callable[..., object], expected: str, found: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        workflow(name="wrong")(traced)
    assert expected in caught.value.expected
    assert found in caught.value.found
    assert caught.value.where.startswith("test_workflows.py:")
    assert caught.value.code == "definition.type_mismatch"


def test_the_message_of_a_wrong_edge() -> None:
    with pytest.raises(TypeMismatch) as caught:
        workflow(name="wrong")(lambda: write(validate(1), statistics("AA", validate(2))))
    assert caught.value.message == "write(stats) takes Sequence[Statistics], but statistics is Statistics"


def test_the_declared_output_is_an_edge_too() -> None:
    def wrong(month: int) -> str:
        return validate(month)  # type: ignore[return-value]

    with pytest.raises(TypeMismatch, match="the output takes str, but validate is Landed"):
        workflow(wrong)


def called_inside() -> None:
    flights_month(1)


async def waits() -> None:
    validate(1)


INVALID: dict[str, tuple[Callable[..., object], str]] = {
    "a missing argument": (lambda: validate(path="x"), "validate is missing its parameter 'month'"),
    "an unknown argument": (lambda: validate(1, paht="x"), "validate has no parameter 'paht'"),
    "an argument twice": (lambda: validate(1, month=2), "given its parameter 'month' twice"),
    "too many arguments": (lambda: validate(1, "x", 3), "validate takes 2 arguments without names, not 3"),
    "a missing shared argument": (
        lambda: statistics.map(["a"]),
        "statistics.map is missing its parameter 'month'",
    ),
    "the items twice": (lambda: statistics.map(["a"], carrier="b"), "given its parameter 'carrier' twice"),
    "a map with no parameter": (lambda: task(lambda_task).map([1]), "has no parameter to give the items to"),
    "a map over a number": (lambda: number.map(3), "a task is mapped over a list"),
    "a map over handles": (lambda: number.map([number(1)]), "a list of handles cannot be mapped over"),
    "a window without a map": (lambda: number.options(window=3)(1), "a window belongs to a map"),
    "two nodes of one id": (
        lambda: (number.options(id="n")(1), number.options(id="n")(2)),
        "two nodes have one id",
    ),
    "after a value": (lambda: number.options(after=[3])(1), "`after` takes handles of nodes"),
    "after a param": (lambda month: number.options(after=[month])(1), "`after` takes handles of nodes"),
    "a workflow inside": (called_inside, "called inside another workflow"),
    "an async workflow": (waits, "only a plain function can be a workflow"),
    "no nodes": (lambda: None, "at least one node"),
    "a value that cannot be sent": (lambda: anything(object()), "cannot be sent"),
    "a handle in a Struct": (lambda: anything(Landed(number(1), [])), "cannot be sent"),
    "a bad name": (lambda: number.options(id="a b")(1), "node's id"),
    "an unknown option": (lambda: number.options(retrys=1)(1), "unknown option"),
}


@pytest.mark.parametrize(("traced", "message"), INVALID.values(), ids=INVALID.keys())
def test_a_wrong_call_names_task_and_parameter(traced: Callable[..., object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        workflow(name="wrong")(traced)
    assert caught.value.where


def test_two_tasks_of_one_name_do_not_fit_into_one_workflow() -> None:
    other = task(name="number")(lambda_task)
    with pytest.raises(DefinitionError, match="two tasks have the name 'number'") as caught:
        workflow(name="wrong")(lambda: (number(1), other()))
    assert caught.value.found.count("test_workflows.py:") == 2


def test_a_handle_does_not_leave_its_workflow() -> None:
    kept: list[Any] = []
    keep = kept.append

    @workflow
    def keeps() -> None:
        keep(number(1))

    with pytest.raises(DefinitionError, match="the handle number belongs to another workflow"):
        workflow(name="wrong")(lambda: number(kept[0]))


def test_a_loop_over_a_result_says_to_map() -> None:
    with pytest.raises(HandleUsedAsValue) as caught:
        workflow(name="wrong")(lambda: [number(1) for _ in validate(1).carriers])
    assert "validate.carriers was iterated over" in caught.value.message
    assert "Map a task over it" in caught.value.fix


def test_errors_of_the_workflow_function_are_the_users_own() -> None:
    def wrong() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        workflow(wrong)
    assert validate(1) == Landed(1, ["AA", "UA"]), "the trace has ended"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"triggers": [cron("0 6 * * *")]}, "does not give every required param"),
        ({"triggers": [cron("0 6 * * *", params={"month": "x"})]}, "param 'month' cannot take this value"),
        ({"triggers": [every(5, params={"month": 1, "year": 2})]}, "unknown param"),
        ({"triggers": [event("a..b")]}, "not an event type"),
        ({"triggers": [event("a", id="x"), event("b", id="x")]}, "two triggers have one id"),
        ({"triggers": ["0 6 * * *"]}, "not a trigger"),
        ({"deadline": "soon"}, "not a duration"),
        ({"deadline": 0}, "a deadline is longer than nothing"),
        ({"name": "a.b"}, "workflow's name"),
    ],
)
def test_wrong_keywords_are_named(options: dict[str, Any], message: str) -> None:
    def month_workflow(month: int) -> Landed:
        return validate(month)

    with pytest.raises(DefinitionError, match=message):
        workflow(**options)(month_workflow)


def test_a_default_has_its_params_type() -> None:
    def wrong(month: int = "march") -> Landed:  # type: ignore[assignment]
        return validate(month)

    with pytest.raises(TypeMismatch, match="param 'month'"):
        workflow(wrong)


def test_params_share_their_schemas() -> None:
    @workflow
    def shared(one: Landed, many: list[Landed], loose: object) -> None:
        anything([one, many, loose])

    definition = shared.definition
    assert definition.params == {
        "one": {"$ref": "#/$defs/Landed"},
        "many": {"type": "array", "items": {"$ref": "#/$defs/Landed"}},
        "loose": {},
    }
    assert set(definition.schema_definitions) == {"Landed"}


def test_the_object_is_a_workflow() -> None:
    assert isinstance(flights_month, Workflow)
    assert repr(flights_month) == "<workflow flights_month>"
    assert flights_month.__doc__ == "A month of flights."
