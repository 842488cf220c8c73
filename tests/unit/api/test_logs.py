"""Log lines: pages from everywhere, levels, search, files, and when they are complete."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from headrace_coordinator.queries.logs import GRACE_US
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import Transaction
from headrace_protocol.messages import LogLine
from tests.unit.api.fake_coordinator import FakeCoordinator

pytestmark = pytest.mark.anyio
LEVELS = ["debug", "info", "warning", "error"]


@pytest.fixture
async def url(http: httpx.AsyncClient, store: MemoryStore) -> str:
    run_id = (await http.post("/api/v1/workflows/flights/runs", json={})).json()["run_id"]
    lines = [
        LogLine(
            run_id=run_id if number % 2 else "other",
            node="load",
            attempt=1,
            at_us=1_700_000_000_000_000 + number,
            level=LEVELS[number // 2 % 4],
            message=f"Line {number // 2}",
        )
        for number in range(20)
    ]
    await store.commit(Transaction(logs=lines))
    return f"/api/v1/runs/{run_id}/logs"


async def page(http: httpx.AsyncClient, url: str, **params: str | int) -> dict[str, object]:
    answer = await http.get(url, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(found: dict[str, object]) -> list[int]:
    return [int(one["line"]["message"].split()[1]) for one in found["lines"]]  # type: ignore[attr-defined]


async def test_pages_forwards_and_backwards(http: httpx.AsyncClient, url: str) -> None:
    first = await page(http, url, limit=4)
    assert numbers(first) == [0, 1, 2, 3]
    assert (first["offset"], first["total"], first["previous"], first["last"]) == (0, 10, None, 20)
    second = await page(http, url, limit=4, after=first["next"])
    assert (numbers(second), second["offset"]) == ([4, 5, 6, 7], 4)
    back = await page(http, url, limit=3, before=second["previous"])
    assert (numbers(back), back["offset"], back["next"]) == ([1, 2, 3], 1, first["next"])


async def test_a_page_around_a_line_and_from_a_number(http: httpx.AsyncClient, url: str) -> None:
    assert numbers(await page(http, url, around=12, limit=4)) == [3, 4, 5, 6]
    assert numbers(await page(http, url, around=2, limit=4)) == [0, 1, 2, 3]
    jumped = await page(http, url, offset=7, limit=2)
    assert (numbers(jumped), jumped["offset"]) == ([7, 8], 7)
    beyond = await page(http, url, offset=70)
    assert (beyond["lines"], beyond["offset"]) == ([], 10)


async def test_levels(http: httpx.AsyncClient, url: str) -> None:
    found = await page(http, url, level="warning", limit=3)
    assert (numbers(found), found["total"]) == ([2, 3, 6], 4)
    summary = await page(http, f"{url}/summary")
    assert summary["levels"] == {"debug": 3, "info": 3, "warning": 2, "error": 2}
    assert (summary["total"], summary["first"], summary["last"]) == (10, 2, 20)


async def test_search_over_all_lines(http: httpx.AsyncClient, url: str) -> None:
    found = await page(http, f"{url}/search", q="LINE 3")
    assert found == {"q": "LINE 3", "count": 1, "matches": [{"position": 8, "line": 3}], "more": False}
    filtered = await page(http, f"{url}/search", q="line", level="error")
    assert filtered["matches"] == [{"position": 8, "line": 0}, {"position": 16, "line": 1}]


async def test_files(http: httpx.AsyncClient, url: str) -> None:
    text = await http.get(f"{url}.txt", params={"level": "error"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["content-disposition"].startswith("attachment")
    assert text.text.splitlines()[0] == "2023-11-14T22:13:20.000+00:00 ERROR    load #1 Line 3"
    lines = await http.get(f"{url}.jsonl")
    assert [msgspec.json.decode(line)["position"] for line in lines.text.splitlines()] == list(
        range(2, 21, 2)
    )


async def test_complete_and_yet_a_late_line_appears(
    http: httpx.AsyncClient, url: str, store: MemoryStore, coordinator: FakeCoordinator
) -> None:
    assert not (await page(http, url))["complete"]
    await http.post(url.replace("/logs", "/cancel"))
    assert not (await page(http, url))["complete"]
    coordinator.now_us += GRACE_US
    done = await page(http, url)
    assert (done["complete"], done["last"]) == (True, 20)
    assert not (await page(http, url, limit=4))["complete"]
    late = LogLine(run_id=url.split("/")[4], node="load", attempt=1, at_us=1, level="info", message="Line 99")
    await store.commit(Transaction(logs=[late]))
    assert numbers(await page(http, url, after=done["next"])) == [99]
