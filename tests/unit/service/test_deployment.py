"""The order in which deploys take effect."""

from __future__ import annotations

import msgspec
import pytest

from headrace_coordinator.bus.port import Incoming, StreamState
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.schedules.runner import ScheduleRunner
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.deployment import Deployment
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import StreamIdentity, Transaction
from headrace_coordinator.triggers.events import Matcher
from headrace_coordinator.triggers.params import schedule_params
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.deploys import DeployMember
from headrace_protocol.messages import CommandReply, DeploySet
from headrace_protocol.topology import Topology
from tests.engine.building import node, plan_of
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults

INPUTS = "HR_INPUTS_n"


class Shards:
    """Writes what it is given."""

    count = 1

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        transaction = Transaction()
        if envelope.write is not None:
            envelope.write(transaction)
        await self._store.commit(transaction)
        return []


class Setting:
    """A workflow `w` and those who deploy it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.bus = FakeBus()
        clock = FakeClock()
        self.parts = Parts(Topology("n"), store, self.bus, FakeResults(), clock)  # type: ignore[arg-type]
        shards = Shards(store)
        schedules = ScheduleRunner("n", store, shards, clock, schedule_params)
        self.matcher = Matcher("n", clock.now_us)
        self.catalog = Catalog(self.parts, self.matcher, schedules, shards)  # type: ignore[arg-type]
        self.deployment = Deployment(self.parts, self.catalog)

    async def stream(self, created: str) -> None:
        await self.store.commit(Transaction(streams=[StreamIdentity(INPUTS, created, 0)]))

    async def by_bus(self, param: str, sequence: int, *, count: int = 1) -> None:
        reply = f"$JS.ACK.{INPUTS}.shard_0.{count}.{sequence}.1.1700000000.0"
        message = Incoming("hr.n.in.0.command.client", {}, b"", reply)
        await self.deployment.deploy(definition(param), message)

    async def by_http(self, param: str) -> None:
        await self.deployment.deploy(definition(param))

    async def current(self) -> str:
        return next(iter((await self.parts.registry.entry("w")).definition.params))


def definition(param: str) -> WorkflowDefinition:
    return msgspec.structs.replace(plan_of(node("a")).definition, name="w", params={param: {}})


@pytest.fixture
async def setting() -> Setting:
    store = MemoryStore()
    await store.open()
    made = Setting(store)
    await made.stream("monday")
    return made


async def test_what_comes_again_does_not_undo_what_came_after_it(setting: Setting) -> None:
    await setting.by_bus("first", 1)
    await setting.by_bus("second", 2)
    await setting.by_bus("first", 1, count=2)
    assert await setting.current() == "second"


async def test_a_deploy_that_changed_nothing_counts_too(setting: Setting) -> None:
    await setting.by_bus("second", 1)
    await setting.by_bus("second", 3)
    await setting.by_bus("first", 2, count=2)
    assert await setting.current() == "second"


async def test_what_comes_for_the_first_time_is_carried_out(setting: Setting) -> None:
    """Also where the stream has lost its newest messages and uses their sequences again."""
    await setting.by_bus("first", 7)
    await setting.by_bus("second", 6)
    assert await setting.current() == "second"


async def test_what_nobody_has_carried_out_is_when_it_comes_again(setting: Setting) -> None:
    await setting.by_bus("first", 1)
    await setting.by_bus("second", 2, count=2)
    assert await setting.current() == "second"


async def test_a_new_stream_counts_from_the_beginning(setting: Setting) -> None:
    await setting.by_bus("first", 7)
    await setting.stream("tuesday")
    await setting.by_bus("second", 1, count=2)
    assert await setting.current() == "second"


async def test_a_deploy_over_http_is_later_than_what_waits_on_the_bus(setting: Setting) -> None:
    setting.bus.streams = [StreamState(INPUTS, "monday", 4)]
    await setting.by_http("second")
    await setting.by_bus("first", 3, count=2)
    assert await setting.current() == "second"
    setting.bus.connected = False
    await setting.by_http("third")
    assert await setting.current() == "third"


def of_set(*names: str) -> DeploySet:
    return DeploySet(
        members=tuple(
            DeployMember(definition=msgspec.structs.replace(definition("set"), name=name), set="s")
            for name in names
        )
    )


async def set_by_bus(setting: Setting, sequence: int, *names: str, count: int = 1) -> list[str]:
    reply = f"$JS.ACK.{INPUTS}.shard_0.{count}.{sequence}.1.1700000000.0"
    message = Incoming("hr.n.in.0.command.client", {}, b"", reply)
    answer = await setting.deployment.deploy_set(of_set(*names), message)
    assert answer.error is None
    return [f"{result.workflow} {result.state}" for result in answer.results]


async def test_a_set_that_comes_again_changes_nothing(setting: Setting) -> None:
    await set_by_bus(setting, 1, "v", "w")
    await setting.by_bus("later", 2)
    again = await set_by_bus(setting, 1, "v", "w", count=2)
    assert sorted(again) == ["v unchanged", "w unchanged"]
    assert await setting.current() == "later"


async def test_a_set_that_comes_late_leaves_what_was_deployed_after_it(setting: Setting) -> None:
    await setting.by_bus("later", 2)
    late = await set_by_bus(setting, 1, "v", "w", count=2)
    assert late == ["v deployed", "w unchanged"]
    assert await setting.current() == "later"
    assert not await setting.store.cursor("deploy w monday") < 2
