"""What keeps large results, and what is told of those that nothing keeps."""

import msgspec

from headrace_coordinator.store.port import RetentionPolicy, Store
from headrace_coordinator.store.records import (
    HolderKind,
    NodeRow,
    ReleasedResult,
    ResultReference,
    Transaction,
)
from headrace_protocol.messages import Result, Stored
from tests.conformance.store.samples import DAY_US, NOW_US, attempt, finished, head, node

POLICY = RetentionPolicy()
OLD_US = NOW_US - 100 * DAY_US
FAR_US = NOW_US * 2


def uri(name: str) -> str:
    return f"nats://bucket/{name}"


def result(name: str) -> Result:
    return Result(stored=Stored(uri(name), 7, "d"))


def written(run_id: str, at_us: int = NOW_US) -> Transaction:
    """A run with a large result of an item, one of a node, and an input that was stored for a message."""
    row = node(run_id)
    kept = NodeRow(run_id, row.name, msgspec.structs.replace(row.node, result=result(f"{run_id}/n/1/a")))
    item = msgspec.structs.replace(attempt(run_id, "m", item=3), result=result(f"{run_id}/m/3/1/b"))
    return Transaction(
        runs=[finished(run_id, at_us)],
        nodes=[kept],
        attempts=[item, attempt(run_id)],
        references=[ResultReference(uri(f"{run_id}/n/1/input-c"), HolderKind.RUN, run_id)],
    )


def results_of(run_id: str) -> list[tuple[str, str]]:
    names = (f"{run_id}/n/1/a", f"{run_id}/m/3/1/b", f"{run_id}/n/1/input-c")
    return [(uri(name), run_id) for name in names]


async def test_results_are_kept_by_their_run_and_released_with_it(store: Store) -> None:
    await store.commit(written("r1", OLD_US))
    await store.commit(written("r2"))
    everything = results_of("r1") + results_of("r2")
    assert await store.strayed_results(everything) == []
    assert await store.released_results(FAR_US, None, 10) == []
    await store.prune(POLICY, NOW_US, 100)
    released = sorted(name for name, _ in results_of("r1"))
    assert await store.released_results(NOW_US + 1, None, 10) == [
        ReleasedResult(name, NOW_US) for name in released
    ]
    assert await store.released_results(NOW_US, None, 10) == [], "not before its time"
    assert await store.strayed_results(everything) == [], "what was released is not told twice"
    await store.commit(Transaction(results_deleted=released[:2]))
    assert [one.uri for one in await store.released_results(FAR_US, None, 10)] == released[2:]


async def test_released_results_come_in_pages(store: Store) -> None:
    await store.commit(written("r1", OLD_US))
    await store.prune(POLICY, NOW_US, 100)
    first = await store.released_results(FAR_US, None, 2)
    rest = await store.released_results(FAR_US, first[-1], 2)
    assert [one.uri for one in (*first, *rest)] == sorted(name for name, _ in results_of("r1"))


async def test_what_two_runs_need_is_kept_until_both_are_gone(store: Store) -> None:
    shared = ResultReference(uri("shared"), HolderKind.RUN, "r1")
    other = msgspec.structs.replace(shared, holder="r2")
    await store.commit(
        Transaction(runs=[finished("r1", OLD_US), finished("r2")], references=[shared, other, shared])
    )
    await store.prune(POLICY, NOW_US, 100)
    assert await store.released_results(FAR_US, None, 10) == []
    await store.prune(POLICY, NOW_US + 40 * DAY_US, 100)
    assert [one.uri for one in await store.released_results(FAR_US, None, 10)] == [uri("shared")]


async def test_what_is_needed_again_is_not_released(store: Store) -> None:
    await store.commit(written("r1", OLD_US))
    await store.prune(POLICY, NOW_US, 100)
    again = ResultReference(uri("r1/n/1/a"), HolderKind.RUN, "r2")
    await store.commit(Transaction(runs=[head("r2")], references=[again]))
    assert uri("r1/n/1/a") not in [one.uri for one in await store.released_results(FAR_US, None, 10)]


async def test_strays_are_results_of_runs_that_are_or_were_known(store: Store) -> None:
    await store.commit(Transaction(runs=[head("r1"), finished("r2", OLD_US)]))
    await store.prune(POLICY, NOW_US, 100)
    found = [(uri("a"), "r1"), (uri("b"), "r2"), (uri("c"), "never")]
    assert await store.strayed_results(found) == [uri("a"), uri("b")]


async def test_a_run_with_many_results_goes_in_rounds(store: Store) -> None:
    many = [ResultReference(uri(f"r1/{number:02}"), HolderKind.RUN, "r1") for number in range(25)]
    await store.commit(Transaction(runs=[finished("r1", OLD_US)], references=many))
    assert [await store.prune(POLICY, NOW_US, 10) for _ in range(4)] == [10, 10, 6, 0]
    assert len(await store.released_results(FAR_US, None, 100)) == 25
