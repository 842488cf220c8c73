"""The loop of a shard against a store that refuses, breaks, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.runtime.shard import Shard
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import FenceLost, LetterFilter, RetentionPolicy
from headrace_coordinator.store.records import ShardFence, Transaction
from headrace_protocol.codec import raw
from headrace_protocol.errors import Conflict, Unavailable
from headrace_protocol.messages import StartRun
from headrace_protocol.topology import Topology
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults, ticks
from tests.unit.runtime.test_registry import WORKFLOW, row


class StubbornStore(MemoryStore):
    """Refuses what the test wants refused."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: Callable[[Transaction], None] = lambda transaction: None
        self.commits = 0

    async def commit(self, transaction: Transaction) -> None:
        self.commits += 1
        self.refuse(transaction)
        await super().commit(transaction)


class Hooks:
    """Hears only of lost shards."""

    def __init__(self) -> None:
        self.shards_lost: list[int] = []

    def lost(self, shard: int) -> None:
        self.shards_lost.append(shard)

    def timer_set(self, shard: int, due_us: int) -> None: ...

    def collect(self, shard: int, effect: Collect) -> None: ...


class Setting:
    """One shard with everything around it."""

    def __init__(self, store: StubbornStore, fence: ShardFence, registry: Registry) -> None:
        self.store = store
        self.bus = FakeBus()
        parts = Parts(Topology("n"), store, self.bus, FakeResults(), FakeClock())  # type: ignore[arg-type]
        parts.registry = registry
        self.outbox = parts.outbox
        self.changes = parts.changes
        self.hooks = Hooks()
        self.shard = Shard(fence, parts, Actors(store, registry), self.hooks, ReadyLine())


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    store = StubbornStore()
    await store.open()
    await store.commit(Transaction(definitions=[row()]))
    registry = Registry(store)
    await registry.load()
    fence = await store.acquire_shard(0, "me", 10, 0)
    assert fence is not None
    made = Setting(store, fence, registry)
    made.shard.start()
    yield made
    await made.shard.stop()


def start(run_id: str, **params: object) -> Envelope:
    command = StartRun(run_id=run_id, workflow=WORKFLOW.name, params=raw({"path": "a", **params}))
    return Envelope(inputs=(command,), origin=Incoming("hr.n.in.0.command.me", {}, run_id.encode()))


async def test_a_run_is_committed_then_published(setting: Setting) -> None:
    (reply,) = await setting.shard.ask(start("r"))
    assert (reply.run_id, reply.created) == ("r", True)
    assert await setting.store.run("r") is not None
    assert [subject for subject, _, _ in setting.bus.published] == [
        "hr.n.task.default.normal",
        "hr.n.life.flow.created",
    ]
    assert setting.changes.position == 1
    (again,) = await setting.shard.ask(start("r"))
    assert not again.created


async def test_a_run_that_has_been_pruned_is_not_started_again(setting: Setting) -> None:
    """A copy of its event may come late."""
    over = RunHead(
        run_id="r", workflow="flow", version="1", shard=0, state=RunState.SUCCEEDED, created_at_us=1
    )
    await setting.store.commit(Transaction(runs=[over]))
    long_after_us = 100 * 86_400 * 1_000_000
    assert await setting.store.prune(RetentionPolicy(), long_after_us, 9) == 1
    replies = [*await setting.shard.ask(start("r")), *await setting.shard.ask(start("other"))]
    assert [(reply.run_id, reply.created) for reply in replies] == [("r", False), ("other", True)]
    assert await setting.store.run("r") is None


async def test_nothing_happens_before_the_commit(setting: Setting) -> None:
    """I8, and no acknowledgement: a store that cannot write is tried until it can."""
    failures = 3

    def full(transaction: Transaction) -> None:
        nonlocal failures
        assert setting.bus.published == []
        assert acknowledged == []
        if failures:
            failures -= 1
            raise Unavailable("the disk is full")

    acknowledged: list[str] = []
    setting.store.refuse = full
    envelope = start("r")
    envelope.ack = lambda: acknowledged.append("r")
    await setting.shard.ask(envelope)
    assert failures == 0
    assert acknowledged == ["r"]
    assert await setting.store.run("r") is not None


async def test_who_asks_while_the_store_is_in_trouble_hears_of_it_at_once(setting: Setting) -> None:
    full = True

    def refuse(transaction: Transaction) -> None:
        if full:
            raise Unavailable("the disk is full")

    setting.store.refuse = refuse
    first = asyncio.create_task(setting.shard.ask(start("first")))
    while setting.shard.trouble is None:
        await ticks()
    with pytest.raises(Unavailable, match="the disk is full"):
        await setting.shard.ask(start("second"))
    full = False
    await first
    assert setting.shard.trouble is None
    await setting.shard.ask(start("second"))


@pytest.mark.parametrize("error", [OverflowError("too large an integer"), Conflict("a key is taken")])
async def test_one_run_that_cannot_be_written_does_not_take_the_others_with_it(
    setting: Setting, error: Exception
) -> None:
    def poisoned(transaction: Transaction) -> None:
        if any(head.run_id == "bad" for head in transaction.runs):
            raise error

    setting.store.refuse = poisoned
    acknowledged: list[str] = []
    envelopes = {run_id: start(run_id) for run_id in ("one", "bad", "two")}
    for run_id, envelope in envelopes.items():
        envelope.ack = lambda run_id=run_id: acknowledged.append(run_id)
    replies = await asyncio.gather(*(setting.shard.ask(envelope) for envelope in envelopes.values()))
    assert [reply.error is None for (reply,) in replies] == [True, False, True]
    assert acknowledged == ["one", "bad", "two"]
    assert await setting.store.run("bad") is None
    assert await setting.store.run("two") is not None
    (letter,) = await setting.store.dead_letters(LetterFilter(), None, 10)
    assert letter.body == b"bad"
    setting.store.refuse = lambda transaction: None
    (reply,) = await setting.shard.ask(start("bad"))
    assert reply.created, "nothing of the first try is left in memory"


async def test_what_can_not_even_be_buried_is_let_go(setting: Setting) -> None:
    def everything(transaction: Transaction) -> None:
        raise OverflowError("no")

    setting.store.refuse = everything
    (reply,) = await setting.shard.ask(start("r"))
    assert reply.error is not None
    setting.store.refuse = lambda transaction: None
    (reply,) = await setting.shard.ask(start("r"))
    assert reply.created


async def test_a_write_that_was_refused_is_told(setting: Setting) -> None:
    """A deploy or a redrive has no inputs, and must not be taken for done."""

    def refused(transaction: Transaction) -> None:
        if transaction.definitions:
            raise Conflict("no")

    setting.store.refuse = refused
    (reply,) = await setting.shard.ask(Envelope(write=lambda t: t.definitions.append(row())))
    assert reply.error is not None
    assert reply.error.code == "request.conflict"


async def test_errors_of_senders_are_replies_and_dead_letters(setting: Setting) -> None:
    (reply,) = await setting.shard.ask(start("r", size=0))
    assert reply.error is not None
    assert reply.error.code == "params.invalid"
    (letter,) = await setting.store.dead_letters(LetterFilter(), None, 10)
    assert letter.error.code == "params.invalid"


async def test_a_lost_lease_ends_the_shard(setting: Setting) -> None:
    def gone(transaction: Transaction) -> None:
        raise FenceLost("epoch 2")

    setting.store.refuse = gone
    with pytest.raises(Unavailable):
        await setting.shard.ask(start("r"))
    assert setting.hooks.shards_lost == [0]
    assert setting.bus.published == []
    with pytest.raises(Unavailable):
        await setting.shard.ask(start("later"))


async def test_who_asks_while_it_stops_is_told(setting: Setting) -> None:
    asked = asyncio.ensure_future(setting.shard.ask(start("r")))
    stopped = asyncio.ensure_future(setting.shard.stop())
    await ticks()
    await stopped
    results = await asyncio.gather(asked, return_exceptions=True)
    assert isinstance(results[0], list | Unavailable)
    with pytest.raises(Unavailable):
        await setting.shard.ask(start("later"))


async def test_confirmed_batches_are_deleted_with_the_next_turn(setting: Setting) -> None:
    await setting.shard.ask(start("one"))
    assert len(await setting.store.outbox(0)) == 1
    for _, _, future in setting.bus.published:
        future.set_result(1)
    await ticks()
    await setting.shard.ask(start("two"))
    assert [batch.sequence for batch in await setting.store.outbox(0)] == [2]
