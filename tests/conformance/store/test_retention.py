import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.store.port import (
    REMEMBERED_S,
    LetterFilter,
    LogFilter,
    RetentionPolicy,
    RunFilter,
    Store,
)
from headrace_coordinator.store.records import Tally, TallyKind, Transaction
from tests.conformance.store.dump import dump
from tests.conformance.store.samples import (
    DAY_US,
    NOW_US,
    attempt,
    event,
    everything,
    finished,
    head,
    history,
    letter,
    line,
    node,
    span,
)

POLICY = RetentionPolicy()
OLD_US = NOW_US - 100 * DAY_US


async def test_nothing_young_is_pruned(store: Store) -> None:
    young = everything()
    young.runs = [finished("r1")]
    await store.commit(young)
    before = await dump(store)
    assert await store.prune(POLICY, NOW_US, 100) == 0
    assert await dump(store) == before


async def test_a_run_goes_with_all_that_hangs_on_it(store: Store) -> None:
    await store.commit(
        Transaction(
            runs=[finished("r1", OLD_US), finished("r2", NOW_US)],
            nodes=[node(), node("r2")],
            attempts=[attempt(), attempt(item=1), attempt("r2")],
            history=[history(1), history(2, "r2"), history(3)],
            logs=[line(), line("r2")],
        )
    )
    kept = await dump(store, runs=("r2",))
    assert await store.prune(POLICY, NOW_US, 100) == 7
    assert await store.run("r1") is None
    assert await store.attempts("r1", None, 0, 10) == []
    assert await store.item_results("r1", "n", 0, 10) == []
    assert await store.logs(LogFilter("r1"), 0, 10) == []
    assert [found.position for found in await store.history(None, 0, 10)] == [2]
    assert (await dump(store, runs=("r2",)))["r2"] == kept["r2"]
    assert await store.count_runs() == {("w", RunState.SUCCEEDED): 1}
    await store.commit(Transaction(runs=[head("r1")], nodes=[node()], attempts=[attempt(number=7)]))
    assert await store.attempts("r1", None, 0, 10) == [attempt(number=7)]
    assert await store.attempts("r2", None, 0, 10) == [attempt("r2")]


async def test_an_unfinished_run_stays_however_old(store: Store) -> None:
    await store.commit(Transaction(runs=[head(created_at_us=0)], nodes=[node()], history=[history(1)]))
    before = await dump(store)
    assert await store.prune(POLICY, NOW_US, 100) == 0
    assert await dump(store) == before


async def test_a_long_run_is_kept_from_its_end_on(store: Store) -> None:
    await store.commit(Transaction(runs=[finished("r1", OLD_US, finished_at_us=NOW_US - DAY_US)]))
    assert await store.prune(POLICY, NOW_US, 100) == 0
    assert await store.prune(POLICY, NOW_US + 30 * DAY_US, 100) == 1


async def test_a_large_run_goes_in_rounds(store: Store) -> None:
    await store.commit(
        Transaction(
            runs=[finished("r1", OLD_US)],
            nodes=[node()],
            attempts=[attempt(item=item) for item in range(25)],
        )
    )
    deleted = [await store.prune(POLICY, NOW_US, 10) for _ in range(4)]
    assert deleted == [11, 10, 6, 0]
    assert await store.run("r1") is None


async def test_other_kinds_go_by_their_age(store: Store) -> None:
    old, young = OLD_US, NOW_US
    await store.commit(
        Transaction(
            events=[event("a", old), event("b", old), event("c", young)],
            dead_letters=[letter("a", old), letter("b", young)],
            logs=[line(at_us=old), line(at_us=young), line(at_us=old)],
            spans=[span("a", start_us=old), span("b", start_us=young), span("c", "t2", old)],
        )
    )
    assert await store.prune(POLICY, NOW_US, 1) == 4
    assert await store.prune(POLICY, NOW_US, 10) == 3
    assert await store.prune(POLICY, NOW_US, 10) == 0
    assert [found.event_id for found in await store.events(None, None, 10)] == ["c"]
    assert await store.event("/s", "a") is None
    assert [found.letter_id for found in await store.dead_letters(LetterFilter(), None, 10)] == ["b"]
    assert [found.position for found in await store.logs(LogFilter("r1"), 0, 10)] == [2]
    assert [found.span_id for found in await store.spans("t1")] == ["b"]
    assert await store.spans("t2") == []


async def test_the_id_of_a_run_is_remembered_longer_than_the_run(store: Store) -> None:
    async def pruned() -> frozenset[str]:
        return (await store.load(["r1", "r2", "r3"])).pruned

    await store.commit(Transaction(runs=[finished("r1", OLD_US), finished("r2")]))
    assert await pruned() == frozenset()
    await store.prune(POLICY, NOW_US, 100)
    assert await store.run("r1") is None
    assert await pruned() == {"r1"}
    last_us = NOW_US + round(REMEMBERED_S * 1e6)
    await store.prune(POLICY, last_us, 100)
    assert await pruned() == {"r1", "r2"}
    assert await store.prune(POLICY, last_us + 1, 100) == 1
    assert await pruned() == {"r2"}


async def test_positions_do_not_go_back(store: Store) -> None:
    await store.commit(
        Transaction(
            runs=[finished("r1", OLD_US)],
            history=[history(1), history(5)],
            logs=[line(at_us=OLD_US), line("r2", at_us=OLD_US)],
            events=[event("a", OLD_US), event("b", OLD_US)],
        )
    )
    await store.prune(POLICY, NOW_US, 100)
    assert await store.runs(RunFilter(), None, 10) == []
    assert await store.last_position() == 5
    await store.close()
    await store.open()
    assert await store.last_position() == 5
    await store.commit(Transaction(events=[event("c")], logs=[line()]))
    assert await store.events(None, None, 10) == [event("c", position=3)]
    assert [found.position for found in await store.logs(LogFilter("r1"), 0, 10)] == [3]


async def test_policies_can_be_shorter(store: Store) -> None:
    await store.commit(Transaction(runs=[finished("r1")], spans=[span()], logs=[line()], events=[event()]))
    policy = msgspec.structs.replace(POLICY, runs_s=1.0, spans_s=1.0, logs_s=1e9, events_s=1e9)
    assert await store.prune(policy, NOW_US + 2_000_000, 10) == 3
    assert await store.logs(LogFilter("r1"), 0, 10) == []


async def test_old_tallies_are_added_up_by_the_hour(store: Store) -> None:
    hour_s = NOW_US // 3_600_000_000 * 3_600
    old = [Tally(hour_s - 10 * 3_600 + 60 * minute, TallyKind.RUN, "w", "failed", 1) for minute in (0, 3, 59)]
    young = [Tally(hour_s - 60 * minute, TallyKind.RUN, "w", "failed", 1) for minute in (1, 2)]
    await store.commit(Transaction(tallies=[*old, *young]))
    before = await store.tallies(hour_s - 20 * 3_600, 3_600)
    assert await store.prune(POLICY, NOW_US, 100) == 2
    assert await store.tallies(hour_s - 20 * 3_600, 3_600) == before
    assert len(await store.tallies(hour_s - 20 * 3_600, 60)) == 3
    assert await store.prune(POLICY, NOW_US, 100) == 0
    assert await store.prune(POLICY, NOW_US + 15 * DAY_US, 100) == 4
    assert await store.tallies(0, 60) == []
