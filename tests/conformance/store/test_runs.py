from dataclasses import dataclass

import msgspec
import pytest

from headrace_coordinator.engine.state import ItemState, MapState, Node, NodeState, RunState
from headrace_coordinator.store.port import RunCursor, RunFilter, Store, StoredRun
from headrace_coordinator.store.records import NodeOutline, NodeRow, Transaction
from headrace_protocol.codec import raw
from headrace_protocol.errors import ErrorInfo, InvariantBroken
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import ABSENT, Result
from tests.conformance.store.samples import attempt, finished, head, history, node


async def ids(store: Store, limit: int = 100, after: RunCursor | None = None, **where: object) -> list[str]:
    return [run.run_id for run in await store.runs(RunFilter(**where), after, limit)]


async def test_a_run_comes_back_as_it_went_in(store: Store) -> None:
    full = head(
        state=RunState.FAILED,
        labels={"team": "data", "line\nend": '"quoted"'},
        trace=TraceContext("a" * 32, "b" * 16, False, "x=y"),
        error=ErrorInfo("task.failed", "Boom"),
        output=Result(raw([1, None])),
        finished_at_us=5,
    )
    await store.commit(Transaction(runs=[full], nodes=[node(), node(name="m")]))
    assert await store.run("r1") == StoredRun(full, {"n": node().node, "m": node().node})
    assert await store.run("other") is None


@pytest.mark.parametrize("count", [0, 1, 128, 129, 500])
async def test_many_runs_are_loaded_at_once(store: Store, count: int) -> None:
    runs = [head(f"r{number}") for number in range(500)]
    await store.commit(Transaction(runs=runs, nodes=[node(f"r{number}") for number in range(500)]))
    wanted = [f"r{number}" for number in range(count)]
    loaded = await store.load([*wanted, "none"])
    assert {run_id: run.head for run_id, run in loaded.runs.items()} == {h.run_id: h for h in runs[:count]}
    assert all(run.nodes == {"n": node().node} for run in loaded.runs.values())
    assert loaded.pruned == frozenset()


async def test_absent_params_stay_absent(store: Store) -> None:
    await store.commit(Transaction(runs=[head(params=ABSENT)]))
    stored = await store.run("r1")
    assert stored is not None
    assert bytes(stored.head.params) == b""


async def test_head_and_nodes_are_replaced(store: Store) -> None:
    await store.commit(Transaction(runs=[head()], nodes=[node(), node(name="m")]))
    await store.commit(Transaction(nodes=[node(attempt=2)]))
    changed = head(workflow="other", shard=1, state=RunState.CANCELLED, finished_at_us=9)
    await store.commit(Transaction(runs=[changed]))
    assert await store.run("r1") == StoredRun(changed, {"n": node(attempt=2).node, "m": node().node})
    assert await store.count_runs() == {("other", RunState.CANCELLED): 1}
    assert await ids(store, workflow="w") == []
    assert await ids(store, workflow="other", states=(RunState.CANCELLED,)) == ["r1"]


async def test_later_heads_of_a_transaction_win(store: Store) -> None:
    await store.commit(Transaction(runs=[head(), head(nodes_done=1), head(nodes_done=2)]))
    stored = await store.run("r1")
    assert stored is not None
    assert stored.head.nodes_done == 2


@pytest.mark.parametrize(
    "part",
    [
        Transaction(nodes=[node("gone")]),
        Transaction(attempts=[attempt("gone")]),
        Transaction(history=[history(1, "gone")]),
    ],
)
async def test_parts_of_a_run_that_is_not_stored_are_refused(store: Store, part: Transaction) -> None:
    with pytest.raises(InvariantBroken, match="run gone"):
        await store.commit(part)


@dataclass
class Case:
    where: dict[str, object]
    found: list[str]


@pytest.mark.parametrize(
    "case",
    [
        Case({}, ["d", "c", "b", "a"]),
        Case({"workflow": "w"}, ["d", "b", "a"]),
        Case({"workflow": "none"}, []),
        Case({"states": (RunState.RUNNING,)}, ["b", "a"]),
        Case({"states": (RunState.FAILED, RunState.SUCCEEDED)}, ["d", "c"]),
        Case({"workflow": "w", "states": (RunState.FAILED, RunState.RUNNING)}, ["d", "b", "a"]),
        Case({"trigger": "event:x"}, ["b"]),
        Case({"event_id": "e9"}, ["c"]),
        Case({"label": ("team", "data")}, ["d", "a"]),
        Case({"label": ("team", "dat")}, []),
        Case({"label": ("te", "am")}, []),
        Case({"created_from_us": 20}, ["d", "c", "b"]),
        Case({"created_before_us": 20}, ["a"]),
        Case({"created_from_us": 20, "created_before_us": 30}, ["c", "b"]),
        Case({"search": "DISK FULL"}, ["d"]),
        Case({"search": "b"}, ["b"]),
        Case({"search": "100%"}, ["d"]),
        Case({"search": "nowhere"}, []),
    ],
    ids=lambda case: str(case.where),
)
async def test_filters(store: Store, case: Case) -> None:
    await store.commit(
        Transaction(
            runs=[
                head("a", created_at_us=10, labels={"team": "data", "x": "y"}),
                head("b", created_at_us=20, trigger="event:x"),
                finished("c", 20, workflow="v", event_id="e9"),
                head(
                    "d",
                    created_at_us=30,
                    state=RunState.FAILED,
                    labels={"team": "data"},
                    error=ErrorInfo("x", "Disk full: 100% used"),
                ),
            ]
        )
    )
    assert await ids(store, **case.where) == case.found


async def test_pages_have_no_gaps_and_no_duplicates_while_runs_are_added(store: Store) -> None:
    old = [head(f"r{number:03}", created_at_us=number // 4) for number in range(40)]
    await store.commit(Transaction(runs=old))
    seen: list[str] = []
    after = None
    while page := await store.runs(RunFilter(), after, 7):
        seen += [run.run_id for run in page]
        after = RunCursor(page[-1].created_at_us, page[-1].run_id)
        await store.commit(Transaction(runs=[head(f"new{len(seen)}", created_at_us=1_000)]))
        # A run that changes its state moves to another index, not to another place in the list.
        await store.commit(Transaction(runs=[msgspec.structs.replace(old[5], state=RunState.FAILED)]))
    assert seen == [run.run_id for run in reversed(old)]


async def test_unfinished_runs_by_shard(store: Store) -> None:
    await store.commit(Transaction(runs=[head(f"r{number}") for number in range(5)]))
    await store.commit(Transaction(runs=[finished("r2"), finished("r9"), head("other", shard=1)]))
    assert await store.unfinished(0, "", 2) == ["r0", "r1"]
    assert await store.unfinished(0, "r1", 10) == ["r3", "r4"]
    assert await store.unfinished(1, "", 10) == ["other"]


async def test_counts(store: Store) -> None:
    await store.commit(Transaction(runs=[head("a"), head("b"), finished("c"), head("d", workflow="v")]))
    await store.commit(Transaction(runs=[finished("a")]))
    assert await store.count_runs() == {
        ("w", RunState.RUNNING): 1,
        ("w", RunState.SUCCEEDED): 2,
        ("v", RunState.RUNNING): 1,
    }


def plain(attempt: int = 1, **more: object) -> Node:
    return Node(state=NodeState.DISPATCHED, attempt=attempt, **more)


async def test_a_run_that_is_stored_whole_keeps_nodes_of_every_size_and_kind(store: Store) -> None:
    """Nodes grow out of the run's own row and back into it, one at a time."""
    large = plain(result=Result(raw("x" * 2_000)))
    mapped = plain(map=MapState(total=3, items={0: ItemState()}))
    now: dict[str, Node] = {"a": Node(), "b": Node(), "c": Node()}
    steps: list[dict[str, Node]] = [
        {"a": plain()},
        {"b": plain(2), "a": plain(2)},
        {"b": large},
        {"c": mapped},
        {"a": plain(3, result=Result(raw("y" * 900)))},
        {"b": plain(4, result=Result(raw("z" * 900)))},
        {"c": plain(5), "a": large},
        {"a": plain(7)},
        {"a": Node(), "c": Node()},
        {"c": mapped},
    ]
    for number, changed in enumerate(steps):
        now |= changed
        rows = [NodeRow("r1", name, node) for name, node in changed.items()]
        await store.commit(Transaction(runs=[head(nodes_done=number)], nodes=rows, whole={"r1": dict(now)}))
        stored = await store.run("r1")
        assert stored is not None
        assert {name: stored.nodes.get(name, Node()) for name in now} == now, number
        outlines = (await store.outlines(["r1"]))["r1"]
        assert {name: outlines.get(name, NodeOutline()).state for name in now} == {
            name: node.state for name, node in now.items()
        }
    await store.commit(Transaction(runs=[head(workflow="other")]))
    stored = await store.run("r1")
    assert stored is not None
    assert stored.nodes["b"] == now["b"], "a head that comes alone leaves the nodes as they are"


async def test_a_run_that_goes_on_is_found_as_before(store: Store) -> None:
    """A retry gives it back every column that it had."""
    for one in (head(), finished("r1"), head()):
        await store.commit(Transaction(runs=[one]))
    assert await ids(store, states=(RunState.RUNNING,)) == await store.unfinished(0, "", 9) == ["r1"]
    assert await ids(store, states=(RunState.SUCCEEDED,)) == []
