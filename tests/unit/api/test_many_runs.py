"""Counts, histograms, the grid, and commands to many runs."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.api.fake_coordinator import START_US, FakeCoordinator
from tests.unit.api.samples import failed, succeeded

pytestmark = pytest.mark.anyio
SECOND_US = 1_000_000


@pytest.fixture
async def runs(http: httpx.AsyncClient, coordinator: FakeCoordinator) -> list[str]:
    """Four runs, ten seconds apart; the second is cancelled."""
    made = []
    for number in range(4):
        coordinator.now_us = START_US + number * 10 * SECOND_US
        body = {"labels": {"team": "ops" if number < 3 else "data"}}
        made.append((await http.post("/api/v1/workflows/flights/runs", json=body)).json()["run_id"])
    await http.post(f"/api/v1/runs/{made[1]}/cancel")
    return made


async def test_counts_by_state_for_any_filter(http: httpx.AsyncClient, runs: list[str]) -> None:
    counts = (await http.get("/api/v1/runs/counts")).json()["counts"]
    assert {state: one["count"] for state, one in counts.items()} == {
        "running": 3,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 1,
    }
    assert not counts["running"]["more"]
    some = (await http.get("/api/v1/runs/counts", params={"label": "team=ops", "state": "running"})).json()
    assert (some["counts"]["running"]["count"], some["counts"]["cancelled"]["count"]) == (2, 0)


async def test_a_histogram_has_every_bucket(
    http: httpx.AsyncClient, runs: list[str], coordinator: FakeCoordinator
) -> None:
    params = {"buckets": 4, "from": START_US, "before": START_US + 40 * SECOND_US}
    drawn = (await http.get("/api/v1/runs/histogram", params=params)).json()
    assert (drawn["bucket_us"], drawn["more"]) == (10 * SECOND_US, False)
    assert [one["counts"] for one in drawn["buckets"]] == [
        {"running": 1},
        {"cancelled": 1},
        {"running": 1},
        {"running": 1},
    ]
    whole = (await http.get("/api/v1/runs/histogram", params={"label": "team=data"})).json()
    assert len(whole["buckets"]) == 60
    assert sum(sum(one["counts"].values()) for one in whole["buckets"]) == 1


async def test_a_preview_cancels_nothing_and_names_exactly_those(
    http: httpx.AsyncClient, runs: list[str]
) -> None:
    wanted = {"where": {"label": "team=ops"}, "preview": True}
    preview = (await http.post("/api/v1/runs/cancel", json=wanted)).json()
    assert preview["run_ids"] == [runs[2], runs[0]]
    assert [run["state"] for run in preview["runs"]] == ["running", "running"]
    assert (preview["count"], preview["done"]) == (2, [])
    body = {"run_ids": [*preview["run_ids"], runs[1], "gone"], "reason": "wrong", "by": "me"}
    done = (await http.post("/api/v1/runs/cancel", json=body)).json()
    assert sorted(done["done"]) == sorted(preview["run_ids"])
    codes = {one["run_id"]: one["error"]["code"] for one in done["failed"]}
    assert codes == {runs[1]: "request.conflict", "gone": "request.not_found"}
    left = (await http.get("/api/v1/runs", params={"state": "running"})).json()
    assert [run["run_id"] for run in left["runs"]] == [runs[3]]
    error = (await http.get(f"/api/v1/runs/{runs[0]}")).json()["error"]
    assert "cancelled by me: wrong" in error["message"]


async def test_a_run_is_retried_and_many_are(http: httpx.AsyncClient, runs: list[str]) -> None:
    one = await http.post(f"/api/v1/runs/{runs[1]}/retry", json={"by": "me", "reason": "mended"})
    assert (one.status_code, one.json()) == (200, {"run_id": runs[1], "state": "running"})
    history = (await http.get(f"/api/v1/runs/{runs[1]}/history")).json()["history"]
    told = [event for batch in history for event in batch["events"] if event["kind"] == "run.retried"]
    assert [(event["data"]["by"], event["data"]["reason"]) for event in told] == [("me", "mended")]
    again = await http.post(f"/api/v1/runs/{runs[1]}/retry")
    assert (again.status_code, again.json()["found"]) == (409, "running")
    await http.post("/api/v1/runs/cancel", json={"run_ids": runs})
    wanted = {"where": {"workflow": "flights"}, "preview": True}
    preview = (await http.post("/api/v1/runs/retry", json=wanted)).json()
    assert preview["run_ids"] == runs[::-1]
    done = (await http.post("/api/v1/runs/retry", json={"run_ids": preview["run_ids"]})).json()
    assert sorted(done["done"]) == sorted(runs)


async def test_a_selection_never_takes_what_cannot_be_cancelled(
    http: httpx.AsyncClient, runs: list[str]
) -> None:
    wanted = {"where": {"states": ["cancelled"]}, "preview": True}
    assert (await http.post("/api/v1/runs/cancel", json=wanted)).json()["count"] == 0


async def test_the_grid_has_a_code_for_each_node_of_each_run(
    http: httpx.AsyncClient, runs: list[str], coordinator: FakeCoordinator
) -> None:
    await coordinator.outcome(succeeded(runs[3], "load", [1], at_us=coordinator.now_us, counts=(1,)))
    await coordinator.outcome(failed(runs[2], "load", "no", at_us=coordinator.now_us))
    grid = (await http.get("/api/v1/workflows/flights/grid", params={"runs": 3})).json()
    assert grid["nodes"] == ["load", "carriers", "report"]
    assert [run["run_id"] for run in grid["runs"]] == [runs[3], runs[2], runs[1]]
    words = [[grid["states"][code] for code in cells] for cells in grid["cells"]]
    assert words == [
        ["succeeded", "mapping", "waiting"],
        ["retrying", "waiting", "waiting"],
        ["cancelled", "cancelled", "cancelled"],
    ]
    assert grid["durations_ms"][0][0] == 2
    assert grid["durations_ms"][0][2] is None


async def test_the_form_for_starting_a_run(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/api/v1/workflows/flights")).json()["params_schema"]
    assert (schema["type"], schema["properties"]) == ("object", {"month": {"type": "string"}})


@pytest.mark.parametrize(
    "body",
    [
        {"where": {"stats": ["cancelled"]}, "preview": True},
        {"where": {"workflow": "flights"}, "dry_run": True},
    ],
)
async def test_what_is_not_known_widens_no_selection(
    http: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await http.post("/api/v1/runs/cancel", json=body)
    assert answer.status_code == 400
    assert "unknown field" in answer.text
