import msgspec
import pytest

from headrace_coordinator.store.port import LetterCursor, LetterFilter, LogFilter, Store
from headrace_coordinator.store.records import LetterState, StoredLog, StreamIdentity, Transaction
from headrace_protocol.errors import Conflict
from tests.conformance.store.samples import definition, event, head, history, letter, line, span


async def test_the_definition_deployed_last_is_current(store: Store) -> None:
    first, second = definition(at_us=1), definition(doc="two", at_us=2)
    other = definition("a")
    await store.commit(Transaction(definitions=[first, other, second]))
    assert await store.definitions() == [other, second]
    assert await store.definition("w", None) == second
    assert await store.definition("w", first.version) == first
    assert await store.versions("w") == [second, first]
    again = msgspec.structs.replace(first, deployed_at_us=3)
    await store.commit(Transaction(definitions=[again]))
    assert await store.definition("w", None) == again
    assert await store.definitions() == [other, again]
    assert await store.versions("w") == [again, second]


async def test_definitions_that_do_not_exist(store: Store) -> None:
    await store.commit(Transaction(definitions=[definition()]))
    assert await store.definition("gone", None) is None
    assert await store.definition("w", "gone") is None
    assert await store.versions("gone") == []


async def test_history_is_in_order_of_the_position(store: Store) -> None:
    assert await store.last_position() == 0
    runs = [head(), head("r2", workflow="v")]
    await store.commit(Transaction(runs=runs, history=[history(3), history(1), history(2, "r2", "v")]))
    assert await store.history(None, 0, 10) == [history(1), history(2, "r2", "v"), history(3)]
    assert await store.history(None, 1, 1) == [history(2, "r2", "v")]
    assert await store.history("r1", 0, 10) == [history(1), history(3)]
    assert await store.history("r1", 1, 10) == [history(3)]
    assert await store.history("gone", 0, 10) == []
    assert await store.last_position() == 3


async def test_a_position_is_used_once(store: Store) -> None:
    await store.commit(Transaction(runs=[head()], history=[history(1)]))
    with pytest.raises(Conflict):
        await store.commit(Transaction(history=[history(2), history(1)]))
    assert await store.last_position() == 1


async def test_events_newest_first(store: Store) -> None:
    await store.commit(Transaction(events=[event("a"), event("b", type="other"), event("c", source="/t")]))
    a, b, c = (
        event("a", position=1),
        event("b", type="other", position=2),
        event("c", source="/t", position=3),
    )
    assert await store.events(None, None, 10) == [c, b, a]
    assert await store.events(None, 3, 1) == [b]
    assert await store.events("orders.uploaded", 3, 10) == [a]
    assert await store.event("/t", "c") == c
    assert await store.event("/s", "c") is None


async def test_an_event_recorded_again_gains_runs(store: Store) -> None:
    await store.commit(Transaction(events=[event("a"), event("b")]))
    await store.commit(Transaction(events=[event("a", received_at_us=9, runs=("r2", "r1"), data=b"[]")]))
    assert await store.event("/s", "a") == event("a", runs=("r1", "r2"), position=1)
    assert [found.event_id for found in await store.events(None, None, 10)] == ["b", "a"]


async def test_dead_letters(store: Store) -> None:
    await store.commit(Transaction(dead_letters=[letter("a", 1), letter("b", 3), letter("c", 2)]))
    assert [found.letter_id for found in await store.dead_letters(LetterFilter(), None, 10)] == [
        "b",
        "c",
        "a",
    ]
    assert await store.dead_letters(LetterFilter(), LetterCursor(3, "b"), 1) == [letter("c", 2, position=3)]
    await store.commit(Transaction(dead_letters=[letter("c", 2, redriven_at_us=7)]))
    changed = letter("c", 2, redriven_at_us=7, position=4)
    assert await store.dead_letter("c") == changed
    assert await store.dead_letter("gone") is None
    assert await store.dead_letters(LetterFilter(LetterState.REDRIVEN), None, 10) == [changed]
    assert await store.dead_letters_after(1, 10) == [letter("b", 3, position=2), changed]
    assert await store.count_dead_letters(LetterState.OPEN, 10) == 2
    assert await store.count_dead_letters(LetterState.OPEN, 1) == 1
    assert await store.dead_letters(LetterFilter(search="PROTOCOL.MAL"), None, 1) == [
        letter("b", 3, position=2)
    ]
    assert await store.dead_letters(LetterFilter(search="elsewhere"), None, 1) == []


async def test_letters_of_one_moment_are_paged_one_by_one(store: Store) -> None:
    await store.commit(Transaction(dead_letters=[letter(name, 5) for name in "abc"]))
    seen: list[str] = []
    cursor = None
    while page := await store.dead_letters(LetterFilter(), cursor, 1):
        seen.append(page[0].letter_id)
        cursor = LetterCursor(page[0].received_at_us, page[0].letter_id)
    assert seen == ["c", "b", "a"]


async def test_logs(store: Store) -> None:
    lines = [line(), line(name="m"), line(item=0), line(item=1), line("r2")]
    await store.commit(Transaction(logs=lines[:2]))
    await store.commit(Transaction(logs=lines[2:]))
    stored = [StoredLog(position, found) for position, found in enumerate(lines, 1)]
    assert await store.logs(LogFilter("r1"), 0, 10) == stored[:4]
    assert await store.logs(LogFilter("r1"), 1, 2) == stored[1:3]
    assert await store.logs(LogFilter("r1", "n"), 0, 10) == [stored[0], *stored[2:4]]
    assert await store.logs(LogFilter("r1", "n", 0), 0, 10) == [stored[2]]
    assert await store.logs(LogFilter("r1", None, 1), 0, 10) == [stored[3]]


async def test_log_pages_while_lines_are_added(store: Store) -> None:
    await store.commit(Transaction(logs=[line(at_us=number) for number in range(10)]))
    seen: list[StoredLog] = []
    while page := await store.logs(LogFilter("r1"), seen[-1].position if seen else 0, 4):
        seen += page
        if len(seen) < 20:
            await store.commit(Transaction(logs=[line("r2"), line(at_us=100 + len(seen))]))
    times = [found.line.at_us for found in seen]
    assert len(times) == len(set(times))
    assert times[:10] == list(range(10))
    assert times == sorted(times)


async def test_spans_are_kept_once(store: Store) -> None:
    await store.commit(Transaction(spans=[span("b", start_us=2), span("a", start_us=1), span("c", "t2")]))
    await store.commit(Transaction(spans=[span("a", start_us=1, name="again")]))
    assert await store.spans("t1") == [span("a", start_us=1), span("b", start_us=2)]
    assert await store.spans("gone") == []


async def test_cursors_of_a_folder(store: Store) -> None:
    assert await store.cursors("at/1") == {}
    names = {"at/1/b": 2, "at/1/a": 1, "at/10/a": 3, "at/1": 4, "at/2/a": 5}
    await store.commit(Transaction(cursors=names))
    assert await store.cursors("at/1") == {"a": 1, "b": 2}


async def test_streams_and_cursors(store: Store) -> None:
    assert await store.stream("S") is None
    assert await store.cursor("c") == 0
    await store.commit(Transaction(streams=[StreamIdentity("S", "one", 1)], cursors={"c": 1, "d": 2}))
    await store.commit(Transaction(streams=[StreamIdentity("S", "two", 0)], cursors={"c": 9}))
    assert await store.stream("S") == StreamIdentity("S", "two", 0)
    assert (await store.cursor("c"), await store.cursor("d")) == (9, 2)
