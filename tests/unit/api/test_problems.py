"""Every error is a problem document that says what to do, and never shows our inside."""

from __future__ import annotations

import httpx
import pytest

from headrace_coordinator.api.app import Api
from headrace_protocol.codec import encode
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, InvariantBroken, Unavailable
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.samples import FLIGHTS

pytestmark = pytest.mark.anyio
RUNS = "/api/v1/workflows/flights/runs"
JSON = {"content-type": "application/json"}

CASES: list[tuple[str, str, dict[str, object], int, str]] = [
    ("GET", "/api/v1/nothing", {}, 404, "request.not_found"),
    ("GET", "/nothing/at/all", {}, 404, "request.not_found"),
    ("DELETE", "/api/v1/runs", {}, 405, "request.invalid"),
    ("GET", "/api/v1/runs/nope", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/logs", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/history", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/explain", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/trace", {}, 404, "request.not_found"),
    ("POST", "/api/v1/runs/nope/cancel", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs?limit=0", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?limit=1001", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?limit=many", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?state=happy", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?cursor=%00", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?cursor=abc", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?label=x", {}, 400, "request.invalid"),
    ("GET", "/api/v1/runs?from=yesterday", {}, 400, "request.invalid"),
    ("GET", "/api/v1/events?cursor=!", {}, 400, "request.invalid"),
    ("GET", "/api/v1/changes?after=-1", {}, 400, "request.invalid"),
    ("GET", "/api/v1/changes", {"headers": {"last-event-id": "x"}}, 400, "request.invalid"),
    ("GET", "/api/v1/workflows/nope", {}, 404, "request.not_found"),
    ("GET", "/api/v1/workflows/flights?version=0", {}, 404, "request.not_found"),
    ("GET", "/api/v1/workflows/nope/versions", {}, 404, "request.not_found"),
    ("POST", "/api/v1/workflows/nope/runs", {}, 404, "request.not_found"),
    ("POST", RUNS, {"content": b"{", "headers": JSON}, 400, "protocol.malformed"),
    ("POST", RUNS, {"content": b"[1]", "headers": JSON}, 400, "protocol.malformed"),
    ("POST", RUNS, {"json": {"params": 7}}, 400, "protocol.malformed"),
    ("POST", RUNS, {"content": b'{"params":{"a":1e999}}', "headers": JSON}, 400, "protocol.malformed"),
    ("POST", RUNS, {"data": {"a": "b"}}, 415, "request.invalid"),
    ("POST", RUNS, {"json": {}, "headers": {"origin": "http://evil.example"}}, 403, "request.invalid"),
    ("PUT", "/api/v1/workflows/other", {"content": b"{}", "headers": JSON}, 400, "protocol.malformed"),
    ("POST", "/api/v1/events", {"content": b"{}", "headers": JSON}, 400, "protocol.malformed"),
    ("POST", "/api/v1/events", {}, 400, "protocol.malformed"),
    ("GET", "/api/v1/dead-letters/nope", {}, 404, "request.not_found"),
    ("POST", "/api/v1/dead-letters/nope/redrive", {}, 404, "request.not_found"),
    ("GET", "/errors/nope", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/logs.txt", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/logs/summary", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/logs/search?q=x", {}, 404, "request.not_found"),
    ("GET", "/api/v1/runs/nope/events", {}, 404, "request.not_found"),
    ("GET", "/api/v1/workflows/nope/grid", {}, 404, "request.not_found"),
    ("GET", "/api/v1/events/7", {}, 404, "request.not_found"),
    ("POST", "/api/v1/dead-letters/nope/discard", {}, 404, "request.not_found"),
    ("POST", "/api/v1/dead-letters/redrive", {}, 400, "request.invalid"),
    ("POST", "/api/v1/runs/cancel", {}, 400, "request.invalid"),
]


@pytest.mark.parametrize(("method", "url", "request_", "status", "code"), CASES)
async def test_errors_are_problems(
    http: httpx.AsyncClient, method: str, url: str, request_: dict[str, object], status: int, code: str
) -> None:
    answer = await http.request(method, url, **request_)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/errors/{code}"
    assert problem["title"] == ERROR_TABLE[ErrorCode(code)].meaning
    assert problem["detail"]
    assert problem["fix"]


async def test_methods_that_are_allowed_are_named(http: httpx.AsyncClient) -> None:
    assert "GET" in (await http.delete("/api/v1/runs")).headers["allow"]


async def test_a_definition_under_another_name(http: httpx.AsyncClient) -> None:
    answer = await http.put(
        "/api/v1/workflows/other",
        content=encode(FLIGHTS),
        headers={"content-type": "application/msgpack"},
    )
    assert answer.status_code == 400
    assert (answer.json()["found"], answer.json()["expected"]) == ("flights", "other")


async def test_a_large_body_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(RUNS, content=b" " * 10_000_001, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "protocol.too_large")


@pytest.mark.parametrize("failure", [RuntimeError("secret"), InvariantBroken("secret", found="secret")])
async def test_bugs_keep_their_inside(
    http: httpx.AsyncClient,
    coordinator: FakeCoordinator,
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    coordinator.failure = failure
    answer = await http.post(RUNS, json={})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal.error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (logged,) = caplog.records
    assert (logged.name, logged.getMessage()) == ("headrace.api", f"POST {RUNS} failed")
    assert logged.exc_info is not None
    assert logged.exc_info[1] is failure


async def test_who_leaves_before_the_request_is_whole_is_no_bug(
    app: Api, caplog: pytest.LogCaptureFixture
) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": RUNS,
        "raw_path": RUNS.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"20")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 400
    assert caplog.records == []


async def test_a_missing_bus_is_unavailable(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    coordinator.failure = Unavailable("the bus does not answer", where="nats://here")
    answer = await http.get("/api/v1/queues")
    assert (answer.status_code, answer.json()["where"]) == (503, "nats://here")
    assert (await http.get("/metrics")).status_code == 200


async def test_codes_explain_themselves(http: httpx.AsyncClient) -> None:
    told = (await http.get("/errors/task.timeout")).json()
    assert told == {
        "code": "task.timeout",
        "meaning": ERROR_TABLE[ErrorCode.TASK_TIMEOUT].meaning,
        "remedy": ERROR_TABLE[ErrorCode.TASK_TIMEOUT].remedy,
    }


@pytest.mark.parametrize(
    ("path", "where", "expected"),
    [
        ("/runs?state=foo", "state", "running, succeeded, failed, cancelled"),
        ("/overview?window=9d", "window", "15m, 1h, 6h, 24h, 7d"),
        ("/dead-letters?state=x", "state", "open, redriven, discarded"),
        ("/live/poll?topics=zz", "topics", "runs, events, dead_letters, workers, queues"),
        ("/runs/x/trace?format=q", "format", "json, jaeger"),
    ],
)
async def test_a_choice_that_is_none_names_the_choices(
    http: httpx.AsyncClient, path: str, where: str, expected: str
) -> None:
    answer = await http.get(f"/api/v1{path}")
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["where"], problem["expected"]) == (where, expected)
    assert problem["detail"].endswith(f"is not one of {expected}")
