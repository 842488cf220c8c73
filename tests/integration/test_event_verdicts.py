"""Events by HTTP and by NATS end the same way: what each trigger made of them, stored and told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from headrace import event, task, workflow
from headrace.client import Client
from tests.integration.shared import letters, small_cluster
from tests.support.cluster import Cluster, eventually

BATCH = {"content-type": "application/cloudevents-batch+json"}


@task
def one(n: int) -> int:
    return n


@task
def text(n: str) -> str:
    return n


@workflow(triggers=[event("verdicts.came", id="all", params={"n": "event.data.n"})])
def takes_all(n: int) -> int:
    return one(n)


@workflow(
    triggers=[event("verdicts.came", id="large", where="event.data.n > 10", params={"n": "event.data.n"})]
)
def takes_large(n: int) -> int:
    return one(n)


@workflow(
    triggers=[event("verdicts.came", id="odd", where="event.data.gone > 1", params={"n": "event.data.n"})]
)
def takes_odd(n: int) -> int:
    return one(n)


@workflow(triggers=[event("verdicts.came", id="text")])
def takes_text(n: str) -> str:
    return text(n)


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("verdicts")) as started:
        async with Client(started.nats.url) as client:
            for defined in (takes_all, takes_large, takes_odd, takes_text):
                await client.deploy(defined.definition)
        yield started


def came(name: str, n: object, **more: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/v",
        "type": "verdicts.came",
        "data": {"n": n, **more},
    }


async def publish(cluster: Cluster, *events: dict[str, object]) -> httpx.Response:
    body = msgspec.json.encode(events)
    return await cluster.api.post("/events", content=body, headers=BATCH)


def kinds(verdicts: list[dict[str, str]]) -> dict[str, str]:
    return {verdict["workflow"]: verdict["kind"] for verdict in verdicts}


async def recorded(cluster: Cluster, event_id: str) -> list[dict[str, str]]:
    found = (await cluster.api.get("/events", params={"id": event_id, "source": "/v"})).json()["events"]
    return list(found[0]["verdicts"]) if found else []


EXPECTED = {"takes_all": "fired", "takes_large": "filtered", "takes_odd": "broken", "takes_text": "broken"}


async def test_by_either_way_the_verdicts_and_the_letters_are_the_same(cluster: Cluster) -> None:
    before = len(await letters(cluster))
    async with Client(cluster.nats.url) as client:
        await client.publish("verdicts.came", {"n": 3}, id="by nats", source="/v")

    async def read() -> bool:
        return bool(await recorded(cluster, "by nats"))

    await eventually(read, 30)
    answer = await publish(cluster, came("by http", 3))
    assert answer.status_code == 202, answer.text
    (told,) = answer.json()["events"]
    assert kinds(told["verdicts"]) == kinds(await recorded(cluster, "by nats")) == EXPECTED
    assert await recorded(cluster, "by http") == told["verdicts"]
    assert len(await letters(cluster)) == before + 4


async def test_the_copy_on_the_bus_changes_nothing(cluster: Cluster) -> None:
    (told,) = (await publish(cluster, came("copied", 3))).json()["events"]
    before = len(await letters(cluster))
    async with Client(cluster.nats.url) as client:  # behind the copy in the stream
        await client.publish("verdicts.came", {"n": 11, "gone": 2}, id="behind", source="/v")

    async def read() -> bool:
        return bool(await recorded(cluster, "behind"))

    await eventually(read, 30)
    assert await recorded(cluster, "copied") == told["verdicts"]
    assert len(await letters(cluster)) == before + 1  # of takes_text


async def test_a_bad_event_in_a_batch_keeps_the_others_from_nothing(cluster: Cluster) -> None:
    answer = await publish(
        cluster, came("b1", 20, gone=2), came("b2", "text"), came("b1", 20, gone=2), came("b3", 1)
    )
    events = answer.json()["events"]
    assert answer.status_code == 202
    assert [one["duplicate"] for one in events] == [False, False, True, False]
    assert kinds(events[0]["verdicts"]) == {**EXPECTED, "takes_large": "fired", "takes_odd": "fired"}
    assert kinds(events[1]["verdicts"]) == {
        "takes_all": "broken",
        "takes_large": "broken",
        "takes_odd": "broken",
        "takes_text": "fired",
    }
    assert kinds(events[2]["verdicts"])["takes_large"] == "duplicate"
    assert kinds(events[3]["verdicts"]) == EXPECTED


async def test_a_batch_that_cannot_be_read_stores_nothing(cluster: Cluster) -> None:
    answer = await publish(cluster, came("whole", 1), {**came("x", 1), "specversion": "0.3"})
    assert (answer.status_code, answer.json()["where"]) == (400, "events[1].specversion")
    assert await recorded(cluster, "whole") == []


async def test_a_broken_trigger_is_redriven_once_it_is_fixed(cluster: Cluster) -> None:
    (told,) = (await publish(cluster, came("again", 5))).json()["events"]
    letter = next(one["letter_id"] for one in told["verdicts"] if one["workflow"] == "takes_text")

    @workflow(name="takes_text", triggers=[event("verdicts.came", id="text")])
    def fixed(n: int) -> int:
        return one(n)

    async with Client(cluster.nats.url) as client:
        await client.deploy(fixed.definition)
    try:
        assert (await cluster.api.post(f"/dead-letters/{letter}/redrive", json={})).status_code < 300

        async def fired() -> bool:
            return kinds(await recorded(cluster, "again"))["takes_text"] == "fired"

        await eventually(fired, 30)
        assert kinds(await recorded(cluster, "again")) == {**EXPECTED, "takes_text": "fired"}
    finally:
        async with Client(cluster.nats.url) as client:
            await client.deploy(takes_text.definition)
