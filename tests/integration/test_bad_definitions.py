"""Definitions that are wrong, and params, events and results that do not fit right ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from headrace import load
from headrace.client import Client
from headrace_protocol.codec import encode
from headrace_protocol.definition import (
    CronTrigger,
    EventTrigger,
    NodeDefinition,
    Output,
    WorkflowDefinition,
)
from headrace_protocol.errors import HeadraceError
from tests.integration.shared import WORKFLOWS, letter_where, letters, small_cluster, still_works
from tests.support.cluster import Cluster, eventually

MSGPACK = {"content-type": "application/msgpack"}
GOOD = load(str(WORKFLOWS)).workflows["quick"].definition


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("bad")) as started:
        yield started


@pytest.fixture(autouse=True)
async def goes_on(cluster: Cluster) -> AsyncIterator[None]:
    yield
    await still_works(cluster)


def changed(**changes: object) -> WorkflowDefinition:
    return msgspec.structs.replace(GOOD, name="wrong", triggers=(), **changes)


def triggered(trigger: EventTrigger | CronTrigger) -> WorkflowDefinition:
    return msgspec.structs.replace(GOOD, name="wrong", triggers=(trigger,))


def in_a_circle() -> WorkflowDefinition:
    (node,) = GOOD.nodes
    there = NodeDefinition(id="there", task="add", bindings={"number": Output("back")})
    back = NodeDefinition(id="back", task="add", bindings={"number": Output("there")})
    return changed(nodes=(node, there, back))


def of_an_unknown_task() -> WorkflowDefinition:
    return changed(nodes=(msgspec.structs.replace(GOOD.nodes[0], task="nothing"),))


def with_wrong_cel() -> WorkflowDefinition:
    return triggered(EventTrigger(id="e", type="t", where="event.data.x = 1"))


def with_cel_of_unknown_names() -> WorkflowDefinition:
    return triggered(EventTrigger(id="e", type="t", params={"number": "evnt.data.x"}))


def that_never_fires() -> WorkflowDefinition:
    return triggered(CronTrigger(id="c", expression="0 0 30 2 *", params={"number": 1}))


def of_no_time_zone() -> WorkflowDefinition:
    return triggered(CronTrigger(id="c", expression="0 0 * * *", tz="Mars/Olympus", params={"number": 1}))


def without_a_required_param() -> WorkflowDefinition:
    return triggered(CronTrigger(id="c", expression="0 0 * * *"))


def with_a_schema_that_is_none() -> WorkflowDefinition:
    return changed(params={"number": {"type": "nmber"}})


def that_subjects_cannot_carry() -> WorkflowDefinition:
    return changed(nodes=(msgspec.structs.replace(GOOD.nodes[0], id="a.b"),))


WRONG: list[tuple[Callable[[], WorkflowDefinition], str, str]] = [
    (in_a_circle, "definition.cycle", "->"),
    (of_an_unknown_task, "definition.unknown_task", "nothing"),
    (with_wrong_cel, "expression.invalid", "="),
    (with_cel_of_unknown_names, "expression.invalid", "evnt"),
    (that_never_fires, "schedule.never_fires", "30 2"),
    (of_no_time_zone, "schedule.invalid", "Mars/Olympus"),
    (without_a_required_param, "definition.invalid", ""),
    (with_a_schema_that_is_none, "definition.invalid", ""),
    (that_subjects_cannot_carry, "definition.invalid", "a.b"),
]


@pytest.mark.parametrize(("make", "code", "found"), WRONG, ids=[make.__name__ for make, _, _ in WRONG])
async def test_a_wrong_definition_is_refused(
    cluster: Cluster, make: Callable[[], WorkflowDefinition], code: str, found: str
) -> None:
    definition = make()
    answer = await cluster.api.put("/workflows/wrong", content=encode(definition), headers=MSGPACK)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert found in problem.get("found", "")
    assert "wrong" in problem["where"]
    async with Client(cluster.nats.url) as client:
        with pytest.raises(HeadraceError) as raised:
            await client.deploy(definition)
    assert raised.value.code == code
    assert (await cluster.api.get("/workflows/wrong")).status_code == 404


async def test_a_wrong_definition_that_wants_no_reply_is_a_dead_letter(cluster: Cluster) -> None:
    client = await cluster.connect()
    body = msgspec.msgpack.encode({"type": "deploy", "definition": in_a_circle()})
    await client.jetstream().publish("hr.default.in.0.command.me", body)
    await client.close()
    letter = await letter_where(cluster, code="definition.cycle")
    assert letter["subject"] == "hr.default.in.0.command.me"


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({}, "number"),
        ({"number": "one"}, "number"),
        ({"number": 1, "nmber": 2}, "nmber"),
        ({"number": "x" * 300_000}, "number"),
    ],
)
async def test_params_that_do_not_fit(cluster: Cluster, params: dict[str, object], where: str) -> None:
    answer = await cluster.api.post("/workflows/quick/runs", json={"params": params})
    assert (answer.status_code, answer.json()["code"]) == (422, "params.invalid")
    assert where in answer.json()["where"] + answer.json()["detail"]
    assert len(answer.content) < 3_000
    async with Client(cluster.nats.url) as client:
        with pytest.raises(HeadraceError) as raised:
            await client.start_run("quick", params)
    assert raised.value.code == "params.invalid"


async def publish(cluster: Cluster, event_id: str, kind: str, data: object) -> None:
    async with Client(cluster.nats.url) as client:
        await client.publish(kind, data, id=event_id, source="/test")


async def runs_of(cluster: Cluster, event_id: str, count: int) -> dict[str, str]:
    """Run ids by workflow."""
    found: dict[str, str] = {}

    async def there() -> bool:
        runs = (await cluster.api.get("/runs", params={"event": event_id})).json()["runs"]
        found.update({run["workflow"]: run["run_id"] for run in runs})
        return len(found) >= count

    await eventually(there, 30, lambda: f"runs of {event_id}: {found}")
    return found


async def test_an_event_whose_params_do_not_fit(cluster: Cluster) -> None:
    """It names the param, and the event's other trigger still starts its run."""
    await publish(cluster, "odd", "numbers.came", {"number": 1.5})
    runs = await runs_of(cluster, "odd", 1)
    assert set(runs) == {"doubled"}
    assert (await cluster.finished(runs["doubled"]))["output"]["value"] == 3
    letter = await letter_where(cluster, code="params.invalid", where="quick")
    assert "number" in letter["error"]["where"]


async def test_a_cel_error_on_an_event(cluster: Cluster) -> None:
    before = len(await letters(cluster))
    await publish(cluster, "empty", "numbers.came", {"nothing": 1})
    letter = await letter_where(
        cluster, code="expression.failed", where="workflow quick, trigger event-1, where"
    )
    assert "number" in letter["error"]["found"]
    await letter_where(
        cluster, code="expression.failed", where="workflow doubled, trigger event-1, param number"
    )
    assert len(await letters(cluster)) == before + 2


async def test_an_event_is_redriven_once_the_cause_is_mended(cluster: Cluster) -> None:
    mended = msgspec.structs.replace(
        GOOD,
        name="mended",
        triggers=(EventTrigger(id="e", type="texts.came", params={"number": "event.data.text"}),),
    )
    await cluster.api.put("/workflows/mended", content=encode(mended), headers=MSGPACK)
    await publish(cluster, "text-1", "texts.came", {"text": "12"})
    letter = await letter_where(cluster, code="params.invalid", where="mended")
    assert "redriven_at_us" not in letter or letter["redriven_at_us"] is None
    trigger = EventTrigger(id="e", type="texts.came", params={"number": "int(event.data.text)"})
    better = msgspec.structs.replace(mended, triggers=(trigger,))
    await cluster.api.put("/workflows/mended", content=encode(better), headers=MSGPACK)
    answer = await cluster.api.post(f"/dead-letters/{letter['letter_id']}/redrive")
    assert answer.status_code == 200
    assert answer.json()["redriven_at_us"] > letter["received_at_us"]
    run_id = (await runs_of(cluster, "text-1", 1))["mended"]
    assert (await cluster.finished(run_id))["output"]["value"] == 13


async def test_a_command_is_redriven_once_its_workflow_is_there(cluster: Cluster) -> None:
    client = await cluster.connect()
    command = {
        "type": "start_run",
        "run_id": "early",
        "workflow": "coming",
        "params": {"number": 1},
    }
    headers = {"Content-Type": "application/json"}
    body = msgspec.json.encode(command)
    await client.jetstream().publish("hr.default.in.0.command.me", body, headers=headers)
    await client.close()
    letter = await letter_where(cluster, code="request.not_found", found="coming")
    coming = msgspec.structs.replace(GOOD, name="coming", triggers=())
    await cluster.api.put("/workflows/coming", content=encode(coming), headers=MSGPACK)
    assert (await cluster.api.post(f"/dead-letters/{letter['letter_id']}/redrive")).status_code == 200
    assert (await cluster.finished("early"))["output"]["value"] == 2


async def test_a_result_that_cannot_be_encoded(cluster: Cluster) -> None:
    run = await cluster.finished(await cluster.start_run("unencodable"))
    assert (run["state"], run["error"]["code"]) == ("failed", "task.result_invalid")
    assert run["error"]["found"] == "socket"


async def test_a_worker_without_the_task_it_is_sent(cluster: Cluster) -> None:
    """The run waits for a worker that has the task, says so, and goes on when there is one."""
    worker = cluster.start_worker(WORKFLOWS.parent / "odd_tasks.py")
    run_id = await cluster.start_run("on_an_odd_queue", number=1)
    run: dict[str, Any] = {}

    async def returned() -> bool:
        nonlocal run
        run = await cluster.run(run_id)
        return bool(run["wait"]) and run["wait"]["kind"] == "worker_with_task"

    await eventually(returned, 60, lambda: run)
    assert run["state"] == "running"
    explained = (await cluster.api.get(f"/runs/{run_id}/explain")).json()
    assert any("no live worker has task add" in reason["text"] for reason in explained["reasons"])
    assert worker.poll() is None
    cluster.start_worker(WORKFLOWS, queues=["odd"])
    run = await cluster.finished(run_id, 60)
    assert (run["state"], run["output"]["value"]) == ("succeeded", 2)
