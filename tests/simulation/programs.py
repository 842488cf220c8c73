"""The programs of a simulation: the real coordinator, the real worker, and a user with the real client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextvars import Context
from datetime import UTC, datetime

import msgspec
import nats.errors

import headrace.runtime.worker as worker_module
from headrace.authoring.retries import Fail
from headrace.bus import BusOptions
from headrace.bus.nats_bus import NatsBus as WorkerBus
from headrace.client import Client as UserClient
from headrace.context import context
from headrace.runtime.attempt import Attempt
from headrace.runtime.settings import WorkerSettings
from headrace_coordinator.bus.nats_bus import NatsBus as CoordinatorBus
from headrace_coordinator.bus.port import BusError
from headrace_coordinator.bus.results import NatsResults
from headrace_coordinator.bus.settings import NatsSettings
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_protocol.cloudevent import CloudEvent, encode_binary
from headrace_protocol.codec import encode
from headrace_protocol.definition import EveryTrigger
from headrace_protocol.errors import Conflict, HeadraceError, NotFound, Unavailable
from headrace_protocol.topology import Topology
from tests.simulation.client import Client, Weather
from tests.simulation.flows import EVENT, TASK, Flow, result_of
from tests.simulation.loop import PROCESS, Process, SimulatedLoop
from tests.simulation.observer import Observer
from tests.simulation.plan import Action, Plan
from tests.simulation.server import Server
from tests.simulation.store import Disk, SimulatedStore

OUTSIDE = Context()
"""Of no process."""
T0_US = 1_700_000_000_000_000
SOURCE = "/simulation"
EXPECTED_FAILURES = (HeadraceError, BusError, nats.errors.Error, OSError)
"""With these a program may end; whoever runs it starts it again."""


class Site:
    """What all programs share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = random.Random(f"{plan.seed}/world")
        self.loop = SimulatedLoop(random.Random(f"{plan.seed}/loop"))
        self.server = Server(self.loop.time, self.loop.call_at)  # type: ignore[arg-type]
        self.weather = Weather()
        self.disk = Disk()
        self.observer = Observer(self.disk.tables, self.loop.time, self.loop.halt)
        self.disk.committed = self.observer.committed
        self.server.on_stored = self.observer.stored
        self.topology = Topology("default", ack_wait_s=plan.ack_wait_s)
        self.flows: dict[str, Flow] = {flow.definition.name: flow for flow in plan.flows}
        self.deployed = asyncio.Event()

    def now_us(self) -> int:
        """What the clock of the process that asks shows."""
        process = PROCESS.get()
        offset_us = 0 if process is None else process.clock_offset_us
        return T0_US + round(self.loop.time() * 1e6) + offset_us

    def client(self, name: str) -> Client:
        return Client(name, self.server, self.weather, self.rng, self.loop)


class SimulatedClock:
    """See `headrace_coordinator.runtime.clock.Clock`."""

    def __init__(self, site: Site) -> None:
        self.now_us = site.now_us

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Program:
    """Something that is started, dies and is started again."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        self.starts = 0
        self.process = Process(name)
        self.process.alive = False
        self.client: Client | None = None
        self.reachable = True
        self.clock_offset_us = 0
        self.again_s = 0.3

    def start(self) -> None:
        if self.process.alive:
            return
        self.starts += 1
        self.process = Process(f"{self.name}.{self.starts}")
        self.process.clock_offset_us = self.clock_offset_us
        self.again_s = 0.3
        self.site.observer.tell(f"{self.name} starts")
        self.site.loop.start(self.process, self._main)

    def kill(self, again_s: float) -> None:
        if not self.process.alive:
            return
        self.site.observer.tell(f"{self.name} is dead")
        self.site.observer.note(f"{self.name} dies")
        self.site.loop.kill(self.process)
        if self.client is not None:
            self.client.hang_up()
        self.site.loop.call_later(again_s, self.start)

    def burn(self, callbacks: int, again_s: float) -> None:
        """Kill it some callbacks from now."""
        process = self.process
        process.fuse = callbacks
        process.on_fuse = lambda: self.kill(again_s) if process is self.process else None

    def pause(self, for_s: float) -> None:
        process = self.process
        self.site.loop.pause(process)
        self.site.loop.call_later(for_s, self.site.loop.resume, process)

    def jump(self, by_s: float) -> None:
        self.clock_offset_us += round(by_s * 1e6)
        self.process.clock_offset_us = self.clock_offset_us

    def cut(self, for_s: float) -> None:
        self.reachable = False
        self.site.loop.call_later(for_s, self._reach)
        if self.client is not None:
            self.client.reachable = False
            self.client.cut()

    def _reach(self) -> None:
        self.reachable = True
        if self.client is not None:
            self.client.reachable = True

    def stop(self, again_s: float) -> None:
        """SIGTERM."""
        self.again_s = again_s
        if self.process.alive and self.client is not None:
            self.site.loop.call_soon(self.stopping, context=self.client.context)

    def stopping(self) -> None:
        """What the program does when it is told to stop."""

    def connection(self) -> Client:
        self.client = self.site.client(f"{self.name}-{self.starts}")
        self.client.reachable = self.reachable
        self.client.on_callback_error = self._callback_failed
        return self.client

    def _callback_failed(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):  # of a coordinator that has lost its shard
            self.site.observer.breach("unhandled", f"a callback of {self.name}'s bus: {error!r}")

    async def _main(self) -> None:
        try:
            await self.run()
        except EXPECTED_FAILURES as error:
            self.site.observer.tell(f"{self.name} ends: {type(error).__name__}: {error}")
        except Exception as error:
            self.site.observer.breach("crash", f"{self.name}: {type(error).__name__}: {error}")
            raise
        # The rest happens outside of the process, which is over now.
        world = self.site.loop
        self.process.alive = False
        if self.client is not None:
            self.client.hang_up()
        world.call_later(self.again_s, self.start, context=OUTSIDE)

    async def run(self) -> None:
        raise NotImplementedError


class CoordinatorProgram(Program):
    """A coordinator without its HTTP API."""

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site, name)
        self._stopped = asyncio.Event()
        self.running: RunningCoordinator | None = None
        self.opened = False

    def stopping(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        site = self.site
        self._stopped = asyncio.Event()
        self.opened = False
        store = SimulatedStore(site.disk, site.rng)
        await store.open()
        bus = CoordinatorBus(NatsSettings(), self.name)
        client = self.connection()
        client.on_publish = site.observer.sent
        bus.client = client  # type: ignore[assignment]
        await bus.open()
        self.running = RunningCoordinator(
            site.topology,
            store,
            bus,
            NatsResults(bus, site.topology.bucket),
            SimulatedClock(site),
            shards=site.plan.shards,
            keep_spans=False,
            sweep_s=site.plan.sweep_s,
        )
        await self.running.open()
        self.opened = True
        await self._stopped.wait()
        await self.running.close()
        await bus.close()
        await store.close()


class SimulatedTask:
    """The one task of all workflows; see `headrace.runtime.attempt.RunnableTask`."""

    name = TASK.name
    definition = TASK
    parameters: Mapping[str, object] = dict.fromkeys(TASK.params, object)
    returns: object = object
    is_async = True

    def __init__(self, site: Site) -> None:
        self._site = site

    async def function(self, **arguments: object) -> object:
        here = context()
        site = self._site
        flow = site.flows[here.workflow]
        habit = flow.habits[here.node]
        mark = site.observer.executed(here.run_id, here.node, here.item, here.attempt, arguments)
        struck = habit.struck(here.item)
        if struck and here.attempt <= habit.hangs:
            await asyncio.sleep(10_000)
        if habit.lasts_s:
            await asyncio.sleep(habit.lasts_s)
        if struck and here.attempt <= habit.fails:
            if habit.gives_up:
                raise Fail("no retry can help")
            raise ValueError("broken")
        value = result_of(flow, here.node, here.item, arguments, mark)
        if habit.big:
            site.observer.wrote(encode(value), mark)
        return value


class NoCapture:
    """Stands in for `headrace.runtime.capture.Capture`, which replaces this process' own streams."""

    def __init__(self, *_: object, **__: object) -> None:
        return

    def finish(self, attempt: Attempt) -> None:
        return

    def close(self) -> None:
        return


class WorkerProgram(Program):
    """A worker with the async lane."""

    def __init__(self, site: Site, name: str, slots: int) -> None:
        super().__init__(site, name)
        self.slots = slots
        self._worker: worker_module.Worker | None = None

    def stopping(self) -> None:
        if self._worker is not None:
            self._worker.stop()

    async def run(self) -> None:
        plan = self.site.plan
        settings = WorkerSettings(
            targets=("simulation",),
            bus=BusOptions(name=self.name),
            queues=("default", "gpu"),
            slots=self.slots,
            processes=1,
            prefetch=plan.prefetch,
            ack_wait_s=plan.ack_wait_s,
            heartbeat_s=1.5,
            grace_s=1.0,
            cancel_grace_s=0.5,
            keep_spans=False,
        )
        self._worker = worker_module.Worker(settings)
        self._worker.id = f"{self.name}.{self.starts}"  # type: ignore[assignment]
        await self._worker.run()


class User(Program):
    """Deploys the workflows, then does what the plan says. Does not give up."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "user")
        self._client = UserClient(timeout_s=4.0, shards=site.plan.shards)
        self.accepted: set[str] = set()
        """Runs whose start was answered."""
        self.published: set[str] = set()
        """Events whose publish was acknowledged."""
        self.asked_to_cancel: set[str] = set()
        self.cancelled: set[str] = set()
        self.coordinators: list[CoordinatorProgram] = []

    async def run(self) -> None:
        async with self._client:
            for flow in self.site.plan.flows:
                definition = flow.definition
                await self._until_done(lambda definition=definition: self._client.deploy(definition))
            self.site.deployed.set()
            await asyncio.Event().wait()

    def calm_down(self) -> None:
        """Deploy the workflows once more without their schedules, so that there is an end."""
        for flow in self.site.plan.flows:
            triggers = tuple(t for t in flow.definition.triggers if not isinstance(t, EveryTrigger))
            if triggers != flow.definition.triggers and self.client is not None:
                quiet = msgspec.structs.replace(flow.definition, triggers=triggers)
                work = self._until_done(lambda quiet=quiet: self._client.deploy(quiet))
                self.client.context.run(self.site.loop.create_task, work)

    async def _until_done(self, act: Callable[[], object]) -> object:
        while True:
            try:
                return await act()  # type: ignore[misc]
            except (Conflict, NotFound):
                raise
            except HeadraceError:
                await asyncio.sleep(0.5)

    def act(self, action: Action) -> None:
        """Begin an action, in this program's own process."""
        acts = {"start": self._start, "event": self._event, "cancel": self._cancel}
        if self.client is not None:
            work = acts[action.kind]
            self.client.context.run(lambda: self.site.loop.create_task(work(action), name=action.kind))

    async def _start(self, action: Action) -> None:
        await self.site.deployed.wait()
        workflow = self.site.plan.flows[action.number].definition.name
        try:
            await self._until_done(lambda: self._client.start_run(workflow, run_id=action.name))
        except (Conflict, NotFound) as error:
            self.site.observer.breach("I1", f"the start of {action.name} was refused: {error}")
        self.accepted.add(action.name)
        self.site.observer.tell(f"run {action.name} is accepted")

    async def _cancel(self, action: Action) -> None:
        await self.site.deployed.wait()
        self.asked_to_cancel.add(action.name)
        try:
            await self._until_done(lambda: self._client.cancel_run(action.name, by="the simulation"))
        except (Conflict, NotFound):
            return
        self.cancelled.add(action.name)

    async def _event(self, action: Action) -> None:
        await self.site.deployed.wait()
        when = datetime(2024, 1, 1, tzinfo=UTC)
        await self._until_done(
            lambda: self._client.publish(EVENT, {"n": 1}, id=action.name, source=SOURCE, time=when)
        )
        self.published.add(action.name)
        event = CloudEvent(id=action.name, source=SOURCE, type=EVENT, data={"n": 1})
        for copy in range(1, action.number):
            await asyncio.sleep(self.site.rng.random() * 2)
            if copy == 1:
                sent, body = encode_binary(event)  # by another way, without a message id
                if self.client is not None:
                    await self.client.publish(self.site.topology.subjects.event(EVENT), body, "", sent)
            else:
                self._by_http(event)

    def _by_http(self, event: CloudEvent) -> None:
        for program in self.coordinators:
            running, client = program.running, program.client
            if program.process.alive and program.opened and running is not None and client is not None:
                client.context.run(self._post, running, event)

    def _post(self, running: RunningCoordinator, event: CloudEvent) -> None:
        async def post() -> None:
            try:
                await running.event(event)
            except (HeadraceError, asyncio.CancelledError):
                return

        self.site.loop.create_task(post(), name="http")


def worker_connect(
    site: Site, programs: Callable[[], Mapping[str, Program]]
) -> Callable[[BusOptions], object]:
    """Stands in for `headrace.bus.nats_bus.connect`."""

    async def connect(options: BusOptions) -> WorkerBus:
        process = PROCESS.get()
        if process is None:
            raise RuntimeError("nobody connects outside of a process")
        program = programs()[process.name.rpartition(".")[0]]
        bus = WorkerBus(program.connection(), options)  # type: ignore[arg-type]
        await bus.open()
        return bus

    return connect
