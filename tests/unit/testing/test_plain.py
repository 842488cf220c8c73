"""Tasks and workflows as plain functions."""

from __future__ import annotations

import pytest

from headrace import context
from headrace.context import OutsideTask
from headrace.testing import attempt
from tests.unit.testing.shop import Order, accept, flaky, fulfil, price


def test_a_task_is_its_function() -> None:
    with attempt():
        assert accept(7, ["tea", "tea"]) == Order(7, ["tea"])


def test_a_task_that_asks_for_its_attempt_is_given_one(caplog: pytest.LogCaptureFixture) -> None:
    with attempt(2, run_id="run-9", node="price", item=3) as given:
        assert flaky(failures=1) == 2
        context().log.warning("said")
        assert (given.run_id, given.node, given.item, given.cancelled) == ("run-9", "price", 3, False)
    with attempt(2), pytest.raises(ConnectionError):
        flaky(failures=2)
    assert [record.message for record in caplog.records] == ["said"]


def test_a_cancel_is_seen() -> None:
    with attempt() as given:
        given.cancelled = True
        assert context().cancelled


def test_without_one_the_error_says_how() -> None:
    with pytest.raises(OutsideTask, match=r"headrace\.testing\.attempt"):
        flaky(failures=0)


async def test_an_async_task_gives_its_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr("tests.unit.testing.shop.asyncio.sleep", at_once)
    assert await price.coroutine("tea") == 4.5


def test_a_workflow_is_its_tasks_in_the_order_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr("tests.unit.testing.shop.asyncio.sleep", at_once)
    monkeypatch.setattr("tests.unit.testing.shop.time.sleep", lambda _: None)
    with attempt():
        assert fulfil(7, ["tea"]) == "order 7: 4.50"
