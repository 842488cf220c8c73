"""Dead letters: listed, searched, redriven and discarded, one by one and together."""

from __future__ import annotations

import httpx
import pytest

from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import DeadLetter, Transaction
from headrace_protocol.errors import ErrorInfo

pytestmark = pytest.mark.anyio
URL = "/api/v1/dead-letters"


@pytest.fixture(autouse=True)
async def letters(store: MemoryStore) -> None:
    await store.commit(
        Transaction(
            dead_letters=[
                DeadLetter(
                    letter_id=f"l{number}",
                    received_at_us=7,
                    subject=f"hr.test.in.{number}.outcome.x",
                    headers={},
                    body=b"text" if number else b"\xff",
                    error=ErrorInfo(code="protocol.malformed", message=f"no {number}"),
                )
                for number in range(3)
            ]
        )
    )


async def listed(http: httpx.AsyncClient, **params: str | int) -> list[str]:
    page = (await http.get(URL, params=params)).json()
    return [letter["letter_id"] for letter in page["dead_letters"]]


async def test_pages_and_bodies(http: httpx.AsyncClient) -> None:
    page = (await http.get(URL, params={"limit": 2})).json()
    assert [letter["letter_id"] for letter in page["dead_letters"]] == ["l2", "l1"]
    assert page["dead_letters"][0]["body"] is None
    assert await listed(http, cursor=page["next"]) == ["l0"]
    assert (await http.get(f"{URL}/l1")).json()["body"] == "text"
    assert (await http.get(f"{URL}/l0")).json()["body_base64"] == "/w=="


async def test_one_is_redriven_and_one_discarded_with_the_reason(http: httpx.AsyncClient) -> None:
    redriven = await http.post(f"{URL}/l1/redrive", json={"by": "me"})
    assert (redriven.status_code, redriven.json()["state"], redriven.json()["by"]) == (200, "redriven", "me")
    discarded = await http.post(f"{URL}/l0/discard", json={"reason": "a test"})
    assert (discarded.json()["state"], discarded.json()["reason"]) == ("discarded", "a test")
    again = await http.post(f"{URL}/l0/discard")
    assert (again.status_code, again.json()["found"]) == (409, "discarded")
    assert await listed(http, state="open") == ["l2"]
    assert await listed(http, state="discarded") == ["l0"]
    assert await listed(http, q="NO 1") == ["l1"]


async def test_a_preview_names_those_that_are_then_taken(http: httpx.AsyncClient) -> None:
    preview = (await http.post(f"{URL}/redrive", json={"where": {}, "preview": True})).json()
    assert (preview["count"], preview["letter_ids"], preview["done"]) == (3, ["l2", "l1", "l0"], [])
    assert await listed(http, state="open") == ["l2", "l1", "l0"]
    some = (await http.post(f"{URL}/redrive", json={"letter_ids": ["l2", "gone"]})).json()
    assert some["done"] == ["l2"]
    assert [(one["letter_id"], one["error"]["code"]) for one in some["failed"]] == [
        ("gone", "request.not_found")
    ]
    rest = (await http.post(f"{URL}/discard", json={"where": {"q": "no"}, "reason": "old"})).json()
    assert rest["done"] == ["l1", "l0"]
    assert await listed(http, state="open") == []
