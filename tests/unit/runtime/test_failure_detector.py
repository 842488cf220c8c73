"""When a delivery is lost, and when it only looks like it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from headrace_coordinator.bus.port import ConsumerState, Incoming
from headrace_coordinator.engine.inputs import AttemptLost
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.failure_detector import FailureDetector
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.store.memory import MemoryStore
from headrace_protocol.codec import decode, encode
from headrace_protocol.deliveries import Redelivered, Redundant
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import Heartbeat, HeldAttempt
from headrace_protocol.topology import Topology
from tests.engine.building import T0, Driver, node, plan_of
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults
from tests.unit.runtime.test_vigil import FakeShards

DONE = ConsumerState(pending=0, in_flight=0, redelivered=0, acked_below=9, delivered_to=9)
HELD = HeldAttempt(run_id="r", node="a", attempt=1, started_at_us=T0)
COPY = Redelivered(
    worker="x", run_id="r", node="a", attempt=1, queue="default", queued_at_us=T0, delivery=2, reply_to="to.x"
)


class StillClock(FakeClock):
    """Sleeping takes no time: it is the test that lets it pass."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Setting:
    """A run whose node `a` is dispatched, and workers `w` and `x`."""

    def __init__(self) -> None:
        self.driver = Driver(plan_of(node("a")))
        self.bus = FakeBus()
        self.bus.consumers["shard_0"] = DONE
        self.clock = StillClock()
        store = MemoryStore()
        parts = Parts(Topology("n"), store, self.bus, FakeResults(), self.clock)  # type: ignore[arg-type]
        self.fleet = Fleet(parts.topology.subjects, self.clock)
        actors = Actors(store, parts.registry)
        actors.keep(self.driver.run, self.driver.plan)
        self.shards = FakeShards(actors, store)
        self.detector = FailureDetector(parts, self.fleet, self.shards)
        self.beat("w", held=(HELD,))
        self.beat("x")

    def beat(self, worker: str, **what: object) -> None:
        beat = Heartbeat(
            **{
                "worker": worker,
                "host": "h",
                "pid": 1,
                "at_us": 0,
                "started_at_us": 0,
                "queues": ("default",),
                "slots": 1,
                **what,
            }
        )
        self.fleet._on_heartbeat(Incoming("s", {}, encode(beat)))

    def later(self, seconds: float, *beating: str) -> None:
        """Time passes; some workers go on beating."""
        for _ in range(round(seconds)):
            self.clock.at_us += 1_000_000
            for worker in beating:
                self.beat(worker)

    async def decided(self) -> list[object]:
        """What was put to the shard, after the detector has looked."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.shards.inputs

    @property
    def answers(self) -> list[str]:
        return [decode(body, Redundant).key for subject, body in self.bus.sent if subject == "to.x"]


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    yield made
    await made.detector.stop()


async def suspected(setting: Setting) -> None:
    setting.detector.suspect(0, COPY)
    await setting.decided()


async def test_a_worker_that_names_the_attempt_has_it_still(setting: Setting) -> None:
    await suspected(setting)
    assert [subject for subject, _ in setting.bus.sent] == ["hr.n.live.rollcall"]
    setting.later(1)
    setting.beat("w", held=(HELD,))
    assert await setting.decided() == []
    assert setting.answers == ["r/a/1"]


@pytest.mark.parametrize("where", ["held", "pending"])
async def test_also_one_that_has_not_begun_or_whose_outcome_is_on_its_way(
    setting: Setting, where: str
) -> None:
    await suspected(setting)
    setting.later(1)
    setting.beat("w", **{where: (HELD,) if where == "held" else ("r/a/1",)})
    assert await setting.decided() == []
    assert setting.answers == ["r/a/1"]


async def test_a_worker_that_is_silent_has_lost_it(setting: Setting) -> None:
    setting.later(8, "x")
    await suspected(setting)
    setting.later(1, "x")
    assert await setting.decided() == [], "two heartbeats are not missed yet"
    setting.later(2, "x")
    (loss,) = await setting.decided()
    assert isinstance(loss, AttemptLost)
    assert (loss.worker, loss.charged, loss.silent_s) == ("w", True, 11.0)
    assert setting.answers == ["r/a/1"]


async def test_nothing_is_decided_while_nobody_is_heard(setting: Setting) -> None:
    """NATS was away: then everybody is silent, and that says nothing of anybody."""
    setting.later(60)
    await suspected(setting)
    setting.later(3)
    assert await setting.decided() == []
    setting.beat("x")
    assert await setting.decided() == [], "w may need a moment longer to come back than x"
    setting.beat("w", held=(HELD,))
    assert await setting.decided() == []
    assert setting.answers == ["r/a/1"]


async def test_nobody_can_have_died_with_it(setting: Setting) -> None:
    """The delivery was lost on its way."""
    setting.beat("w")
    await suspected(setting)
    setting.later(2, "w", "x")
    (loss,) = await setting.decided()
    assert isinstance(loss, AttemptLost)
    assert not loss.charged


async def test_a_worker_that_said_its_end_is_not_charged_with_it(setting: Setting) -> None:
    setting.beat("w", held=(HELD,), stopped=True)
    await suspected(setting)
    setting.later(2, "x")
    (loss,) = await setting.decided()
    assert isinstance(loss, AttemptLost)
    assert not loss.charged


async def test_the_dead_worker_is_found_by_elimination(setting: Setting) -> None:
    """It died before it could tell that it had begun."""
    setting.beat("w")
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    (loss,) = await setting.decided()
    assert isinstance(loss, AttemptLost)
    assert (loss.worker, loss.charged) == ("w", True)


async def test_what_was_told_before_is_applied_first(setting: Setting) -> None:
    """Its outcome may be on the bus already."""
    setting.bus.consumers["shard_0"] = ConsumerState(
        pending=0, in_flight=3, redelivered=0, acked_below=9, delivered_to=12
    )
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    assert await setting.decided() == []
    setting.bus.consumers["shard_0"] = ConsumerState(
        pending=4, in_flight=3, redelivered=0, acked_below=12, delivered_to=15
    )
    assert len(await setting.decided()) == 1


async def test_a_copy_of_what_has_ended_is_only_settled(setting: Setting) -> None:
    setting.driver.done("a")
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    assert await setting.decided() == []
    assert setting.answers == ["r/a/1"]


async def test_a_copy_of_an_earlier_dispatch_is_only_settled(setting: Setting) -> None:
    setting.driver.run.nodes["a"].dispatch = 1
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    assert await setting.decided() == []
    assert setting.answers == ["r/a/1"]


async def test_nothing_is_decided_without_the_bus(setting: Setting) -> None:
    setting.later(12, "x")
    await suspected(setting)
    setting.bus.connected = False
    setting.later(2, "x")
    assert await setting.decided() == []
    setting.bus.connected = True
    assert len(await setting.decided()) == 1


async def test_a_copy_beside_one_of_an_earlier_dispatch_is_judged_for_itself(setting: Setting) -> None:
    """Both have the same attempt, and the worker holds both. To answer for one is not to answer for the other."""
    setting.driver.run.nodes["a"].dispatch = 1
    setting.later(12, "x")
    await suspected(setting)
    setting.detector.suspect(0, msgspec.structs.replace(COPY, dispatch=1))
    setting.later(2, "x")
    (loss,) = await setting.decided()
    assert isinstance(loss, AttemptLost)
    assert [decode(body, Redundant).dispatch for subject, body in setting.bus.sent if subject == "to.x"] == [
        0,
        1,
    ]


async def test_a_shard_that_others_run_now_is_theirs_to_decide_on(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable("shard 0 is not run by this coordinator now")

    monkeypatch.setattr(setting.shards, "ask", refuse)
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    await setting.decided()
    assert not setting.answers
    assert setting.detector._task is not None
    assert setting.detector._task.done(), "it would call the roll for ever"


async def test_a_shard_that_was_lost_is_not_waited_for(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs it now has to wait for its inputs, which may take long. Nobody calls the roll beside them."""
    setting.bus.consumers["shard_0"] = msgspec.structs.replace(DONE, in_flight=1, acked_below=5)
    setting.later(12, "x")
    await suspected(setting)
    setting.later(2, "x")
    await setting.decided()
    assert setting.detector._task is not None
    assert not setting.detector._task.done(), "what was told before is not committed yet"

    def refuse(_: int) -> None:
        raise Unavailable("shard 0 is not run by this coordinator now")

    monkeypatch.setattr(setting.shards, "actors", refuse)
    await setting.decided()
    assert setting.detector._task.done(), "it would call the roll until its worker is answered"
    assert not setting.answers


async def test_the_dead_leave_the_list_and_what_they_held_is_known_still(setting: Setting) -> None:
    setting.later(59, "x")
    assert [(view.worker, view.state) for view in setting.fleet.views()] == [("w", "silent"), ("x", "live")]
    setting.later(200, "x")
    assert [view.worker for view in setting.fleet.views()] == ["x"]
    assert next((view.worker, view.held) for view in setting.fleet.views(gone=True)) == ("w", (HELD,))


async def test_what_is_recorded_as_lost_is_not_held_any_more(setting: Setting) -> None:
    setting.later(8, "x")
    await suspected(setting)
    setting.later(3, "x")
    assert len(await setting.decided()) == 1
    assert [view.held for view in setting.fleet.views(gone=True)] == [(), ()]
