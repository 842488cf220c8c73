"""Whole values as downloads, in every format."""

import httpx
import msgspec
import pytest

from headrace_coordinator.queries import content as module
from headrace_coordinator.queries.runs import load_run
from headrace_protocol.codec import encode
from headrace_protocol.definition import ListOf, Literal, ObjectOf, Output, Param
from headrace_protocol.messages import Outcome, Result, Stored
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.samples import succeeded
from tests.unit.api.test_runs import start

LARGE = b"\x00\xff" * 100_000


def stored(outcome: Outcome, coordinator: FakeCoordinator, value: object) -> Outcome:
    """The same with its result in the store of large results."""
    uri = f"nats://b/{outcome.node}/{outcome.item}"
    coordinator.results[uri] = encode(value)
    result = Result(stored=Stored(uri, len(coordinator.results[uri]), "d"))
    return msgspec.structs.replace(outcome, result=result)


async def loaded(http: httpx.AsyncClient, coordinator: FakeCoordinator, value: object = ("AA", "UA")) -> str:
    run_id = await start(http)
    at_us = coordinator.now_us
    await coordinator.outcome(succeeded(run_id, "load", value, at_us=at_us, counts=(2,)))
    return run_id


async def test_a_large_result_is_streamed_with_its_length(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    run_id = await loaded(http, coordinator)
    item = succeeded(run_id, "carriers", None, at_us=coordinator.now_us, item=1)
    await coordinator.outcome(stored(item, coordinator, LARGE))
    url = f"/api/v1/runs/{run_id}/nodes/carriers/result/content"
    answer = await http.get(url, params={"item": 1})
    assert answer.status_code == 200, answer.text
    assert answer.content == LARGE
    assert answer.headers["content-length"] == str(len(LARGE))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run_id}-carriers-1.bin"'
    packed = await http.get(url, params={"item": 1, "format": "msgpack"})
    assert msgspec.msgpack.decode(packed.content) == LARGE
    assert packed.headers["content-length"] == str(len(packed.content))


@pytest.mark.parametrize(
    ("value", "content", "media_type"),
    [
        ("", b"", "text/plain; charset=utf-8"),
        ("<script>alert(1)</script>", b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        ("é" * 40, ("é" * 40).encode(), "text/plain; charset=utf-8"),
        ("x" * 300, b"x" * 300, "text/plain; charset=utf-8"),
        ("x" * 70_000, b"x" * 70_000, "text/plain; charset=utf-8"),
        (b"", b"", "application/octet-stream"),
        (b"\x00" * 300, b"\x00" * 300, "application/octet-stream"),
        (b"\x01" * 70_000, b"\x01" * 70_000, "application/octet-stream"),
        ([1, "a", None], b'[1,"a",null]', "application/json"),
        ({"a": 1.5}, b'{"a":1.5}', "application/json"),
        (None, b"null", "application/json"),
        (7, b"7", "application/json"),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
async def test_raw_is_what_the_value_is(
    http: httpx.AsyncClient,
    coordinator: FakeCoordinator,
    value: object,
    content: bytes,
    media_type: str,
    *,
    kept: bool,
) -> None:
    run_id = await start(http)
    outcome = succeeded(run_id, "load", value, at_us=coordinator.now_us, counts=(2,))
    await coordinator.outcome(stored(outcome, coordinator, value) if kept else outcome)
    answer = await http.get(f"/api/v1/runs/{run_id}/nodes/load/result/content")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == media_type
    assert int(answer.headers["content-length"]) == len(content)
    as_json = await http.get(f"/api/v1/runs/{run_id}/nodes/load/result/content", params={"format": "json"})
    assert as_json.headers["content-type"] == "application/json"


async def test_what_is_gone_says_so(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await start(http)
    outcome = succeeded(run_id, "load", None, at_us=coordinator.now_us, counts=(2,))
    await coordinator.outcome(stored(outcome, coordinator, ["a", "b"]))
    coordinator.results.clear()
    answer = await http.get(f"/api/v1/runs/{run_id}/nodes/load/result/content")
    assert (answer.status_code, answer.json()["detail"]) == (404, "the stored value is gone")


async def test_what_is_not_there_says_why(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    run_id = await loaded(http, coordinator)
    for path, status, detail in (
        (f"{run_id}/nodes/none/result/content", 404, "there is no such node"),
        (f"{run_id}/nodes/report/result/content", 409, "the node has no result yet"),
        (f"{run_id}/nodes/carriers/result/content", 409, "the node has no result yet"),
        (f"{run_id}/nodes/carriers/result/content?item=1", 409, "the item has no result"),
        (f"{run_id}/nodes/load/result/content?item=1", 400, "the node is no map, so it has no items"),
        (f"{run_id}/result/content", 409, "the run has no result"),
        ("none/result/content", 404, "there is no such run"),
    ):
        answer = await http.get(f"/api/v1/runs/{path}")
        assert (answer.status_code, answer.json()["detail"]) == (status, detail), path


async def test_json_is_made_of_what_fits_memory(
    http: httpx.AsyncClient, coordinator: FakeCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JSON_BYTES", 1_000)
    run_id = await loaded(http, coordinator, ["x" * 2_000, "b"])
    url = f"/api/v1/runs/{run_id}/nodes/load/result/content"
    refused = await http.get(url)
    assert refused.status_code == 413
    assert "msgpack" in refused.json()["fix"]
    assert (await http.get(url, params={"format": "msgpack"})).status_code == 200


async def test_a_run_whose_output_is_put_together(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:

    run_id = await start(http, params={"month": "2013-01"})
    outcome = succeeded(run_id, "load", None, at_us=coordinator.now_us, counts=(2,))
    await coordinator.outcome(stored(outcome, coordinator, LARGE))
    full = await load_run(coordinator.store, run_id)
    many = ListOf(tuple(Literal(number) for number in range(20)))
    binding = ObjectOf({"m": Param("month"), "all": Output("load"), "many": many, "none": Output("report")})
    parts = module._composed(binding, full)
    found = await module.content(parts, module.Format.MSGPACK, coordinator.open_result)
    body = b"".join([chunk async for chunk in found.chunks])
    assert len(body) == found.size_bytes
    assert msgspec.msgpack.decode(body) == {
        "m": "2013-01",
        "all": LARGE,
        "many": list(range(20)),
        "none": None,
    }
