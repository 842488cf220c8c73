"""Orders about workflows: what they stop, what they keep, and what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.runtime.orders import OrderKind
from headrace_coordinator.service import replay
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import LetterFilter, RetentionPolicy, RunFilter
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.definition import EventTrigger, EveryTrigger
from headrace_protocol.errors import Conflict, NotFound
from tests.unit.service.running import EVENT, Running, member, running, workflow

RETIRE, RESTORE, DELETE = OrderKind.RETIRE, OrderKind.RESTORE, OrderKind.DELETE
ROLLBACK, PAUSE, RESUME = OrderKind.ROLLBACK, OrderKind.PAUSE, OrderKind.RESUME
HOURLY = EveryTrigger(id="hourly", every_s=3600.0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def live(store: MemoryStore) -> AsyncIterator[Running]:
    async with running(store) as started:
        await started.deploy(
            member(workflow("shop", EVENT, HOURLY)), member(workflow("other", EVENT), "b.py")
        )
        yield started


async def test_a_retired_workflow_starts_nothing_and_finishes_its_runs(live: Running) -> None:
    (run_id, _) = await live.publish("e1")
    reply = await live.order(RETIRE, "shop")
    assert reply.effects == (
        "its 2 triggers fire nothing any more",
        "1 open run goes on to the end",
        "starting it by hand is refused until somebody restores it",
    )
    assert await live.store.schedules() == []
    await live.publish("e2")
    assert await live.events_of("shop") == ["e1"]
    assert await live.events_of("other") == ["e1", "e2"]
    with pytest.raises(Conflict, match="the workflow is retired by ada: test"):
        await live.start("shop")
    run = await live.store.run(run_id)
    assert run is not None
    assert run.head.state == "running"
    assert not (await live.order(RETIRE, "shop")).changed
    await live.order(RESTORE, "shop")
    assert [one.workflow for one in await live.store.schedules()] == ["shop"]
    await live.publish("e3")
    assert await live.events_of("shop") == ["e1", "e3"]
    assert await live.kinds("shop") == ["restored", "retired", "deployed"]


async def test_an_operators_retirement_outlasts_a_deploy_and_a_restart(store: MemoryStore) -> None:
    async with running(store) as live:
        await live.deploy(member(workflow("shop", EVENT, HOURLY)))
        await live.order(RETIRE, "shop")
        reply = await live.deploy(member(workflow("shop", EVENT, HOURLY, doc="new")))
        assert "it stays retired by ada: test" in reply.results[0].notes[0]
    async with running(store) as live:
        assert await live.publish("e1") == ()
        assert await live.store.schedules() == []


async def test_a_workflow_with_open_runs_is_not_deleted(live: Running) -> None:
    await live.start("shop")
    with pytest.raises(Conflict, match="the workflow has open runs") as refused:
        await live.order(DELETE, "shop")
    assert "1 open run" in refused.value.found
    await live.publish("e1")
    assert await live.events_of("shop") == ["", "e1"]
    for one in [head.run_id for head in await live.store.runs(RunFilter(workflow="shop"), None, 10)]:
        await live.cancel(one)
    await live.order(DELETE, "shop")
    with pytest.raises(NotFound):
        await live.start("shop")
    assert await live.store.definition("shop", None) is None
    assert (await live.kinds("shop"))[0] == "deleted"
    assert await live.events_of("other") == ["e1"]


def _all(name: str):  # type: ignore[no-untyped-def]
    from headrace_coordinator.store.port import RunFilter

    return RunFilter(workflow=name)


async def test_runs_of_a_deleted_workflow_keep_their_definition_until_retention(live: Running) -> None:
    for run_id in await live.publish("e1"):
        await live.cancel(run_id)
    version = (await live.store.definitions())[1].version
    await live.order(DELETE, "shop")
    (head,) = await live.store.runs(RunFilter(workflow="shop"), None, 10)
    with pytest.raises(Conflict, match="the workflow was deleted"):
        await live.coordinator.retry(RetryRun(head.run_id, "", ""))
    assert await live.store.definition("shop", version) is not None
    later_us = head.created_at_us + 10**12
    await live.store.prune(RetentionPolicy(runs_s=1.0), later_us, 100)
    await live.store.prune(RetentionPolicy(runs_s=1.0), later_us, 100)
    assert await live.store.definition("shop", version) is None
    assert [state.workflow for state in await live.store.workflow_states()] == ["other"]


async def test_an_event_of_a_deleted_workflow_starts_nothing_again(live: Running) -> None:
    """Its id is remembered, so a workflow of the name that comes later does not run it a second time (I2)."""
    for run_id in await live.publish("e1"):
        await live.cancel(run_id)
    await live.order(DELETE, "shop")
    await live.deploy(member(workflow("shop", EVENT)))
    await live.publish("e1")
    await live.publish("e2")
    assert await live.events_of("shop") == ["e1", "e2"]


async def test_an_earlier_version_becomes_current_again(live: Running) -> None:
    first = await live.store.definition("shop", None)
    await live.deploy(member(workflow("shop", EVENT, doc="worse")))
    reply = await live.order(ROLLBACK, "shop")
    assert reply.changed
    now = await live.store.definition("shop", None)
    assert first is not None
    assert now is not None
    assert now.version == first.version
    assert [one.trigger for one in await live.store.schedules()] == ["hourly"]
    assert not (await live.order(ROLLBACK, "shop", version=first.version[:8])).changed
    with pytest.raises(NotFound, match="no such version"):
        await live.order(ROLLBACK, "shop", version="ffff")


async def test_a_dry_run_says_what_happens_and_does_nothing(live: Running) -> None:
    for kind in (RETIRE, DELETE, PAUSE):
        said = await live.order(kind, "shop", dry_run=True)
        assert said.changed
    assert await live.kinds("shop") == ["deployed"]
    assert len(await live.publish("e1")) == 2


async def test_a_paused_trigger_keeps_what_arrives_and_goes_on_where_it_was(store: MemoryStore) -> None:
    async with running(store) as live:
        await live.deploy(member(workflow("shop", EVENT)), member(workflow("other", EVENT), "b.py"))
        await live.publish("before")
        await live.order(PAUSE, "shop", trigger="placed")
        for number in range(5):
            await live.publish(f"e{number}", n=number)
        assert await live.events_of("shop") == ["before"]
        assert await live.events_of("other") == ["before", "e1", "e2", "e3", "e4"]
    async with running(store) as live:
        await live.publish("e5")
        assert await live.events_of("shop") == ["before"]
        said = await live.order(RESUME, "shop", trigger="placed", dry_run=True)
        assert "6 events of type orders.placed" in said.effects[0]
        await live.order(RESUME, "shop", trigger="placed")
        await live.resumed("shop")
        assert sorted(await live.events_of("shop")) == ["before", "e1", "e2", "e3", "e4", "e5"]
        event = await live.store.event("/t", "e4")
        assert event is not None
        assert len(event.runs) == 2
        await live.publish("after")
        assert "after" in await live.events_of("shop")


async def test_a_failure_during_replay_is_a_dead_letter_of_that_trigger(live: Running) -> None:
    await live.order(RETIRE, "other")
    await live.order(PAUSE, "shop", trigger="placed")
    odd = CloudEvent(id="odd", source="/t", type="orders.placed", data={"n": None})
    await live.coordinator.events([odd])
    await live.publish("e1")
    await live.order(RESUME, "shop", trigger="placed")
    await live.resumed("shop")
    assert await live.events_of("shop") == ["e1"]
    letters = await live.store.dead_letters(LetterFilter(), None, 10)
    assert ["shop" in letter.error.where for letter in letters] == [True]


def _without_n():  # type: ignore[no-untyped-def]
    from headrace_protocol.cloudevent import CloudEvent

    return CloudEvent(id="odd", source="/t", type="orders.placed", data={"n": None})


async def test_pages_of_kept_events_are_each_given_once(
    live: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 3)
    await live.order(PAUSE, "shop")
    for number in range(10):
        await live.publish(f"e{number}")
    await live.order(RESUME, "shop")
    await live.resumed("shop")
    assert sorted(await live.events_of("shop")) == [f"e{number}" for number in range(10)]


async def test_a_life_that_ends_while_resuming_is_followed_by_one_that_goes_on(store: MemoryStore) -> None:
    async with running(store) as live:
        await live.deploy(member(workflow("shop", EVENT)))
        await live.order(PAUSE, "shop")
        for number in range(10):
            await live.publish(f"e{number}")
        await live.coordinator._replayer.stop()
        await live.order(RESUME, "shop")
        assert await live.events_of("shop") == []
    async with running(store) as live:
        await live.resumed("shop")
        assert sorted(await live.events_of("shop")) == [f"e{number}" for number in range(10)]


async def test_pausing_a_workflow_pauses_what_is_deployed_later_from_then_on(live: Running) -> None:
    await live.order(PAUSE, "other")
    await live.publish("e1")
    late = EventTrigger(id="late", type="orders.placed", params={"a": "1"})
    reply = await live.deploy(member(workflow("other", EVENT, late), "b.py"))
    assert "it stays paused" in reply.results[0].notes[0]
    await live.publish("e2")
    await live.order(RESUME, "other")
    await live.resumed("other")
    heads = await live.store.runs(RunFilter(workflow="other"), None, 10)
    assert sorted((head.event_id, head.trigger) for head in heads) == [
        ("e1", "event:placed"),
        ("e2", "event:late"),
        ("e2", "event:placed"),
    ]


async def test_a_trigger_paused_by_itself_stays_so_when_its_workflow_is_resumed(live: Running) -> None:
    await live.order(PAUSE, "shop", trigger="hourly")
    await live.order(PAUSE, "shop")
    with pytest.raises(Conflict, match="the whole workflow is paused"):
        await live.order(RESUME, "shop", trigger="placed")
    await live.order(RESUME, "shop")
    for _ in range(1000):
        (state,) = [one for one in await live.store.workflow_states() if one.workflow == "shop"]
        if "placed" not in state.holds:
            break
        await asyncio.sleep(0.001)
    assert list(state.holds) == ["hourly"]
    assert state.paused is None
    with pytest.raises(NotFound, match="no such trigger"):
        await live.order(PAUSE, "shop", trigger="nothing")
