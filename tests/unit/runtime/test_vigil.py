"""What counts as lost by the bus, and what is done about it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from headrace_coordinator.bus.port import ConsumerState, StreamState
from headrace_coordinator.engine.inputs import AttemptLost, AttemptOverdue, Redispatch
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Holder
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.runtime.vigil import Vigil, is_lost
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import DefinitionRow, NodeRow, StreamIdentity, Transaction
from headrace_protocol import tasks
from headrace_protocol.codec import decode
from headrace_protocol.definition import Priority
from headrace_protocol.deliveries import Wanted
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import CancelAttempts, CommandReply, HeldAttempt
from headrace_protocol.topology import Topology
from tests.engine.building import T0, Driver, node, plan_of
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults

TASKS = "HR_TASKS_n"
INPUTS = "HR_INPUTS_n"
DONE = ConsumerState(pending=0, in_flight=0, redelivered=0, acked_below=9)
BUSY = ConsumerState(pending=3, in_flight=1, redelivered=0, acked_below=9)


class FakeFleet:
    def __init__(self) -> None:
        self.attempts: list[tuple[str, HeldAttempt]] = []
        self.unstarted: list[str] = []
        self.last_holders: dict[str, Holder] = {}

    def held(self) -> tuple[tuple[str, HeldAttempt], ...]:
        return tuple(self.attempts)

    def pending(self) -> frozenset[str]:
        return frozenset(self.unstarted)

    def last_holder(self, key: str) -> Holder | None:
        return self.last_holders.get(key)

    def finished(self, worker: str, run_id: str, node: str, item: int | None, attempt: int) -> None:
        raise AssertionError("nothing of it is committed yet")


class FakeShards:
    count = 1

    def __init__(self, actors: Actors, store: MemoryStore) -> None:
        self._actors = actors
        self._store = store
        self.inputs: list[object] = []
        self.gone = False
        """The shard belongs to another coordinator, and nothing has told this one yet."""

    def owned(self) -> tuple[int, ...]:
        return (0,)

    def put(self, shard: int, envelope: Envelope) -> None:
        self.inputs += envelope.inputs

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        if self.gone:
            raise Unavailable("shard 0 has stopped")
        self.put(shard, envelope)
        if envelope.write is not None:
            transaction = Transaction()
            envelope.write(transaction)
            await self._store.commit(transaction)
        return []

    def actors(self, shard: int) -> Actors:
        return self._actors


class Setting:
    """A run whose node `a` is dispatched, with its vigil."""

    def __init__(self, store: MemoryStore) -> None:
        self.driver = Driver(plan_of(node("a")))
        self.store = store
        self.bus = FakeBus()
        self.clock = FakeClock()
        parts = Parts(Topology("n"), store, self.bus, FakeResults(), self.clock)  # type: ignore[arg-type]
        self.outbox = parts.outbox
        self.fleet = FakeFleet()
        actors = Actors(store, parts.registry)
        actors.keep(self.driver.run, self.driver.plan)
        self.shards = FakeShards(actors, store)
        self.vigil = Vigil(parts, self.fleet, self.shards)  # type: ignore[arg-type]

    def streams(self, tasks: int, inputs: int = 5, created: str = "monday") -> None:
        self.bus.streams = [StreamState(TASKS, created, tasks), StreamState(INPUTS, "monday", inputs)]

    def later(self, seconds: float) -> None:
        self.clock.at_us += round(seconds * 1e6)


@pytest.fixture
async def setting() -> Setting:
    store = MemoryStore()
    await store.open()
    made = Setting(store)
    run = made.driver.run
    await store.commit(
        Transaction(runs=[run.head], nodes=[NodeRow("r", name, one) for name, one in run.nodes.items()])
    )
    made.streams(7)
    await made.vigil.reconnected()
    return made


@pytest.mark.parametrize(
    ("known", "found", "lost"),
    [
        (None, StreamState("s", "monday", 0), False),
        (StreamIdentity("s", "monday", 7), StreamState("s", "monday", 7), False),
        (StreamIdentity("s", "monday", 7), StreamState("s", "monday", 9), False),
        (StreamIdentity("s", "monday", 7), StreamState("s", "monday", 6), True),
        (StreamIdentity("s", "monday", 7), StreamState("s", "tuesday", 9), True),
    ],
)
def test_younger_or_shorter_is_lost(known: StreamIdentity | None, found: StreamState, lost: bool) -> None:
    assert is_lost(known, found) is lost


async def test_the_first_look_only_records(setting: Setting) -> None:
    assert setting.shards.inputs == []
    assert await setting.store.stream(TASKS) == StreamIdentity(TASKS, "monday", 7)


@pytest.mark.parametrize("change", ["younger", "shorter", "shorter than was confirmed", "inputs"])
async def test_what_is_dispatched_is_published_again(setting: Setting, change: str) -> None:
    match change:
        case "younger":
            setting.streams(7, created="tuesday")
        case "shorter":
            setting.streams(3)
        case "inputs":
            setting.streams(7, inputs=1)
        case _:
            setting.outbox.highest["task"] = 12
            setting.streams(11)
    await setting.vigil.reconnected()
    assert setting.shards.inputs == [Redispatch("r")]
    await setting.vigil.reconnected()
    assert setting.shards.inputs == [Redispatch("r")], "once for each loss"


async def test_a_loss_stays_to_be_noticed_by_the_coordinator_that_runs_the_shard(setting: Setting) -> None:
    setting.shards.gone = True
    setting.streams(7, created="tuesday")
    with pytest.raises(Unavailable):
        await setting.vigil.sweep()
    assert await setting.store.stream(TASKS) == StreamIdentity(TASKS, "monday", 7)


async def test_what_is_published_while_the_bus_is_asked_is_not_lost(setting: Setting) -> None:
    """The stream's state is older than the confirmation that arrives after it."""
    setting.streams(7)
    setting.bus.on_ensure = lambda: setting.outbox.highest.update(task=8)
    await setting.vigil.reconnected()
    assert setting.shards.inputs == []


async def test_a_lost_attempt_is_published_again_at_the_second_look(setting: Setting) -> None:
    setting.bus.consumers["default_normal"] = DONE
    await setting.vigil.sweep()
    assert setting.shards.inputs == [], "younger than two leases"
    setting.later(61)
    await setting.vigil.sweep()
    assert setting.shards.inputs == [], "seen for the first time"
    setting.later(15)
    await setting.vigil.sweep()
    assert setting.shards.inputs == [Redispatch("r", (("a", None, 1),))]


@pytest.mark.parametrize(("stopped", "charged"), [(False, True), (True, False)])
async def test_what_a_silent_worker_held_is_lost_with_it(
    setting: Setting, stopped: bool, charged: bool
) -> None:
    """A copy was settled while the worker lived, so the bus has nothing to deliver again."""
    setting.bus.consumers["default_normal"] = DONE
    setting.fleet.last_holders["r/a/1"] = Holder("w", 40.0, T0, stopped)
    for _ in range(2):
        setting.later(61)
        await setting.vigil.sweep()
    if charged:
        (loss,) = setting.shards.inputs
        assert isinstance(loss, AttemptLost)
        assert (loss.worker, loss.silent_s, loss.charged) == ("w", 40.0, True)
    else:
        assert setting.shards.inputs == [Redispatch("r", (("a", None, 1),))]


async def test_what_a_worker_held_that_is_only_unheard_is_not_lost(setting: Setting) -> None:
    """Nobody else was heard meanwhile: it may be us."""
    setting.bus.consumers["default_normal"] = DONE
    setting.fleet.last_holders["r/a/1"] = Holder("w", 40.0, T0, silent=False)
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == []


async def test_an_attempt_that_is_held_and_not_worked_on_is_not_lost(setting: Setting) -> None:
    setting.bus.consumers["default_normal"] = DONE
    setting.fleet.unstarted = ["r/a/1"]
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == []


async def test_workers_with_the_code_are_told_again_what_waits_for_them(setting: Setting) -> None:
    setting.driver.run.nodes["a"].code = "c0de"
    await setting.vigil.sweep()
    wanted = [body for subject, body in setting.bus.sent if subject == "hr.n.live.wanted"]
    assert [decode(body, Wanted) for body in wanted] == [Wanted("default", Priority.NORMAL, "c0de")]


async def test_a_held_attempt_is_not_lost(setting: Setting) -> None:
    setting.bus.consumers["default_normal"] = DONE
    setting.fleet.attempts = [("w", HeldAttempt(run_id="r", node="a", attempt=1, started_at_us=T0))]
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == []


async def test_an_attempt_may_still_be_in_a_busy_queue(setting: Setting) -> None:
    setting.bus.consumers["default_normal"] = BUSY
    setting.streams(20)
    setting.outbox.highest["task"] = 20  # its message is among the first twenty, nine are acknowledged
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == []


async def test_a_busy_queue_that_is_past_the_attempt(setting: Setting) -> None:
    setting.streams(9)
    setting.outbox.highest["task"] = 9
    setting.bus.consumers["default_normal"] = BUSY
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == [Redispatch("r", (("a", None, 1),))] * 2


async def test_a_queue_that_was_never_made(setting: Setting) -> None:
    for _ in range(3):
        setting.later(61)
        await setting.vigil.sweep()
    assert setting.shards.inputs == []


async def test_what_no_run_waits_for_is_stopped(setting: Setting) -> None:
    live = HeldAttempt(run_id="r", node="a", attempt=1, started_at_us=T0)
    old = HeldAttempt(run_id="r", node="a", attempt=0, started_at_us=T0)
    gone = HeldAttempt(run_id="no more", node="a", attempt=1, started_at_us=T0)
    setting.fleet.attempts = [("w", live), ("w", old), ("x", gone)]
    await setting.vigil.sweep()
    assert {subject for subject, _ in setting.bus.sent} == {"hr.n.live.cancel"}
    cancelled = [decode(body, CancelAttempts) for _, body in setting.bus.sent]
    assert [(one.run_id, one.attempts) for one in cancelled] == [("r", (old,)), ("no more", (gone,))]


async def test_nothing_is_stopped_for_a_shard_that_another_coordinator_runs(setting: Setting) -> None:
    """It has started newer attempts, which the runs in this one's memory know nothing of."""
    setting.fleet.attempts = [("w", HeldAttempt(run_id="r", node="a", attempt=2, started_at_us=T0))]
    setting.shards.gone = True
    with pytest.raises(Unavailable):
        await setting.vigil.sweep()
    assert setting.bus.sent == []


async def test_an_attempt_far_beyond_its_timeout_is_fenced() -> None:
    store = MemoryStore()
    await store.open()
    made = Setting(store)
    planned = made.driver.plan.nodes["a"]
    options = msgspec.structs.replace(planned.definition.options, timeout_s=5.0)
    definition = msgspec.structs.replace(planned.definition, options=options)
    made.driver.plan.nodes["a"] = msgspec.structs.replace(planned, definition=definition)
    run = made.driver.run
    await store.commit(Transaction(runs=[run.head], nodes=[NodeRow("r", "a", run.nodes["a"])]))
    made.streams(7)
    made.fleet.attempts = [("w", HeldAttempt(run_id="r", node="a", attempt=1, started_at_us=T0))]
    made.later(19)
    await made.vigil.sweep()
    assert made.shards.inputs == []
    made.later(2)
    await made.vigil.sweep()
    assert made.shards.inputs == [AttemptOverdue("r", "a", None, 1, "w")]


async def test_looking_at_a_run_does_not_keep_it() -> None:
    """A turn may change the run while a sweep reads it; kept, the older state would be decided on again."""
    store = MemoryStore()
    await store.open()
    driver = Driver(plan_of(node("a")))
    definition = DefinitionRow(driver.plan.definition, driver.plan.version, 0)
    await store.commit(Transaction(definitions=[definition], runs=[driver.run.head]))
    registry = Registry(store)
    await registry.load()
    actors = Actors(store, registry)
    found = await actors.look(["r", "unknown"])
    assert list(found) == ["r"]
    assert actors.cached("r") is None
    actors.keep(driver.run, driver.plan)
    assert (await actors.look(["r"]))["r"][0] is driver.run


async def test_it_ends_also_in_the_moment_of_an_answer(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `wait_for`, as nats-py waits, the cancellation is lost then."""
    monkeypatch.setattr(tasks, "AGAIN_S", 0.05)
    await setting.vigil.start()
    asked: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def ensure(_: Topology) -> list[StreamState]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked.put_nowait(answer)
        await asyncio.wait_for(answer, 60)
        return setting.bus.streams

    monkeypatch.setattr(setting.bus, "ensure", ensure)
    answer = await asked.get()
    answer.set_result(None)
    async with asyncio.timeout(5):
        await setting.vigil.stop()


async def test_an_attempt_that_is_settled_again_and_again_without_an_outcome_is_lost(
    setting: Setting,
) -> None:
    """Its worker's outcomes cannot be read, and name no attempt."""
    setting.bus.consumers["default_normal"] = DONE
    for _ in range(5):
        setting.later(61)
        await setting.vigil.sweep()
    *again, loss = setting.shards.inputs
    assert again == [Redispatch("r", (("a", None, 1),))] * 3
    assert isinstance(loss, AttemptLost)
    assert (loss.worker, loss.charged) == ("", True)
