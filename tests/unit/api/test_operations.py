"""Workflows, dead letters, health, metrics and the description."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from headrace_coordinator.api.app import Api
from headrace_coordinator.runtime.port import QueueView, ReadinessView
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import ScheduleState, Transaction
from headrace_protocol.codec import encode
from headrace_protocol.definition import WorkflowDefinition
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.samples import FLIGHTS

pytestmark = pytest.mark.anyio


async def test_workflows_show_triggers_and_last_runs(http: httpx.AsyncClient, store: MemoryStore) -> None:
    schedule = ScheduleState(workflow="flights", trigger="nightly", next_fire_us=77)
    await store.commit(Transaction(schedules=[schedule]))
    await http.post("/api/v1/workflows/flights/runs", json={})
    (workflow,) = (await http.get("/api/v1/workflows")).json()["workflows"]
    assert (workflow["name"], workflow["nodes"], workflow["runs"]) == ("flights", 3, {"running": 1})
    assert [trigger["next_fire_us"] for trigger in workflow["triggers"]] == [None, 77]
    assert workflow["triggers"][0]["text"] == "event flights.month_landed"
    assert [run["state"] for run in workflow["last_runs"]] == ["running"]


async def test_workflow_has_graph_and_definition(http: httpx.AsyncClient) -> None:
    shown = (await http.get("/api/v1/workflows/flights")).json()
    edges = {(edge["source"], edge["target"], edge["kind"]) for edge in shown["graph"]["edges"]}
    assert edges == {
        ("load", "carriers", "data"),
        ("carriers", "report", "data"),
        ("load", "report", "after"),
    }
    assert msgspec.convert(shown["definition"], WorkflowDefinition, strict=False) == FLIGHTS


@pytest.mark.parametrize("kind", ["application/json", "application/msgpack"])
async def test_deploy_makes_a_version_once(http: httpx.AsyncClient, kind: str) -> None:
    changed = msgspec.structs.replace(FLIGHTS, doc="Changed.")
    body = encode(changed) if kind.endswith("msgpack") else msgspec.json.encode(changed)
    first = await http.put("/api/v1/workflows/flights", content=body, headers={"content-type": kind})
    again = await http.put("/api/v1/workflows/flights", content=body, headers={"content-type": kind})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["version"] == again.json()["version"] == changed.version()
    versions = (await http.get("/api/v1/workflows/flights/versions")).json()["versions"]
    assert [version["current"] for version in versions] == [True, False]
    old = (await http.get("/api/v1/workflows/flights", params={"version": versions[1]["version"]})).json()
    assert old["doc"] == FLIGHTS.doc


async def test_a_wrong_definition_names_the_place(http: httpx.AsyncClient) -> None:
    wrong = msgspec.structs.replace(FLIGHTS, nodes=())
    answer = await http.put(
        "/api/v1/workflows/flights",
        content=msgspec.json.encode(wrong),
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "definition.invalid")
    assert answer.json()["where"] == "workflow flights"


async def test_info(http: httpx.AsyncClient) -> None:
    info = (await http.get("/api/v1/info")).json()
    assert (info["version"], info["namespace"], info["store"]) == ("1.2.3", "test", "memory")
    assert info["protocol_version"] == 1


async def test_health(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    assert (await http.get("/health/live")).json() == {"status": "live"}
    assert (await http.get("/health/ready")).json()["shards"] == [0]
    coordinator.ready = ReadinessView(ready=False, store=True, bus=False, shards=(), reason="NATS is away")
    answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["detail"]) == (503, "NATS is away")
    assert answer.json()["found"] == "without bus"


async def test_metrics_from_the_state_and_from_opentelemetry(
    app: Api, http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    meter = provider.get_meter("test")
    meter.create_counter("headrace.outcomes", description="Outcomes.").add(3, {"state": 'a"b'})
    meter.create_histogram("headrace.queue_wait", unit="s").record(0.2)
    coordinator.queue_views = (
        QueueView(queue="data", priority="high", pending=4, in_flight=1, redelivered=0, workers=1, slots=2),
    )
    app.services.metrics = reader.get_metrics_data
    await http.post("/api/v1/workflows/flights/runs", json={})
    answer = await http.get("/metrics")
    provider.shutdown()
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'headrace_runs{workflow="flights",state="running"} 1' in lines
    assert 'headrace_queue_pending{queue="data",priority="high"} 4' in lines
    assert "# TYPE headrace_outcomes_total counter" in lines
    assert 'headrace_outcomes_total{state="a\\"b"} 3' in lines
    assert 'headrace_queue_wait_seconds_bucket{le="+Inf"} 1' in lines
    assert "headrace_queue_wait_seconds_sum 0.2" in lines


async def test_the_description_names_everything(http: httpx.AsyncClient, app: Api) -> None:
    answer = await http.get("/api/v1/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json"
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert all(one["summary"] and one["tags"] and one["operationId"] for one in operations)
    bodies = {one["operationId"] for one in operations if "requestBody" in one}
    assert bodies == {
        *("startRun", "cancelRun", "cancelRuns", "retryRun", "retryRuns", "publishEvents", "deployWorkflow"),
        *(
            "reportLoadFailures",
            "deploySet",
            "retireWorkflow",
            "restoreWorkflow",
            "rollBackWorkflow",
            "pauseWorkflow",
            "resumeWorkflow",
        ),
        *("redriveDeadLetter", "redriveDeadLetters", "discardDeadLetter", "discardDeadLetters"),
    }
    parameters = document["paths"]["/api/v1/runs"]["get"]["parameters"]
    names = {parameter["name"] for parameter in parameters}
    assert names == {
        "workflow",
        "state",
        "trigger",
        "event",
        "label",
        "from",
        "before",
        "q",
        "cursor",
        "limit",
    }
