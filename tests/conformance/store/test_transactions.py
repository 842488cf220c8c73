import asyncio

import msgspec
import pytest

from headrace_coordinator.store.port import FenceLost, RunFilter, Store
from headrace_coordinator.store.records import ShardFence, Transaction
from headrace_protocol.errors import Conflict, HeadraceError, Unavailable
from tests.conformance.store.dump import dump
from tests.conformance.store.samples import NOW_US, attempt, batch, everything, head, history, node


def changed(**parts: object) -> Transaction:
    """A transaction that changes every table, with the parts given on top."""
    other = everything()
    other.runs[0] = head(nodes_done=9)
    return msgspec.structs.replace(other, **{"outbox": [batch(2)], "history": [history(2)], **parts})


@pytest.mark.parametrize(
    "refused",
    [
        changed(history=[history(2), history(1)]),
        changed(outbox=[batch(2), batch(1)]),
        changed(nodes=[node(attempt=5), node("gone")]),
        changed(attempts=[attempt("gone")]),
    ],
    ids=["position", "sequence", "node", "attempt"],
)
async def test_a_refused_transaction_leaves_no_trace(store: Store, refused: Transaction) -> None:
    await store.commit(everything())
    before = await dump(store)
    with pytest.raises(HeadraceError):
        await store.commit(refused)
    assert await dump(store) == before
    await store.commit(changed())
    after = await dump(store)
    assert after != before
    assert after["last_position"] == 2


async def test_a_refused_first_transaction_leaves_an_empty_store(store: Store) -> None:
    before = await dump(store)
    refused = everything()
    refused.history.append(history(1))
    with pytest.raises(Conflict):
        await store.commit(refused)
    assert await dump(store) == before
    await store.commit(everything())


async def test_transactions_that_wait_together_fail_alone(store: Store) -> None:
    await store.commit(Transaction(runs=[head()], history=[history(1)]))
    turns = [Transaction(nodes=[node(name=f"n{number}", attempt=number)]) for number in range(1, 30)]
    turns[3] = Transaction(runs=[head("lost")], nodes=[node("lost")], history=[history(1)])
    turns[7] = Transaction(fence=ShardFence(0, 1), nodes=[node(name="fenced")])
    turns[9] = Transaction(nodes=[node("lost", "x")])
    done = await asyncio.gather(*(store.commit(turn) for turn in turns), return_exceptions=True)
    failed = {number for number, result in enumerate(done) if result is not None}
    assert failed == {3, 7, 9}
    assert isinstance(done[7], FenceLost)
    stored = await store.run("r1")
    assert stored is not None
    assert set(stored.nodes) == {f"n{number + 1}" for number in range(29)} - {"n4", "n8", "n10"}
    assert await store.run("lost") is None


async def test_transactions_that_wait_together_keep_their_order(store: Store) -> None:
    turns = [Transaction(runs=[head(nodes_done=number)], cursors={"c": number}) for number in range(50)]
    await asyncio.gather(*(store.commit(turn) for turn in turns))
    stored = await store.run("r1")
    assert stored is not None
    assert stored.head.nodes_done == await store.cursor("c") == 49


async def test_what_was_committed_is_seen_at_once(store: Store) -> None:
    for number in range(1, 50):
        await store.commit(Transaction(runs=[head(nodes_done=number)], nodes=[node(attempt=number)]))
        stored = await store.run("r1")
        assert stored is not None
        assert stored.head.nodes_done == stored.nodes["n"].attempt == number


async def test_readers_see_a_turn_whole(store: Store) -> None:
    await store.commit(Transaction(runs=[head(nodes_done=0)], nodes=[node(attempt=0)]))

    async def write() -> None:
        for number in range(1, 100):
            await store.commit(Transaction(runs=[head(nodes_done=number)], nodes=[node(attempt=number)]))

    writing = asyncio.create_task(write())
    while not writing.done():
        stored = await store.run("r1")
        assert stored is not None
        assert stored.head.nodes_done == stored.nodes["n"].attempt
        await asyncio.sleep(0)
    await writing


async def test_the_store_shares_no_objects_with_its_callers(store: Store) -> None:
    given = everything()
    writing = asyncio.ensure_future(store.commit(given))
    await asyncio.sleep(0)
    given.runs[0].nodes_done = 99
    given.runs[0].labels["new"] = "label"
    given.nodes[0].node.attempt = 99
    await writing
    before = await dump(store)
    stored = await store.run("r1")
    assert stored is not None
    assert stored.head == head()
    stored.head.labels["other"] = "label"
    stored.nodes["n"].attempt = 98
    (listed,) = await store.runs(RunFilter(), None, 10)
    listed.nodes_done = 98
    (told,) = await store.history("r1", 0, 10)
    told.events[0].data["x"] = "changed"
    (kept,) = await store.spans("t1")
    kept.attributes.clear()
    assert await dump(store) == before


async def test_leases_and_fences(store: Store) -> None:
    now_us, second = NOW_US, 1_000_000
    fence = await store.acquire_shard(0, "a", 10.0, now_us)
    assert fence == ShardFence(0, 1)
    assert await store.acquire_shard(1, "b", 10.0, now_us) == ShardFence(1, 1)
    assert await store.acquire_shard(0, "b", 10.0, now_us + 9 * second) is None
    assert await store.acquire_shard(0, "a", 10.0, now_us + 9 * second) == fence
    await store.commit(Transaction(fence=fence, cursors={"c": 1}))
    assert await store.acquire_shard(0, "b", 10.0, now_us + 18 * second) is None
    taken = await store.acquire_shard(0, "b", 10.0, now_us + 19 * second)
    assert taken == ShardFence(0, 2)
    with pytest.raises(FenceLost):
        await store.commit(Transaction(fence=fence, cursors={"c": 2}))
    assert await store.cursor("c") == 1
    await store.commit(Transaction(fence=taken, cursors={"c": 3}))
    await store.release_shard(fence)
    await store.commit(Transaction(fence=taken, cursors={"c": 4}))
    await store.release_shard(taken)
    with pytest.raises(FenceLost):
        await store.commit(Transaction(fence=taken, cursors={"c": 5}))
    assert await store.acquire_shard(0, "b", 10.0, now_us) == ShardFence(0, 3)
    assert await store.cursor("c") == 4


async def test_a_coordinator_that_starts_again_need_not_wait_for_the_lease_of_the_one_before(
    store: Store,
) -> None:
    fence = await store.acquire_shard(0, "a", 1e6, NOW_US)
    await store.close()
    await store.open()
    with pytest.raises(FenceLost):
        await store.commit(Transaction(fence=fence))
    assert await store.acquire_shard(0, "b", 1e6, NOW_US) == ShardFence(0, 2)


async def test_a_shard_that_was_never_acquired_has_no_fence(store: Store) -> None:
    with pytest.raises(FenceLost):
        await store.commit(Transaction(fence=ShardFence(5, 1)))


async def test_closing_writes_what_waits(store: Store) -> None:
    commits = [
        asyncio.ensure_future(store.commit(Transaction(cursors={f"c{number}": 1}))) for number in range(20)
    ]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*commits)
    with pytest.raises(Unavailable):
        await store.commit(Transaction())
    with pytest.raises(Unavailable):
        await store.cursor("c0")
    await store.close()
    await store.open()
    assert [await store.cursor(f"c{number}") for number in range(20)] == [1] * 20
    await store.acquire_shard(0, "a", 1.0, 0)
