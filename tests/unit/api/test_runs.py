"""Runs over HTTP: start, list, show, logs, explain, trace, result, cancel."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from headrace_coordinator.runtime.port import WorkerView
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import Transaction
from headrace_protocol.codec import raw
from headrace_protocol.ids import derived_span_id
from headrace_protocol.messages import HeldAttempt, LogLine, Result, Span, Stored
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.samples import failed, succeeded

pytestmark = pytest.mark.anyio
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def start(http: httpx.AsyncClient, **body: object) -> str:
    answer = await http.post("/api/v1/workflows/flights/runs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["run_id"])


async def test_start_answers_where_the_run_is(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/api/v1/workflows/flights/runs",
        json={"params": {"month": "2013-01"}, "labels": {"team": "ops"}},
        headers={"traceparent": TRACEPARENT},
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert answer.headers["location"] == f"/api/v1/runs/{body['run_id']}"
    shown = (await http.get(answer.headers["location"])).json()
    assert shown["params"] == {"month": "2013-01"}
    assert shown["labels"] == {"team": "ops"}
    assert shown["state"] == "running"
    assert [node["node"] for node in shown["nodes"]] == ["load", "carriers", "report"]
    assert shown["nodes"][2]["upstream"] == ["carriers", "load"]
    assert shown["wait"] == {"kind": "worker", "on": "load", "wake_at_us": None}


async def test_start_twice_with_a_key_starts_once(http: httpx.AsyncClient) -> None:
    first = await http.post("/api/v1/workflows/flights/runs", json={"idempotency_key": "k"})
    again = await http.post("/api/v1/workflows/flights/runs", json={}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["run_id"] == again.json()["run_id"]
    assert not again.json()["created"]


async def test_start_for_a_time(http: httpx.AsyncClient) -> None:
    interval = {"start": "2026-01-01T00:00:00+01:00", "end": "2026-01-02T00:00:00+01:00"}
    body = {"scheduled_at": "2026-01-02T06:00:00Z", "interval": interval}
    answer = await http.post("/api/v1/workflows/flights/runs", json=body)
    assert answer.status_code == 201
    shown = (await http.get(answer.headers["location"])).json()
    assert shown["scheduled_at_us"] == 1_767_333_600_000_000
    assert shown["interval"] == {"start_us": 1_767_222_000_000_000, "end_us": 1_767_308_400_000_000}
    plain = await http.post("/api/v1/workflows/flights/runs")
    assert (await http.get(plain.headers["location"])).json()["interval"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"interval": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}, 400),
        ({"interval": {"start": "2026-01-02T00:00:00", "end": "2026-01-03T00:00:00Z"}}, 400),
        ({"interval": {"start": "2026-01-02T00:00:00Z"}}, 400),
        ({"scheduled_at": "tomorrow"}, 400),
    ],
)
async def test_start_for_no_time(http: httpx.AsyncClient, body: dict[str, object], status: int) -> None:
    answer = await http.post("/api/v1/workflows/flights/runs", json=body)
    assert answer.status_code == status, answer.text


async def test_start_without_a_body(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/workflows/flights/runs")).status_code == 201


async def test_start_in_msgpack(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/api/v1/workflows/flights/runs",
        content=msgspec.msgpack.encode({"params": {"month": "x"}}),
        headers={"content-type": "application/msgpack"},
    )
    assert answer.status_code == 201


async def test_list_filters(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    plain = await start(http)
    labelled = await start(http, labels={"team": "ops"})
    await coordinator.outcome(failed(plain, "load", "broken file", at_us=coordinator.now_us))
    listed = (await http.get("/api/v1/runs")).json()
    assert [run["run_id"] for run in listed["runs"]] == [labelled, plain]

    async def found(**query: str | list[str]) -> list[str]:
        answer = await http.get("/api/v1/runs", params=query)
        assert answer.status_code == 200, answer.text
        return [run["run_id"] for run in answer.json()["runs"]]

    assert await found(label="team=ops") == [labelled]
    assert await found(state=["running", "failed"]) == [labelled, plain]
    assert await found(state="succeeded") == []
    assert await found(workflow="nothing") == []
    assert await found(trigger="manual", q=plain[:8]) == [plain]
    assert await found(before="2001-01-01T00:00:00Z") == []
    assert await found(**{"from": "2001-01-01"}) == [labelled, plain]


async def test_pages_stay_right_while_runs_are_added(http: httpx.AsyncClient) -> None:
    expected = [await start(http) for _ in range(25)][::-1]
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 4}
    while True:
        page = (await http.get("/api/v1/runs", params=query)).json()
        seen += [run["run_id"] for run in page["runs"]]
        await start(http)
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == expected


async def finish(coordinator: FakeCoordinator, run_id: str) -> None:
    now_us = coordinator.now_us
    await coordinator.outcome(succeeded(run_id, "load", ["AA", "UA", "DL"], at_us=now_us, counts=(3,)))
    for item in range(2):
        await coordinator.outcome(succeeded(run_id, "carriers", item, item=item, at_us=now_us))


async def test_result_of_nodes_and_items(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    early = await http.get(f"/api/v1/runs/{run_id}/nodes/load/result")
    assert (early.status_code, early.json()["code"]) == (409, "request.conflict")
    await finish(coordinator, run_id)
    result = (await http.get(f"/api/v1/runs/{run_id}/nodes/load/result")).json()
    assert result["value"] == ["AA", "UA", "DL"]
    items = (await http.get(f"/api/v1/runs/{run_id}/nodes/carriers/result", params={"limit": 1})).json()
    assert [item["value"] for item in items["items"]] == [0]
    assert items["next"] == 1
    one = await http.get(f"/api/v1/runs/{run_id}/nodes/carriers/result", params={"item": 1})
    assert one.json()["value"] == 1
    missing = await http.get(f"/api/v1/runs/{run_id}/nodes/carriers/result", params={"item": 2})
    assert missing.status_code == 409
    unknown = await http.get(f"/api/v1/runs/{run_id}/nodes/nope/result")
    assert (unknown.status_code, unknown.json()["expected"]) == (404, "load, carriers, report")


async def test_show_tells_progress_and_attempts(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    run_id = await start(http)
    await finish(coordinator, run_id)
    nodes = {node["node"]: node for node in (await http.get(f"/api/v1/runs/{run_id}")).json()["nodes"]}
    assert nodes["carriers"]["map"] == {"total": 3, "done": 2, "in_motion": 1, "retrying": 0, "running": 0}
    assert [attempt["state"] for attempt in nodes["load"]["attempts"]] == ["succeeded"]
    attempts = (await http.get(f"/api/v1/runs/{run_id}/attempts", params={"limit": 2})).json()
    assert [(one["node"], one["item"]) for one in attempts["attempts"]] == [("load", None), ("carriers", 0)]
    assert attempts["next"] == 2


async def test_history_in_pages(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    await finish(coordinator, run_id)
    first = (await http.get(f"/api/v1/runs/{run_id}/history", params={"limit": 2})).json()
    rest = (await http.get(f"/api/v1/runs/{run_id}/history", params={"after": first["next"]})).json()
    assert [entry["position"] for entry in first["history"] + rest["history"]] == [1, 2, 3, 4]
    assert rest["next"] is None


async def test_the_input_of_a_node_and_of_an_item(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    run_id = await start(http, params={"month": "2013-01"})
    path = f"/api/v1/runs/{run_id}/nodes"
    first = (await http.get(f"{path}/load/input")).json()
    assert first["values"] == {"month": "2013-01"}
    assert (first["node"], first["item"], first["task"], first["attempt"]) == ("load", None, "load", 1)
    early = await http.get(f"{path}/carriers/input", params={"item": 0})
    assert (early.status_code, early.json()["found"]) == (409, "load is dispatched")
    at_us = coordinator.now_us
    await coordinator.outcome(
        succeeded(run_id, "load", ["AA", 2**63, float("nan")], at_us=at_us, counts=(3,))
    )
    item = await http.get(f"{path}/carriers/input", params={"item": 1, "format": "msgpack"})
    assert item.headers["content-type"] == "application/msgpack"
    given = msgspec.msgpack.decode(item.content)
    assert (given["task"], given["item"], given["values"]) == ("carrier", 1, {"name": 2**63})
    for params, status, expected in (({}, 400, "0 to 2"), ({"item": 3}, 400, "0 to 2")):
        wrong = await http.get(f"{path}/carriers/input", params=params)
        assert wrong.status_code == status
        assert expected in wrong.json()["expected"]
    assert (await http.get(f"{path}/load/input", params={"item": 0})).status_code == 400
    assert (await http.get(f"{path}/nope/input")).status_code == 404


async def test_a_stored_input_is_fetched(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    stored = Stored("nats://r/1", 70_000, "d" * 32)
    kept = msgspec.structs.replace(
        succeeded(run_id, "load", None, at_us=coordinator.now_us, counts=(2,)), result=Result(stored=stored)
    )
    await coordinator.outcome(kept)
    path = f"/api/v1/runs/{run_id}/nodes/carriers/input"
    assert (await http.get(path, params={"item": 0})).status_code == 404
    coordinator.stored[stored.uri] = raw(["AA", "UA"])
    assert (await http.get(path, params={"item": 1})).json()["values"] == {"name": "UA"}


async def test_logs_say_when_they_are_complete(
    http: httpx.AsyncClient, coordinator: FakeCoordinator, store: MemoryStore
) -> None:
    run_id = await start(http)
    lines = [
        LogLine(run_id=run_id, node="load", attempt=1, at_us=n, level="info", message=str(n)) for n in (1, 2)
    ]
    await store.commit(Transaction(logs=lines))
    page = (await http.get(f"/api/v1/runs/{run_id}/logs", params={"limit": 1})).json()
    assert [line["line"]["message"] for line in page["lines"]] == ["1"]
    assert not page["complete"]
    await http.post(f"/api/v1/runs/{run_id}/cancel", json={})
    coordinator.now_us += 5_000_000
    page = (await http.get(f"/api/v1/runs/{run_id}/logs", params={"after": page["next"]})).json()
    assert [line["line"]["message"] for line in page["lines"]] == ["2"]
    assert page["complete"]


async def test_explain_names_worker_and_error(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    told = (await http.get(f"/api/v1/runs/{run_id}/explain")).json()
    assert told["reasons"][0]["kind"] == "no_worker"
    assert "no live worker serves data" in told["reasons"][0]["text"]
    assert told["advice"]
    held = HeldAttempt(run_id=run_id, node="load", attempt=1, started_at_us=coordinator.now_us - 3_000_000)
    coordinator.held_attempts[run_id] = (("w1", held),)
    told = (await http.get(f"/api/v1/runs/{run_id}/explain")).json()
    assert told["reasons"][0]["text"] == "node load attempt 1 runs on worker w1 since 3 s"
    await coordinator.outcome(failed(run_id, "load", "row 7 is broken", at_us=coordinator.now_us))
    told = (await http.get(f"/api/v1/runs/{run_id}/explain")).json()
    assert told["reasons"][0]["kind"] == "retry"
    assert "row 7 is broken" in told["reasons"][0]["text"]


async def test_trace_as_rows_and_for_jaeger(
    http: httpx.AsyncClient, coordinator: FakeCoordinator, store: MemoryStore
) -> None:
    answer = await http.post("/api/v1/workflows/flights/runs", json={}, headers={"traceparent": TRACEPARENT})
    run_id = answer.json()["run_id"]
    await coordinator.outcome(
        succeeded(run_id, "load", [], at_us=coordinator.now_us, counts=(0,)),
    )
    attempt = Span(
        trace_id=answer.json()["trace_id"],
        span_id=derived_span_id(f"{run_id}/load/1"),
        parent_span_id=derived_span_id(f"{run_id}/load"),
        name="attempt 1",
        service="headrace-worker",
        start_us=coordinator.now_us,
        end_us=coordinator.now_us + 1_000,
    )
    await store.commit(Transaction(spans=[attempt]))
    trace = (await http.get(f"/api/v1/runs/{run_id}/trace")).json()
    assert [(row["depth"], row["name"]) for row in trace["rows"]][:3] == [
        (0, "run flights"),
        (1, "task load"),
        (2, "attempt 1"),
    ]
    assert trace["sampled"]
    jaeger = (await http.get(f"/api/v1/runs/{run_id}/trace", params={"format": "jaeger"})).json()
    names = {span["operationName"] for span in jaeger["data"][0]["spans"]}
    assert {"run flights", "task load", "attempt 1"} <= names


async def test_cancel_once(http: httpx.AsyncClient) -> None:
    run_id = await start(http)
    first = await http.post(f"/api/v1/runs/{run_id}/cancel", json={"reason": "wrong month"})
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    again = await http.post(f"/api/v1/runs/{run_id}/cancel", json={})
    assert (again.status_code, again.json()["found"]) == (409, "cancelled")
    told = (await http.get(f"/api/v1/runs/{run_id}/explain")).json()
    assert "wrong month" in told["summary"]


async def test_list_hides_tracebacks(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    for attempt in (1, 2, 3):
        await coordinator.outcome(failed(run_id, "load", "no", at_us=coordinator.now_us, attempt=attempt))
    assert (await http.get("/api/v1/runs")).status_code == 200
    assert "secret lines" not in (await http.get("/api/v1/runs")).text


async def test_workers_that_lack_the_task(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    coordinator.worker_views = (
        WorkerView(
            worker="w1",
            host="h",
            pid=1,
            queues=("data",),
            slots=1,
            tasks=("other",),
            held=(),
            started_at_us=1,
            seen_at_us=2,
            state="live",
        ),
    )
    told = (await http.get(f"/api/v1/runs/{run_id}/explain")).json()
    assert told["reasons"][0]["kind"] == "no_task"
    listed = (await http.get("/api/v1/workers")).json()["workers"]
    assert [worker["worker"] for worker in listed] == ["w1"]
