"""One stream carries everything, and resumes exactly, wherever it was cut."""

from __future__ import annotations

import asyncio
import random
from itertools import count

import httpx
import msgspec
import pytest

from headrace_coordinator.api.app import Api
from headrace_coordinator.runtime.port import QueueView, WorkerView
from headrace_coordinator.store.records import DeadLetter, EventRecord, Transaction
from headrace_protocol.codec import raw
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import HeldAttempt, LogLine, StartRun
from tests.unit.api.fake_coordinator import FakeCoordinator
from tests.unit.api.streams import events_in, open_stream

pytestmark = pytest.mark.anyio
LIVE = "/api/v1/live"
ALL = "topics=runs&topics=events&topics=dead_letters&run=one&logs=one"


@pytest.fixture(autouse=True)
async def run(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = msgspec.structs.replace(app.services.settings, live_pace_s=0.0)
    await coordinator.start(StartRun(run_id="one", workflow="flights", params=raw({})))


def line(number: int, run_id: str = "one") -> LogLine:
    return LogLine(run_id=run_id, node="load", attempt=1, at_us=number, level="info", message=str(number))


def letter(number: int) -> DeadLetter:
    error = ErrorInfo("x", "y")
    return DeadLetter(
        letter_id=f"l{number}", received_at_us=number, subject="s", headers={}, body=b"", error=error
    )


def event(number: int) -> EventRecord:
    return EventRecord(event_id=f"e{number}", source="/s", type="t", received_at_us=number)


async def test_each_kind_is_told(app: Api, coordinator: FakeCoordinator) -> None:
    async with open_stream(app, ALL, path=LIVE) as stream:
        assert (await stream.read_until("hello"))["id"] == "h1-l0-e0-d0"
        await coordinator.happen("one")
        assert [run["run_id"] for run in (await stream.read_until("runs"))["runs"]] == ["one"]
        assert [batch["position"] for batch in (await stream.read_until("changes"))["changes"]] == [2]
        await coordinator.commit(Transaction(logs=[line(1), line(2, "other"), line(3)]))
        logs = await stream.read_until("logs")
        assert (logs["run_id"], [one["position"] for one in logs["lines"]]) == ("one", [1, 3])
        await coordinator.commit(Transaction(events=[event(1)]))
        assert [one["event_id"] for one in (await stream.read_until("events"))["events"]] == ["e1"]
        await coordinator.commit(Transaction(dead_letters=[letter(1)]))
        letters = (await stream.read_until("dead_letters"))["dead_letters"]
        assert [(one["letter_id"], one["state"]) for one in letters] == [("l1", "open")]
        assert stream.last_id == "h2-l3-e1-d1"


async def test_cut_anywhere_misses_nothing_and_repeats_nothing(
    app: Api, coordinator: FakeCoordinator
) -> None:
    chance = random.Random(7)
    total = 60

    async def write() -> None:
        for number in count(1):
            await coordinator.happen("one")
            await coordinator.commit(Transaction(logs=[line(number)], events=[event(number)]))
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    seen: dict[str, list[int]] = {"changes": [], "lines": [], "events": []}
    place = "h1-l0-e0-d0"
    while min(map(len, seen.values())) < total:
        async with open_stream(app, ALL, last_id=place, path=LIVE) as stream:
            await stream.read_until("hello")
            for _ in range(chance.randrange(1, 3)):
                await stream.read()
            # What arrived before the cut may end within an event, and between those of one write.
            text = stream.text[: chance.randrange(len(stream.text) // 2, len(stream.text) + 1)]
        for _, at, data in events_in(text):
            for kind, numbers in seen.items():
                numbers += [one["position"] for one in data.get(kind, ())]
            place = at or place
    writing.cancel()
    assert seen["changes"] == list(range(2, len(seen["changes"]) + 2))
    assert seen["lines"] == list(range(1, len(seen["lines"]) + 1))
    assert seen["events"] == list(range(1, len(seen["events"]) + 1))


async def test_a_place_of_another_store_is_told(app: Api) -> None:
    async with open_stream(app, "topics=runs&after=h1-l0-e9-d0", path=LIVE) as stream:
        assert (await stream.read_until("reset"))["id"] == "h1-l0-e0-d0"


async def test_what_is_not_followed_is_skipped(app: Api, coordinator: FakeCoordinator) -> None:
    await coordinator.commit(Transaction(logs=[line(1)], events=[event(1)]))
    async with open_stream(app, "topics=events&after=h0-l0-e0-d0", path=LIVE) as stream:
        await stream.read_until("events")
        assert stream.last_id == "h1-l1-e1-d0"


async def test_silence_is_filled_with_beats(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = msgspec.structs.replace(app.services.settings, heartbeat_s=0.01)
    async with open_stream(app, path=LIVE) as stream:
        assert (await stream.read_until("beat"))["now_us"] == coordinator.now_us


async def test_queues_are_sent_when_they_differ(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = msgspec.structs.replace(app.services.settings, snapshot_s=0.01)
    app.services.queues._fresh_s = 0.0
    full = QueueView(queue="data", priority="high", pending=4, in_flight=1, redelivered=0, workers=1, slots=2)
    async with open_stream(app, "topics=queues&topics=workers", path=LIVE) as stream:
        await stream.read_until("queues")
        coordinator.queue_views = (full,)
        while "high" not in stream.text:
            await stream.read()
        names = [name for name, _, _ in events_in(stream.text)]
        assert (names.count("queues"), names.count("workers")) == (2, 1)


async def test_the_same_by_asking_again_and_again(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    url = f"{LIVE}/poll?{ALL}"
    first = (await http.get(url)).json()
    assert (first["id"], first["frames"]) == ("h1-l0-e0-d0", [])
    await coordinator.happen("one")
    await coordinator.commit(Transaction(logs=[line(1)]))
    then = (await http.get(f"{url}&after={first['id']}")).json()
    assert [frame["event"] for frame in then["frames"]] == ["runs", "changes", "logs", "activity"]
    again = (await http.get(f"{url}&after={then['id']}")).json()
    assert (again["frames"], again["id"]) == ([], then["id"])
    assert (await http.get(f"{url}&after=7")).status_code == 400


async def test_the_stream_ends_with_the_server(app: Api) -> None:
    async with open_stream(app, ALL, path=LIVE) as stream:
        await stream.read_until("hello")
        app.services.close_streams()
        while not stream.ended:
            await stream.read()


async def test_several_runs_are_followed_at_once(
    http: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    """Also when there is more of one than a page holds: what lies behind that page waits."""
    await coordinator.start(StartRun(run_id="two", workflow="flights", params=raw({})))
    lines = [line(number, "one" if number < 600 else "two") for number in range(1, 1_001)]
    await coordinator.commit(Transaction(logs=lines))
    for run_id in ("one", "two", "one"):
        await coordinator.happen(run_id)
    seen: list[int] = []
    changes: list[int] = []
    place, more = "h2-l0-e0-d0", True
    while more:
        url = f"{LIVE}/poll?run=one&run=two&logs=one&logs=two&after={place}"
        answer = (await http.get(url)).json()
        place, more = answer["id"], answer["more"]
        for frame in answer["frames"]:
            seen += [one["position"] for one in frame["data"].get("lines", ())]
            changes += [one["position"] for one in frame["data"].get("changes", ())]
    assert seen == list(range(1, 1_001))
    assert changes == [3, 4, 5]


async def test_what_workers_start_is_told_without_a_commit(app: Api, coordinator: FakeCoordinator) -> None:
    app.services.settings = msgspec.structs.replace(app.services.settings, snapshot_s=0.01)
    held = HeldAttempt(run_id="one", node="load", attempt=1, started_at_us=7)
    async with open_stream(app, "topics=runs&run=one", path=LIVE) as stream:
        await stream.read_until("hello")
        coordinator.worker_views = (worker_view("w1", held),)
        (run,) = (await stream.read_until("runs"))["runs"]
        assert (run["activity"]["kind"], run["activity"]["worker"], run["activity"]["since_us"]) == (
            "running",
            "w1",
            7,
        )
        (told,) = (await stream.read_until("activity"))["activity"]
        assert [(one["node"], one["kind"]) for one in told["nodes"]] == [("load", "running")]
        stream.text = ""
        coordinator.worker_views = (worker_view("w1", held, state="silent"),)
        (run,) = (await stream.read_until("runs"))["runs"]
        assert (run["activity"]["kind"], run["activity"]["worker"]) == ("lost", "w1")
        stream.text = ""
        coordinator.worker_views = ()
        (run,) = (await stream.read_until("runs"))["runs"]
        assert run["activity"]["kind"] in ("no_worker", "queued")


def worker_view(name: str, *held: HeldAttempt, state: str = "live") -> WorkerView:
    return WorkerView(
        worker=name,
        host="h",
        pid=1,
        queues=("default",),
        slots=2,
        tasks=(),
        held=held,
        started_at_us=1,
        seen_at_us=2,
        state=state,
    )
