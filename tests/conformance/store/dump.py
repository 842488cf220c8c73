"""All that the queries of a store can tell, for comparing stores and moments."""

from headrace_coordinator.store.port import LetterFilter, LogFilter, Reader, RunFilter
from tests.conformance.store.samples import NOW_US

ALL = 10_000
FAR_US = NOW_US * 2


async def dump(
    store: Reader, runs: tuple[str, ...] = ("r1", "r2", "r3"), nodes: tuple[str, ...] = ("n", "m")
) -> dict[str, object]:
    """Everything about the runs named, and everything that has no run."""
    found: dict[str, object] = {
        "runs": await store.runs(RunFilter(), None, ALL),
        "counts": await store.count_runs(),
        "history": await store.history(None, 0, ALL),
        "last_position": await store.last_position(),
        "last_outbox_sequence": await store.last_outbox_sequence(),
        "schedules": await store.schedules(),
        "definitions": await store.definitions(),
        "versions": await store.versions("w"),
        "current": await store.definition("w", None),
        "workflow states": await store.workflow_states(),
        "workflow changes": await store.workflow_changes("w", None, ALL),
        "events": await store.events(None, None, ALL),
        "count of events": [await store.count_events_after("a", 1, limit) for limit in (1, ALL)],
        "letters": await store.dead_letters(LetterFilter(), None, ALL),
        "changed": await store.dead_letters_after(0, ALL),
        "positions": await store.positions(),
        "tallies": await store.tallies(0, 60),
        "spans": [await store.spans(trace) for trace in ("t1", "t2")],
        "stream": await store.stream("HR_TASKS"),
        "released": await store.released_results(FAR_US, None, ALL),
        "strayed": await store.strayed_results(
            [(f"nats://b/{name}", run) for name in "abc" for run in ("r1", "r2", "r3")]
        ),
        "cursor": await store.cursor("traces"),
        "pruned": (await store.load(["r1", "r2", "r3"])).pruned,
    }
    for shard in (0, 1):
        found[f"shard {shard}"] = (
            await store.unfinished(shard, "", ALL),
            await store.due_timers(shard, FAR_US, ALL),
            await store.next_timer_us(shard),
            await store.outbox(shard),
        )
    for run_id in runs:
        found[run_id] = (
            await store.run(run_id),
            await store.attempts(run_id, None, 0, ALL),
            await store.history(run_id, 0, ALL),
            await store.logs(LogFilter(run_id), 0, ALL),
            [await store.item_results(run_id, node, 0, ALL) for node in nodes],
        )
    return found
