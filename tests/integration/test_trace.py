"""One trace, from the publisher of the event to a span that user code opened, as an OTLP backend receives it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace_protocol.ids import derived_span_id
from tests.support.cluster import Cluster, eventually
from tests.support.otlp import OtlpReceiver, ReceivedSpan

PIPELINES = Path(__file__).parent.parent / "support" / "pipelines.py"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PUBLISHER = "b7ad6b7169203331"


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[tuple[Cluster, OtlpReceiver]]:
    with OtlpReceiver() as receiver:
        async with Cluster(tmp_path, environment=receiver.environment) as cluster:
            cluster.start_worker(PIPELINES)
            await cluster.deploy(PIPELINES)
            yield cluster, receiver


async def publish(cluster: Cluster, flags: str = "01", **data: object) -> None:
    """As any NATS client would: a message with headers, nothing of ours."""
    client = await cluster.connect()
    await client.jetstream().publish(
        "hr.default.event.shop.ordered",
        json.dumps(data).encode(),
        headers={
            "ce-specversion": "1.0",
            "ce-id": "order-1",
            "ce-source": "/shop",
            "ce-type": "shop.ordered",
            "content-type": "application/json",
            "traceparent": f"00-{TRACE}-{PUBLISHER}-{flags}",
        },
    )
    await client.close()


async def the_run(cluster: Cluster) -> str:
    runs: list[dict[str, str]] = []

    async def started() -> bool:
        runs[:] = (await cluster.api.get("/runs")).json()["runs"]
        return bool(runs)

    await eventually(started, 30)
    return runs[0]["run_id"]


async def whole(receiver: OtlpReceiver, count: int) -> dict[str, ReceivedSpan]:
    async def there() -> bool:
        return len(receiver.trace(TRACE)) >= count

    await eventually(there, 30, lambda: sorted(span.name for span in receiver.trace(TRACE).values()))
    return receiver.trace(TRACE)


def assert_one_tree(spans: dict[str, ReceivedSpan], run_id: str, lines: int) -> None:
    """publisher → trigger → run → tasks → attempts → the user's own spans."""
    by_name: dict[str, list[ReceivedSpan]] = {}
    for span in spans.values():
        by_name.setdefault(span.name, []).append(span)
    (trigger,) = [span for name in by_name if name.startswith("trigger") for span in by_name[name]]
    (run,) = by_name["run order"]
    assert trigger.parent_id == PUBLISHER
    assert run.parent_id == trigger.span_id
    assert run.span_id == derived_span_id(run_id)
    for name in ("accept", "price", "total"):
        (node,) = by_name[f"task {name}"]
        assert node.parent_id == run.span_id
        attempts = by_name[f"attempt {name}"]
        assert {attempt.parent_id for attempt in attempts} == {node.span_id}
        assert {attempt.service for attempt in attempts} == {"headrace-worker"}
        assert node.start_ns <= min(attempt.start_ns for attempt in attempts)
        assert node.end_ns >= max(attempt.end_ns for attempt in attempts)
    prices = {attempt.span_id for attempt in by_name["attempt price"]}
    assert len(prices) == lines
    assert {span.parent_id for span in by_name["look up price"]} == prices
    assert {span.attributes["shop.line"] for span in by_name["look up price"]} == set(range(lines))


async def test_an_event_from_bare_nats_is_one_trace(
    traced: tuple[Cluster, OtlpReceiver], tmp_path: Path
) -> None:
    cluster, receiver = traced
    await publish(cluster, number=3, journal=str(tmp_path / "journal"))
    run_id = await the_run(cluster)
    assert (await cluster.finished(run_id))["state"] == "succeeded"
    assert_one_tree(await whole(receiver, 13), run_id, 3)


async def test_the_trace_is_whole_when_the_coordinator_was_killed_in_the_middle(
    traced: tuple[Cluster, OtlpReceiver], tmp_path: Path
) -> None:
    cluster, receiver = traced
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    await publish(cluster, number=3, journal=str(journal), gate=str(gate))
    run_id = await the_run(cluster)

    async def in_the_middle() -> bool:
        return journal.exists() and journal.read_text().count(" price\n") == 3

    await eventually(in_the_middle, 30)
    cluster.kill_coordinator()
    gate.touch()
    await cluster.start_coordinator()
    assert (await cluster.finished(run_id))["output"]["value"] == 30
    assert_one_tree(await whole(receiver, 13), run_id, 3)


async def test_an_unsampled_trace_is_not_exported(
    traced: tuple[Cluster, OtlpReceiver], tmp_path: Path
) -> None:
    cluster, receiver = traced
    await publish(cluster, flags="00", number=1, journal=str(tmp_path / "journal"))
    run_id = await the_run(cluster)
    assert (await cluster.finished(run_id))["state"] == "succeeded"
    sampled = await cluster.start_run("order", number=1, journal=str(tmp_path / "journal"))
    trace_id = (await cluster.finished(sampled))["trace_id"]

    async def exported() -> bool:
        return len(receiver.trace(trace_id)) >= 8

    await eventually(exported, 30, lambda: sorted(s.name for s in receiver.trace(trace_id).values()))
    assert receiver.trace(TRACE) == {}
