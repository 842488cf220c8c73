"""CloudEvents over HTTP, in every mode of the binding, and what was received."""

from __future__ import annotations

import httpx
import msgspec
import pytest

pytestmark = pytest.mark.anyio
EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/airport",
    "type": "flights.month_landed",
    "data": {"month": "2013-01"},
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_structured_starts_a_run_in_the_trace(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/api/v1/events",
        content=msgspec.json.encode(EVENT),
        headers={"content-type": "application/cloudevents+json", "traceparent": TRACEPARENT},
    )
    assert answer.status_code == 202, answer.text
    (event,) = answer.json()["events"]
    assert (event["id"], len(event["runs"])) == ("e1", 1)
    run = (await http.get(f"/api/v1/runs/{event['runs'][0]}")).json()
    assert run["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (run["trigger"], run["event_id"]) == ("event:landed", "e1")


async def test_binary_and_again(http: httpx.AsyncClient) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "e2",
        "ce-source": "/airport",
        "ce-type": "flights.month_landed",
        "content-type": "application/json",
    }
    first = await http.post("/api/v1/events", content=b'{"month":"2013-02"}', headers=headers)
    again = await http.post("/api/v1/events", content=b'{"month":"2013-02"}', headers=headers)
    assert first.status_code == again.status_code == 202
    (one,), (two,) = first.json()["events"], again.json()["events"]
    assert (one["duplicate"], two["duplicate"]) == (False, True)
    assert ([v["kind"] for v in one["verdicts"]], [v["kind"] for v in two["verdicts"]]) == (
        ["fired"],
        ["duplicate"],
    )
    assert one["runs"] == two["runs"]
    assert len((await http.get("/api/v1/runs")).json()["runs"]) == 1


async def test_batch(http: httpx.AsyncClient) -> None:
    batch = [{**EVENT, "id": f"b{number}"} for number in range(3)]
    answer = await http.post(
        "/api/v1/events",
        content=msgspec.json.encode(batch),
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert [event["id"] for event in answer.json()["events"]] == ["b0", "b1", "b2"]


async def test_a_batch_with_an_event_that_cannot_be_read_is_refused_whole(http: httpx.AsyncClient) -> None:
    batch = [EVENT, {**EVENT, "id": ""}, EVENT]
    answer = await http.post(
        "/api/v1/events",
        content=msgspec.json.encode(batch),
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert answer.status_code == 400
    assert answer.json()["where"] == "events[1].id"
    assert (await http.get("/api/v1/events")).json()["events"] == []


async def test_events_are_listed_newest_first(http: httpx.AsyncClient) -> None:
    for number in range(5):
        event = {**EVENT, "id": str(number), "type": "a.b" if number % 2 else "c.d"}
        await http.post(
            "/api/v1/events",
            content=msgspec.json.encode(event),
            headers={"content-type": "application/cloudevents+json"},
        )
    first = (await http.get("/api/v1/events", params={"limit": 3})).json()
    assert [event["event_id"] for event in first["events"]] == ["4", "3", "2"]
    assert first["events"][0]["event"]["data"] == {"month": "2013-01"}
    assert first["events"][0]["verdicts"] == []
    rest = (await http.get("/api/v1/events", params={"cursor": first["next"]})).json()
    assert [event["event_id"] for event in rest["events"]] == ["1", "0"]
    assert rest["next"] is None
    typed = (await http.get("/api/v1/events", params={"type": "a.b"})).json()
    assert [event["event_id"] for event in typed["events"]] == ["3", "1"]


async def test_events_are_searched_and_lead_to_runs_and_back(http: httpx.AsyncClient) -> None:
    for number in range(4):
        event = {
            **EVENT,
            "id": f"e{number}",
            "source": f"/s{number % 2}",
            "data": {"month": f"2013-0{number}"},
        }
        await http.post(
            "/api/v1/events",
            content=msgspec.json.encode(event),
            headers={"content-type": "application/cloudevents+json"},
        )

    async def found(**params: str | int) -> list[str]:
        page = (await http.get("/api/v1/events", params=params)).json()
        return [event["event_id"] for event in page["events"]]

    assert await found(source="/s1") == ["e3", "e1"]
    assert await found(id="e2") == ["e2"]
    assert await found(q='"MONTH":"2013-01"') == ["e1"]
    assert await found(q="nowhere") == []
    page = (await http.get("/api/v1/events", params={"source": "/s1", "limit": 1})).json()
    assert await found(source="/s1", limit=1, cursor=page["next"]) == ["e1"]
    times = [one["received_at_us"] for one in (await http.get("/api/v1/events")).json()["events"]]
    assert await found(**{"from": times[2], "before": times[0]}) == ["e2", "e1"]
    detail = (await http.get(f"/api/v1/events/{page['events'][0]['position']}")).json()
    assert [run["event_id"] for run in detail["started"]] == ["e3"]
    back = (await http.get(f"/api/v1/runs/{detail['started'][0]['run_id']}/events")).json()
    assert [event["event_id"] for event in back["events"]] == ["e3"]
