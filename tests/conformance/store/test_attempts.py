from headrace_coordinator.store.port import Store
from headrace_coordinator.store.records import Transaction
from tests.conformance.store.samples import attempt, head


async def test_attempts_come_in_the_order_in_which_they_ended(store: Store) -> None:
    ended = [
        attempt(number=1, state="failed"),
        attempt(name="m"),
        attempt(number=2),
        attempt(number=1, state="ignored"),
    ]
    await store.commit(Transaction(runs=[head(), head("r2")], attempts=ended[:2]))
    await store.commit(Transaction(attempts=[attempt("r2"), *ended[2:]]))
    assert await store.attempts("r1", None, 0, 10) == ended
    assert await store.attempts("r1", None, 1, 2) == ended[1:3]
    assert await store.attempts("r1", "n", 0, 10) == [ended[0], *ended[2:]]
    assert await store.attempts("r1", "n", 1, 1) == [ended[2]]
    assert await store.attempts("r2", None, 0, 10) == [attempt("r2")]
    assert await store.attempts("gone", None, 0, 10) == []


async def test_item_results_come_in_the_order_of_the_items(store: Store) -> None:
    await store.commit(
        Transaction(
            runs=[head()],
            attempts=[
                *(attempt(item=item) for item in (7, 3, 0, 1_000_000, 5)),
                attempt(item=4, state="failed"),
                attempt(name="m", item=1),
                attempt(),
            ],
        )
    )
    found = await store.item_results("r1", "n", 0, 10)
    assert found == [attempt(item=item) for item in (0, 3, 5, 7, 1_000_000)]
    assert await store.item_results("r1", "n", 4, 2) == [attempt(item=5), attempt(item=7)]
    assert await store.item_results("gone", "n", 0, 10) == []


async def test_the_latest_success_of_an_item_is_its_result(store: Store) -> None:
    await store.commit(Transaction(runs=[head()], attempts=[attempt(item=1), attempt(item=2)]))
    await store.commit(Transaction(attempts=[attempt(item=1, number=2, state="failed")]))
    await store.commit(Transaction(attempts=[attempt(item=1, number=3)]))
    found = await store.item_results("r1", "n", 0, 1)
    assert found == [attempt(item=1, number=3)]
    assert [done.item for done in await store.item_results("r1", "n", 0, 2)] == [1, 2]
