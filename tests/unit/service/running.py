"""A real coordinator on the memory store and the memory bus, whose lives follow each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from headrace_coordinator.bus.memory import MemoryBus, MemoryResults, Network
from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.runtime.orders import OrderKind, OrderReply, WorkflowOrder
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_coordinator.service.options import Options
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import RunFilter
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.codec import raw
from headrace_protocol.definition import EventTrigger, Trigger, WorkflowDefinition
from headrace_protocol.deploys import DeployMember, DeployPart, DeployResult, Prune
from headrace_protocol.ids import new_run_id
from headrace_protocol.messages import CancelRun, CommandReply, DeploySet, StartRun
from headrace_protocol.topology import Topology
from tests.engine.building import node, plan_of

EVENT = EventTrigger(
    id="placed", type="orders.placed", where="event.data.n > 0", params={"a": "event.data.n"}
)


def workflow(name: str, *triggers: Trigger, doc: str = "") -> WorkflowDefinition:
    return msgspec.structs.replace(
        plan_of(node("one")).definition, name=name, triggers=triggers, doc=doc, params={"a": {}}
    )


def member(
    definition: WorkflowDefinition, file: str = "a.py", set_name: str = "", code: str = ""
) -> DeployMember:
    return DeployMember(definition=definition, set=set_name or file, file=file, code=code)


def deploy_set(*members: DeployMember, files: tuple[str, ...] | None = None, **more: object) -> DeploySet:
    """A deploy of whole files, unless others are named."""
    parts = tuple(dict.fromkeys((one.set, one.file) for one in members))
    if files is not None:
        parts = tuple((members[0].set if members else file, file) for file in files)
    return DeploySet(
        members=members,
        parts=tuple(DeployPart(set=set_name, file=file) for set_name, file in parts),
        **more,  # type: ignore[arg-type]
    )


class Running:
    """One life of a coordinator."""

    def __init__(self, coordinator: RunningCoordinator, store: MemoryStore) -> None:
        self.coordinator = coordinator
        self.store = store

    async def deploy(self, *members: DeployMember, **more: object) -> CommandReply:
        return await self.coordinator.deploy_set(deploy_set(*members, **more))  # type: ignore[arg-type]

    async def order(self, kind: OrderKind, name: str, **more: object) -> OrderReply:
        order = WorkflowOrder(kind=kind, workflow=name, by="ada", reason="test", **more)  # type: ignore[arg-type]
        return await self.coordinator.order(order)

    async def publish(self, event_id: str, n: int = 1, kind: str = "orders.placed") -> tuple[str, ...]:
        event = CloudEvent(
            id=event_id, source="/t", type=kind, data={"n": n}, datacontenttype="application/json"
        )
        (taken,) = await self.coordinator.events([event])
        return taken.runs

    async def start(self, name: str) -> str:
        command = StartRun(run_id=new_run_id(), workflow=name, params=raw({}), trigger="manual")
        return (await self.coordinator.start(command)).run_id

    async def cancel(self, run_id: str) -> None:
        await self.coordinator.cancel(CancelRun(run_id=run_id))

    async def events_of(self, name: str) -> list[str]:
        """Ids of the events that started runs of a workflow, in the order in which they started them."""
        heads = await self.store.runs(RunFilter(workflow=name), None, 1_000)
        return [head.event_id for head in reversed(heads)]

    async def resumed(self, name: str) -> None:
        """Wait until nothing is kept for a workflow's triggers any more."""
        async with asyncio.timeout(10):
            while any(state.workflow == name and state.holds for state in await self.store.workflow_states()):
                await asyncio.sleep(0.001)

    async def kinds(self, name: str) -> list[str]:
        return [change.kind for change in await self.store.workflow_changes(name, None, 100)]


@asynccontextmanager
async def running(store: MemoryStore) -> AsyncIterator[Running]:
    """A life on a store, with a bus of its own."""
    loop, clock, topology = asyncio.get_running_loop(), SystemClock(), Topology("n")
    network = Network(loop, clock.now_us() - round(loop.time() * 1e6))
    connection = network.connect("coordinator", BusError, BusError)
    await store.open()
    parts = Parts(
        topology, store, MemoryBus(connection), MemoryResults(network.server, topology.bucket), clock
    )
    coordinator = RunningCoordinator(parts, Options(keep_spans=False, trim_s=0.0))
    await coordinator.open()
    try:
        yield Running(coordinator, store)
    finally:
        await coordinator.close()
        connection.close()
        await store.close()


def states(results: tuple[DeployResult, ...]) -> dict[str, str]:
    return {result.workflow: result.state.value for result in results}


FILES, WHOLE = Prune.FILES, Prune.SET
