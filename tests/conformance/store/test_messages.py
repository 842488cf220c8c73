import pytest

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.store.port import Store
from headrace_coordinator.store.records import Timer, Transaction
from headrace_protocol.errors import Conflict
from tests.conformance.store.samples import batch, schedule, timer


async def test_the_outbox_is_in_order_of_the_sequence(store: Store) -> None:
    await store.commit(Transaction(outbox=[batch(3), batch(1), batch(2, shard=1)]))
    assert await store.outbox(0) == [batch(1), batch(3)]
    assert await store.outbox(1) == [batch(2, shard=1)]
    await store.commit(Transaction(outbox_confirmed=[1, 2]))
    assert await store.outbox(0) == [batch(3)]
    assert await store.outbox(1) == []


async def test_the_outbox_sequence_never_goes_back(store: Store) -> None:
    assert await store.last_outbox_sequence() == 0
    await store.commit(Transaction(outbox=[batch(5), batch(9)]))
    await store.commit(Transaction(outbox_confirmed=[9]))
    assert await store.last_outbox_sequence() == 9
    await store.commit(Transaction(outbox_confirmed=[5, 9]))
    assert await store.last_outbox_sequence() == 9
    await store.commit(Transaction(outbox=[batch(10)]))
    await store.commit(Transaction(outbox=[batch(11)], outbox_confirmed=[10, 11]))
    assert await store.last_outbox_sequence() == 11
    assert await store.outbox(0) == []


async def test_a_sequence_is_used_once(store: Store) -> None:
    await store.commit(Transaction(outbox=[batch(1)]))
    with pytest.raises(Conflict):
        await store.commit(Transaction(outbox=[batch(1, shard=1)]))
    assert await store.outbox(0) == [batch(1)]


async def test_timers_are_due_in_order(store: Store) -> None:
    timers = [timer("c", 30), timer("a", 10), timer("b", 20, item=2), timer("b", 20), timer("b", 20, item=0)]
    await store.commit(Transaction(timers=[*timers, timer("x", 5, shard=1)]))
    in_order = [timers[1], timers[3], timers[4], timers[2], timers[0]]
    assert await store.due_timers(0, 100, 10) == in_order
    assert await store.due_timers(0, 20, 10) == in_order[:4]
    assert await store.due_timers(0, 20, 2) == in_order[:2]
    assert await store.due_timers(0, 9, 10) == []
    assert await store.next_timer_us(0) == 10
    assert await store.next_timer_us(1) == 5
    assert await store.next_timer_us(2) is None


async def test_setting_a_timer_that_exists_moves_it(store: Store) -> None:
    await store.commit(Transaction(timers=[timer(due_us=10)]))
    await store.commit(Transaction(timers=[timer(due_us=50, shard=1)]))
    assert await store.due_timers(0, 100, 10) == []
    assert await store.due_timers(1, 100, 10) == [timer(due_us=50, shard=1)]


async def test_dropping_timers(store: Store) -> None:
    keys = [TimerKey("r1", kind, name) for kind in ("retry", "deadline") for name in ("", "n")]
    await store.commit(Transaction(timers=[Timer(0, key, 1) for key in keys]))
    await store.commit(Transaction(timers_dropped=[*keys[1:], TimerKey("r1", "never", "set")]))
    assert await store.due_timers(0, 1, 10) == [Timer(0, keys[0], 1)]
    await store.commit(Transaction(timers_dropped=[keys[0]], timers=[Timer(0, keys[0], 2)]))
    assert await store.due_timers(0, 9, 10) == [Timer(0, keys[0], 2)]


async def test_schedules(store: Store) -> None:
    await store.commit(Transaction(schedules=[schedule("w"), schedule("v"), schedule("w", "s")]))
    await store.commit(Transaction(schedules=[schedule("w", next_us=5)], schedules_dropped=[("w", "s")]))
    assert await store.schedules() == [schedule("v"), schedule("w", next_us=5)]
