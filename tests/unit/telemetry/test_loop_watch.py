"""A loop that is held is told, with who holds it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from headrace_coordinator.telemetry.loop_watch import HELD_S, LoopWatch


@pytest.fixture
async def watch() -> AsyncIterator[LoopWatch]:
    made = LoopWatch()
    made.start()
    yield made
    made.stop()


def somebody_holds_it(for_s: float) -> None:
    time.sleep(for_s)


async def test_who_holds_the_loop_is_named_once(watch: LoopWatch, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.sleep(0.2)
    somebody_holds_it(HELD_S + 1.0)
    await asyncio.sleep(0.2)
    told = [record.getMessage() for record in caplog.records if record.name == "headrace.loop"]
    assert len(told) == 1
    assert "somebody_holds_it" in told[0]


async def test_a_loop_that_goes_round_is_not_mentioned(
    watch: LoopWatch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "headrace_coordinator.telemetry.loop_watch.HELD_S", 5.0
    )  # a busy machine holds it, too
    await asyncio.sleep(1.0)
    assert not [record for record in caplog.records if record.name == "headrace.loop"]
