"""SQLite and memory are told the same random things, and must always tell the same."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.state import Node, NodeState, RunHead, RunState
from headrace_coordinator.store import open_store
from headrace_coordinator.store.port import (
    FenceLost,
    LetterCursor,
    LetterFilter,
    LogFilter,
    RetentionPolicy,
    RunCursor,
    RunFilter,
    Store,
)
from headrace_coordinator.store.records import (
    HolderKind,
    LetterState,
    NodeRow,
    ResultReference,
    ScheduleState,
    ShardFence,
    StreamIdentity,
    Tally,
    TallyKind,
    Timer,
    Transaction,
)
from headrace_protocol.errors import ErrorInfo, HeadraceError
from tests.conformance.store import samples
from tests.conformance.store.dump import dump

T = TypeVar("T")

uris = st.sampled_from(["nats://b/a", "nats://b/b", "nats://b/c"])
run_ids = st.sampled_from(["r1", "r2", "r3"])
names = st.sampled_from(["n", "m"])
times = st.integers(0, 60)
shards = st.integers(0, 1)
small = st.integers(1, 12)
items = st.none() | st.integers(0, 4)
labels = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", 'y"\n']), max_size=2)
keys = st.builds(TimerKey, actor=run_ids, kind=st.sampled_from(["retry", "deadline"]), node=names, item=items)
fences = st.builds(ShardFence, shard=shards, epoch=st.integers(1, 3))


def few(rows: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    return st.lists(rows, max_size=3)


heads = st.builds(
    RunHead,
    run_id=run_ids,
    workflow=st.just("w"),
    version=st.just("1"),
    shard=shards,
    state=st.sampled_from(RunState),
    trigger=st.sampled_from(["manual", "event:x"]),
    event_id=st.sampled_from(["", "e1"]),
    labels=labels,
    created_at_us=times,
    finished_at_us=st.none() | times,
    error=st.none() | st.builds(ErrorInfo, code=st.just("x"), message=st.sampled_from(["Boom", "ÄRGER"])),
)
transactions = st.builds(
    Transaction,
    fence=st.none() | fences,
    runs=few(heads),
    nodes=few(
        st.builds(
            NodeRow,
            run_ids,
            names,
            st.builds(Node, state=st.sampled_from(NodeState), attempt=st.integers(0, 9)),
        )
    ),
    attempts=few(
        st.builds(
            AttemptRecord,
            run_id=run_ids,
            node=names,
            attempt=st.integers(1, 3),
            state=st.sampled_from(["succeeded", "failed", "ignored"]),
            item=items,
            worker=st.sampled_from(["a", "b"]),
        )
    ),
    history=few(st.builds(samples.history, small, run_ids)),
    timers=few(st.builds(Timer, shards, keys, times)),
    timers_dropped=few(keys),
    outbox=few(st.builds(samples.batch, small, shards)),
    outbox_confirmed=few(small),
    references=few(st.builds(ResultReference, uris, st.just(HolderKind.RUN), run_ids)),
    results_deleted=few(uris),
    schedules=few(
        st.builds(ScheduleState, workflow=st.just("w"), trigger=names, next_fire_us=times, fingerprint=names)
    ),
    schedules_dropped=few(st.tuples(st.just("w"), names)),
    definitions=few(
        st.builds(samples.definition, st.sampled_from(["w", "v"]), st.sampled_from(["", "doc"]), times)
    ),
    workflow_states=few(
        st.builds(samples.workflow_state, st.sampled_from(["w", "v"]), deleted=st.booleans())
    ),
    workflow_changes=few(st.builds(samples.workflow_change, st.sampled_from(["w", "v"]), times)),
    events=few(
        st.builds(
            samples.event,
            st.sampled_from(["e1", "e2", "e3"]),
            times,
            type=st.sampled_from(["a", "b"]),
            runs=st.tuples(run_ids),
        )
    ),
    dead_letters=few(
        st.builds(
            samples.letter,
            st.sampled_from(["a", "b", "c"]),
            times,
            redriven_at_us=st.none() | times,
            discarded_at_us=st.none() | times,
        )
    ),
    logs=few(
        st.builds(
            samples.line,
            run_ids,
            names,
            items,
            times,
            level=st.sampled_from(["debug", "info", "error", "odd"]),
            message=st.sampled_from(["Boom", "ÄRGER 100%", "a\0boom", ""]),
        )
    ),
    tallies=few(
        st.builds(
            Tally,
            st.integers(0, 4).map(lambda minute: 60 * minute),
            st.sampled_from(TallyKind),
            names,
            st.sampled_from(["succeeded", "failed"]),
            small,
        )
    ),
    spans=few(st.builds(samples.span, st.sampled_from(["a", "b"]), st.sampled_from(["t1", "t2"]), times)),
    streams=few(st.builds(StreamIdentity, st.just("HR_TASKS"), names, small)),
    cursors=st.dictionaries(st.just("traces"), small),
)
filters = st.builds(
    RunFilter,
    workflow=st.none() | st.sampled_from(["w", "none"]),
    states=st.lists(st.sampled_from(RunState), max_size=3).map(tuple),
    trigger=st.none() | st.just("event:x"),
    event_id=st.none() | st.just("e1"),
    label=st.none() | st.sampled_from([("a", "x"), ("b", 'y"\n'), ("a", "")]),
    created_from_us=st.none() | times,
    created_before_us=st.none() | times,
    search=st.none() | st.sampled_from(["r", "r2", "BOOM", "ärger", "%"]),
)


class Agreement(RuleBasedStateMachine):
    """The two stores, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = (open_store("memory:"), open_store(f"sqlite:///{self.folder}/store.db"))
        self.runner = asyncio.Runner()
        self.both(lambda store: store.open())

    def teardown(self) -> None:
        self.both(lambda store: store.close())
        self.runner.close()
        rmtree(self.folder)

    def both(self, ask: Callable[[Store], Awaitable[object]]) -> object:
        """Ask both stores; they answer, or refuse, alike."""

        async def answer(store: Store) -> object:
            try:
                return await ask(store)
            except (HeadraceError, FenceLost) as error:
                return type(error)

        memory, sqlite = (self.runner.run(answer(store)) for store in self.stores)
        assert memory == sqlite
        return memory

    @rule(transaction=transactions)
    def commit(self, transaction: Transaction) -> None:
        self.both(lambda store: store.commit(transaction))

    @rule(group=st.lists(transactions, min_size=2, max_size=4))
    def commit_together(self, group: list[Transaction]) -> None:
        async def commit(store: Store) -> list[str]:
            done = await asyncio.gather(*map(store.commit, group), return_exceptions=True)
            return [type(result).__name__ for result in done]

        self.both(commit)

    @rule(shard=shards, owner=st.sampled_from(["a", "b"]), now_us=times)
    def acquire(self, shard: int, owner: str, now_us: int) -> None:
        self.both(lambda store: store.acquire_shard(shard, owner, 0.00001, now_us))

    @rule(fence=fences)
    def release(self, fence: ShardFence) -> None:
        self.both(lambda store: store.release_shard(fence))

    @rule(now_us=times)
    def prune(self, now_us: int) -> None:
        policy = RetentionPolicy(
            runs_s=1e-5, logs_s=1e-5, spans_s=1e-5, events_s=1e-5, dead_letters_s=1e-5, tallies_s=1e-5
        )
        self.both(lambda store: store.prune(policy, now_us, 100))

    @rule()
    def reopen(self) -> None:
        self.both(lambda store: store.close())
        self.both(lambda store: store.open())

    @rule(where=filters, after=st.none() | st.builds(RunCursor, times, run_ids), limit=st.integers(1, 3))
    def list_runs(self, where: RunFilter, after: RunCursor | None, limit: int) -> None:
        self.both(lambda store: store.runs(where, after, limit))

    @rule(run_id=run_ids, name=st.none() | names, item=items, after=st.integers(0, 9))
    def page(self, run_id: str, name: str | None, item: int | None, after: int) -> None:
        self.both(lambda store: store.attempts(run_id, name, after, 2))
        self.both(lambda store: store.item_results(run_id, name or "n", after, 2))
        self.both(lambda store: store.logs(LogFilter(run_id, name, item), after, 2))
        self.both(lambda store: store.history(run_id, after, 2))
        self.both(lambda store: store.events("a", after, 2))
        self.both(lambda store: store.events_after(after, 2))
        self.both(lambda store: store.dead_letters_after(after, 2))
        self.both(lambda store: store.tallies(60 * after, 120))
        self.both(lambda store: store.due_timers(0, after, 2))

    @rule(
        state=st.none() | st.sampled_from(LetterState),
        search=st.none() | st.sampled_from(["B", "s"]),
        after=st.none() | st.builds(LetterCursor, times, st.sampled_from(["a", "b"])),
    )
    def list_letters(self, state: LetterState | None, search: str | None, after: LetterCursor | None) -> None:
        self.both(lambda store: store.dead_letters(LetterFilter(state, search), after, 2))
        self.both(lambda store: store.count_dead_letters(state or LetterState.OPEN, 2))

    @rule(
        where=st.builds(LogFilter, run_ids, st.none() | names, items, st.sampled_from([0, 20, 40])),
        at=st.integers(0, 12),
        text=st.sampled_from(["o", "BOOM", "ä", "Ä", "%"]),
    )
    def read_logs(self, where: LogFilter, at: int, text: str) -> None:
        self.both(lambda store: store.logs(where, at, 2))
        self.both(lambda store: store.logs_before(where, at, 2))
        self.both(lambda store: store.count_logs(where, at))
        self.both(lambda store: store.count_logs(where, None))
        self.both(lambda store: store.log_position(where, at))
        self.both(lambda store: store.log_levels(where.run_id))
        self.both(lambda store: store.search_logs(where, text))

    @rule(where=filters, limit=st.integers(1, 3), from_us=times, bucket_us=st.integers(1, 20))
    def count(self, where: RunFilter, limit: int, from_us: int, bucket_us: int) -> None:
        self.both(lambda store: store.count_matching(where, limit))
        self.both(lambda store: store.run_histogram(where, from_us, bucket_us, limit))
        self.both(lambda store: store.oldest_run_us())
        self.both(lambda store: store.heads(["r1", "r3", "gone"]))
        self.both(lambda store: store.outlines(["r1", "r2", "gone"]))

    @invariant()
    def tell_the_same(self) -> None:
        self.both(dump)


# Without shrinking: it takes minutes, and the message of a failure names the query that differs.
TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(
    max_examples=25, stateful_step_count=15, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
