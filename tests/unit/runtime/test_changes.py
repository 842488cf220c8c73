"""Committed history, told to whoever listens."""

import pytest

from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.runtime import changes as module
from headrace_coordinator.runtime.changes import Changes
from headrace_protocol.messages import LifecycleBatch


def entry(position: int) -> LifecycleBatch:
    return LifecycleBatch(position=position, run_id="r", workflow="w", events=())


def head_of(run_id: str) -> RunHead:
    return RunHead(run_id=run_id, workflow="w", version="v", shard=0)


def test_positions_go_on_where_the_store_is() -> None:
    changes = Changes()
    changes.resume(9)
    assert [changes.next_position(), changes.next_position(), changes.position] == [10, 11, 11]


async def test_listeners_hear_what_comes_after_them() -> None:
    changes = Changes()
    changes.tell([entry(1)], head_of)
    async with changes.listen() as first:
        changes.tell([entry(2)], head_of)
        async with changes.listen() as second:
            changes.tell([entry(3), entry(4)], head_of)
            changes.close()
            assert [batch.position async for batch in first] == [2, 3, 4]
            assert [batch.position async for batch in second] == [3, 4]


async def test_a_slow_listener_is_cut_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKLOG", 3)
    changes = Changes()
    async with changes.listen() as slow, changes.listen() as quick:
        heard = []
        for position in range(1, 6):
            changes.tell([entry(position)], head_of)
            heard.append((await anext(quick)).position)
        assert heard == [1, 2, 3, 4, 5]
        assert [batch.position async for batch in slow] == [1, 2, 3]


async def test_who_has_left_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = Changes()
    async with changes.listen():
        pass
    changes.tell([entry(1)], head_of)
    assert not changes._listeners
