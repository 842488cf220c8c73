"""Values of all kinds through a coordinator and a worker, in threads and processes, and what the API tells of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster

WORKFLOWS = Path(__file__).parent / "data_workflows.py"


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path_factory.mktemp("data")) as started:
        started.start_worker(WORKFLOWS, queues=["default"], slots=4, processes=1)
        await started.deploy(WORKFLOWS)
        yield started


@pytest.mark.parametrize("rows", [5, 20_000])
async def test_frames_travel_and_are_previewed(cluster: Cluster, rows: int) -> None:
    run_id = await cluster.start_run("frames", rows=rows)
    run = await cluster.finished(
        run_id, within_s=100
    )  # the first one waits for a process that imports pandas
    assert run["output"]["value"] == rows * (rows - 1)
    shown = (await cluster.api.get(f"/runs/{run_id}/nodes/frame/result")).json()
    assert shown["preview"]["kind"] == "pandas.DataFrame"
    assert shown["preview"]["shape"] == [rows, 2]
    assert shown["preview"]["columns"][0] == {"name": "n", "type": "int64"}
    assert shown["preview"]["rows"][1] == ["1", "é"]
    assert (shown["stored"] is not None) is (rows > 1_000)
    made_in_process = (await cluster.api.get(f"/runs/{run_id}/nodes/doubled/result")).json()
    assert made_in_process["preview"]["kind"] == "polars.DataFrame"


async def test_answers_are_exact_json(cluster: Cluster) -> None:
    run_id = await cluster.start_run("oddities", number=2**63 + 1)
    await cluster.finished(run_id)
    answer = await cluster.api.get(f"/runs/{run_id}/nodes/odd/result")
    assert json.loads(answer.text)["value"] == {
        "long": {"$headrace": "int", "value": "1" + "0" * 30},
        "number": 2**63 + 1,
        "nan": {"$headrace": "float", "value": "NaN"},
        "blob": {"$headrace": "bytes", "value": "AP8="},
        "place": "b",
        "day": "2024-02-29",
    }
    preview = (await cluster.api.get(f"/runs/{run_id}/nodes/array/result")).json()["preview"]
    assert (preview["kind"], preview["shape"], preview["dtype"]) == ("numpy.ndarray", [2], "float64")
    assert preview["text"] == "nan, 1.5"


@pytest.mark.parametrize(
    ("params", "where", "found", "expected"),
    [
        ({"number": 1, "day": "2024-02-30"}, "day", '"2024-02-30"', "a date such as"),
        ({"number": 1, "blob": "%"}, "blob", '"%"', "Base64"),
        ({"number": 1.5}, "number", "1.5", "integer"),
        ({"number": 10**30}, "params.number", "1000", "tagged form"),
    ],
)
async def test_params_are_refused_at_once(
    cluster: Cluster, params: dict[str, object], where: str, found: str, expected: str
) -> None:
    answer = await cluster.api.post("/workflows/oddities/runs", json={"params": params})
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] == "params.invalid"
    assert problem["where"].endswith(where)
    assert found in problem["found"]
    assert expected in problem["expected"]


async def test_a_whole_float_is_an_int_and_base64_is_bytes(cluster: Cluster) -> None:
    run_id = await cluster.start_run("oddities", number=3.0, blob="AP8=")
    run = await cluster.finished(
        run_id, within_s=100
    )  # the first one waits for a process that imports pandas
    assert run["state"] == "succeeded"
    assert run["output"]["value"][0]["number"] == 3
