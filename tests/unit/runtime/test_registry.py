"""Versions of workflows, and params that are completed and checked."""

import msgspec
import pytest

from headrace_coordinator.runtime.registry import Entry, Registry
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import DefinitionRow, Transaction
from headrace_protocol.codec import raw
from headrace_protocol.definition import NodeDefinition, TaskDefinition, WorkflowDefinition
from headrace_protocol.errors import DefinitionError, NotFound, ParamsError
from headrace_protocol.interval import Interval
from headrace_protocol.messages import StartRun

WORKFLOW = WorkflowDefinition(
    name="flow",
    nodes=(NodeDefinition(id="n", task="t"),),
    tasks={"t": TaskDefinition(name="t")},
    params={"path": {"type": "string"}, "size": {"$ref": "#/$defs/Size"}},
    required=("path",),
    defaults={"size": 3},
    schema_definitions={"Size": {"type": "integer", "minimum": 1}},
)


def row(definition: WorkflowDefinition = WORKFLOW, at_us: int = 1) -> DefinitionRow:
    return DefinitionRow(definition, definition.version(), at_us)


def completed(**params: object) -> object:
    return msgspec.msgpack.decode(Entry(row()).complete(command(params)))


def command(params: object, **more: object) -> StartRun:
    encoded = params if isinstance(params, msgspec.Raw) else raw(params)
    return StartRun(**{"run_id": "r", "workflow": "flow", "params": encoded, **more})


def test_defaults_are_filled_in() -> None:
    assert completed(path="a") == {"path": "a", "size": 3}
    assert completed(path="a", size=9) == {"path": "a", "size": 9}


@pytest.mark.parametrize(
    ("params", "where", "found", "expected"),
    [
        ({}, "params of flow", "nothing", "path: string, size: any (optional)"),
        ({"path": 1}, "params of flow, path", "1, an integer", "string"),
        ({"path": "a", "size": 0}, "params of flow, size", "0, an integer", "integer, minimum 1"),
        ({"path": "a", "more": 0}, "params of flow", "more, path", "path: string, size: any (optional)"),
    ],
)
def test_params_that_do_not_fit(params: dict[str, object], where: str, found: str, expected: str) -> None:
    with pytest.raises(ParamsError) as raised:
        completed(**params)
    assert (raised.value.where, raised.value.found, raised.value.expected) == (where, found, expected)


@pytest.mark.parametrize("params", [raw([1]), raw("text"), msgspec.Raw(b"\xc1"), raw(None)])
def test_params_that_are_no_object(params: msgspec.Raw) -> None:
    with pytest.raises(ParamsError):
        Entry(row()).complete(command(params))


def test_no_params_are_an_empty_object() -> None:
    entry = Entry(row(msgspec.structs.replace(WORKFLOW, required=())))
    assert msgspec.msgpack.decode(entry.complete(command(msgspec.Raw()))) == {"size": 3}


def test_a_large_value_is_not_quoted_whole() -> None:
    with pytest.raises(ParamsError) as raised:
        completed(path="a", size="x" * 1_000_000)
    assert len(raised.value.message) < 500
    assert raised.value.message.endswith('is not of type "integer"')


def test_a_schema_that_is_none() -> None:
    with pytest.raises(DefinitionError):
        Entry(row(msgspec.structs.replace(WORKFLOW, params={"path": {"type": "txt"}}))).check()
    Entry(row()).check()


async def test_versions() -> None:
    store = MemoryStore()
    await store.open()
    older = row()
    newer = row(msgspec.structs.replace(WORKFLOW, doc="newer"), at_us=2)
    await store.commit(Transaction(definitions=[older]))
    await store.commit(Transaction(definitions=[newer]))
    registry = Registry(store)
    await registry.load()
    assert registry.current_version("flow") == newer.version
    assert (await registry.entry("flow")).version == newer.version
    assert (await registry.entry("flow", older.version)).definition == WORKFLOW
    assert [entry.version for entry in registry.current()] == [newer.version]
    registry.deployed(older)
    assert (await registry.entry("flow")).version == older.version
    with pytest.raises(NotFound) as raised:
        await registry.entry("flwo")
    assert (raised.value.found, raised.value.expected) == ("flwo", "flow")
    with pytest.raises(NotFound):
        await registry.entry("flow", "0" * 32)


TIMED = msgspec.structs.replace(
    WORKFLOW,
    params={"interval": {"type": "object"}, "at": {"type": "string"}, "day": {}},
    required=("interval", "at"),
    defaults={"day": None},
    times={"interval": "interval", "at": "scheduled_at", "day": "interval"},
)
HOUR = Interval(1_700_000_000_000_000, 1_700_003_600_000_000)


def test_the_runs_times_fill_params() -> None:
    entry = Entry(row(TIMED))
    hour = {"start": "2023-11-14T22:13:20Z", "end": "2023-11-14T23:13:20Z"}
    scheduled = command({}, scheduled_at_us=HOUR.end_us + 1, interval=HOUR)
    assert msgspec.msgpack.decode(entry.complete(scheduled)) == {
        "interval": hour,
        "at": "2023-11-14T23:13:20.000001Z",
        "day": hour,
    }
    given = command({"interval": {}, "at": "now"})
    assert msgspec.msgpack.decode(entry.complete(given)) == {"interval": {}, "at": "now", "day": None}
    own = command({"at": "now"}, scheduled_at_us=1, interval=HOUR)
    assert msgspec.msgpack.decode(entry.complete(own))["at"] == "now"


@pytest.mark.parametrize(
    ("given", "flag"), [({"interval": {}}, "--scheduled-at TIME"), ({"at": "now"}, "--interval FROM TO")]
)
def test_a_run_without_the_time_that_a_param_is_says_how_to_give_one(given: object, flag: str) -> None:
    with pytest.raises(ParamsError, match="no schedule started it") as caught:
        Entry(row(TIMED)).complete(command(given))
    assert flag in caught.value.fix
