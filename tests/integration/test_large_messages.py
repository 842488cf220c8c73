"""Task messages whose parts are small enough each and too large together: what is large travels by reference."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from headrace import load
from headrace_protocol.codec import encode
from headrace_protocol.definition import Literal
from tests.integration.shared import WORKFLOWS, pages, small_cluster, still_works
from tests.support.cluster import Cluster

LIMIT = 1024 * 1024


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("large")) as started:
        yield started


async def test_a_join_of_many_results(cluster: Cluster) -> None:
    """Thirty results of 60 KB travel inside messages; the join's would be of 1.8 MB."""
    run_id = await cluster.start_run("join_of_many", size=60_000)
    run = await cluster.finished(run_id)
    assert run["output"]["value"] == [60_000_000 + index for index in range(30)]
    result = (await cluster.api.get(f"/runs/{run_id}/nodes/blob-0/result")).json()
    assert result.get("stored") is None
    assert len(await pages(cluster, f"/runs/{run_id}/attempts", "attempts")) == 31


async def test_large_params_beside_large_results(cluster: Cluster) -> None:
    text = "t" * 700_000
    run = await cluster.finished(await cluster.start_run("params_and_results", text=text, size=60_000))
    assert run["output"]["value"] == 700_000 + 8 * 60_000


async def test_items_and_params_larger_than_a_message(cluster: Cluster) -> None:
    """Over HTTP, params may be larger than any message."""
    items = ["a" * 600_000, "b", "c" * 1_200_000]
    run = await cluster.finished(
        await cluster.start_run("large_param_items", items=items, text="t" * 1_500_000)
    )
    assert run["output"]["value"] == [1_500_000 + len(item) for item in items]


async def test_what_cannot_be_made_smaller_fails_with_a_reason(cluster: Cluster) -> None:
    definition = load(str(WORKFLOWS)).workflows["params_and_results"].definition
    *blobs, join = definition.nodes
    join = msgspec.structs.replace(join, bindings={**join.bindings, "text": Literal("x" * LIMIT)})
    full = msgspec.structs.replace(definition, name="full", nodes=(*blobs, join))
    answer = await cluster.api.put(
        "/workflows/full", content=encode(full), headers={"content-type": "application/msgpack"}
    )
    assert answer.is_success, answer.text
    run = await cluster.finished(await cluster.start_run("full", text="", size=1))
    assert (run["state"], run["error"]["code"]) == ("failed", "protocol.too_large")
    assert run["error"]["where"] == "width"
    await still_works(cluster)


async def test_results_above_the_claim_check(cluster: Cluster) -> None:
    run_id = await cluster.start_run("passes_large", size=300_000)
    run = await cluster.finished(run_id)
    assert run["output"]["value"] == [300_000_007, 300_000_008]
    result = (await cluster.api.get(f"/runs/{run_id}/nodes/blob/result")).json()
    assert result["stored"]["size_bytes"] > 300_000
    assert result["stored"]["uri"].startswith("nats://HR_RESULTS_default/")


async def test_a_map_of_large_items(cluster: Cluster) -> None:
    run = await cluster.finished(await cluster.start_run("large_items", count=12, size=80_000))
    assert run["output"]["value"] == [80_000_000 + index for index in range(12)]


async def test_large_results_in_a_directory(tmp_path: Path) -> None:
    """What the coordinator collects and offloads there, workers find, and the other way round."""
    results = f"file://{tmp_path}/results"
    cluster = Cluster(tmp_path)
    cluster.results = results
    async with cluster:
        cluster.start_worker(WORKFLOWS, queues=["default"], slots=20)
        await cluster.deploy(WORKFLOWS)
        run = await cluster.finished(await cluster.start_run("large_items", count=3, size=80_000))
        assert run["output"]["value"] == [80_000_000 + index for index in range(3)]
        run = await cluster.finished(await cluster.start_run("join_of_many", size=60_000))
        assert run["state"] == "succeeded"
        assert any((tmp_path / "results").rglob("input-*"))
