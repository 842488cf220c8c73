"""`headrace.client.Client`: a program's way in over NATS alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from headrace import load
from headrace.client import Client
from headrace_protocol.errors import Conflict, DefinitionError, NotFound, ParamsError, Unavailable
from tests.integration.shared import WORKFLOWS, small_cluster
from tests.support.cluster import Cluster, eventually

QUICK = load(str(WORKFLOWS)).workflows["quick"].definition


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("client")) as started:
        yield started


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    async with Client(cluster.nats.url) as connected:
        yield connected


async def runs_of(cluster: Cluster, event_id: str) -> list[dict[str, str]]:
    return list((await cluster.api.get("/runs", params={"event": event_id})).json()["runs"])


async def test_one_event_however_often_it_is_published(cluster: Cluster, client: Client) -> None:
    """One of the two triggers of its type asks for numbers above 0."""
    for _ in range(3):
        assert await client.publish("numbers.came", {"number": 4}, id="four", source="/test") == "four"
    await client.publish("numbers.came", {"number": -4}, id="minus four", source="/test")

    async def all_there() -> bool:
        return len(await runs_of(cluster, "minus four")) == 1

    await eventually(all_there, 30)
    runs = await runs_of(cluster, "four")
    assert sorted(run["workflow"] for run in runs) == ["doubled", "quick"]
    outputs = {(await cluster.finished(run["run_id"]))["output"]["value"] for run in runs}
    assert outputs == {5, 9}
    assert [run["workflow"] for run in await runs_of(cluster, "minus four")] == ["doubled"]


async def test_another_source_is_another_event(cluster: Cluster, client: Client) -> None:
    for source in ("/one", "/two"):
        await client.publish("numbers.came", {"number": 1}, id="same id", source=source)

    async def four() -> bool:
        return len(await runs_of(cluster, "same id")) == 4

    await eventually(four, 30)


async def test_one_run_for_one_key(cluster: Cluster, client: Client) -> None:
    first = await client.start_run("quick", {"number": 1}, idempotency_key="k", labels={"team": "a"})
    assert first.created
    again = await client.start_run("quick", {"number": 2}, idempotency_key="k")
    assert (again.run_id, again.created) == (first.run_id, False)
    over_http = await cluster.api.post(
        "/workflows/quick/runs", json={"params": {"number": 3}, "idempotency_key": "k"}
    )
    assert (over_http.status_code, over_http.json()["run_id"]) == (200, first.run_id)
    run = await cluster.finished(first.run_id)
    assert run["output"]["value"] == 2
    labelled = (await cluster.api.get("/runs", params={"label": "team=a"})).json()["runs"]
    assert [one["run_id"] for one in labelled] == [first.run_id]


async def test_a_key_outlives_the_coordinator(cluster: Cluster, client: Client) -> None:
    first = await client.start_run("quick", {"number": 1}, idempotency_key="kept")
    await cluster.finished(first.run_id)
    cluster.kill_coordinator()
    await cluster.start_coordinator()
    again = await client.start_run("quick", {"number": 1}, idempotency_key="kept")
    assert (again.run_id, again.created) == (first.run_id, False)


async def test_cancel(cluster: Cluster, client: Client) -> None:
    started = await client.start_run("on_no_queue", {"number": 1})
    assert (await client.cancel_run(started.run_id, by="me", reason="why not")).error is None
    run = await cluster.run(started.run_id)
    assert (run["state"], run["error"]["message"]) == ("cancelled", "cancelled by me: why not")
    with pytest.raises(Conflict):
        await client.cancel_run(started.run_id)


async def test_deploy(cluster: Cluster, client: Client) -> None:
    definition = msgspec.structs.replace(QUICK, name="deployed", triggers=())
    first = await client.deploy(definition)
    assert (first.created, first.version) == (True, definition.version())
    assert not (await client.deploy(definition)).created
    started = await client.start_run("deployed", {"number": 6})
    assert (await cluster.finished(started.run_id))["output"]["value"] == 7


async def test_what_the_coordinator_refuses(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        await client.start_run("nothing")
    assert (missing.value.found, missing.value.where) == ("nothing", "workflow")
    with pytest.raises(ParamsError) as params:
        await client.start_run("quick", {"number": "one"})
    assert "number" in params.value.where
    with pytest.raises(ParamsError):
        await client.start_run("quick", {"number": object()})
    with pytest.raises(NotFound):
        await client.cancel_run("nobody")
    with pytest.raises(DefinitionError):
        await client.deploy(msgspec.structs.replace(QUICK, name="a.b"))


async def test_a_command_without_a_coordinator_is_kept(cluster: Cluster) -> None:
    cluster.kill_coordinator()
    async with Client(cluster.nats.url, timeout_s=2.0) as client:
        with pytest.raises(Unavailable):
            await client.start_run("quick", {"number": 8}, run_id="kept-command")
    await cluster.start_coordinator()
    assert (await cluster.finished("kept-command"))["output"]["value"] == 9
