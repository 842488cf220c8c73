"""The programs of a simulation: the real coordinator, the real worker, and a user with the real client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial

import msgspec

import headrace.runtime.worker as worker_module
from headrace.authoring.retries import Fail, Retry
from headrace.bus import BusOptions, Delivery
from headrace.bus.nats_bus import NatsBus as WorkerBus
from headrace.client import Client as UserClient
from headrace.context import context
from headrace.runtime.attempt import Attempt
from headrace.runtime.failures import Failure
from headrace.runtime.lanes import InlineLane
from headrace.runtime.runner import Runner
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.surroundings import Surroundings
from headrace_coordinator.bus.nats_bus import NatsBus as CoordinatorBus
from headrace_coordinator.bus.results import NatsResults
from headrace_coordinator.bus.settings import NatsSettings
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_coordinator.service.options import Options
from headrace_coordinator.store.port import RetentionPolicy
from headrace_protocol.cloudevent import CloudEvent, encode_binary
from headrace_protocol.codec import encode, raw
from headrace_protocol.definition import Isolation, Priority, WorkflowDefinition
from headrace_protocol.errors import Conflict, HeadraceError, NotFound, Unavailable
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import CancelRun, StartRun, TaskMessage
from tests.simulation.flows import EVENT, TASK, Flow, result_of
from tests.simulation.loop import PROCESS, running
from tests.simulation.plan import HTTP, QUIET, Action, is_foreign
from tests.simulation.site import Program, SimulatedClock, Site
from tests.simulation.store import SimulatedStore

SOURCE = "/simulation"
HTTP_TIMEOUT_S = 4.0
REPLAY_S = 1.0
"""Short, so that events which were read are deleted while runs go on."""


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
        store = SimulatedStore(site.disk, site.rng, embedded=site.plan.embedded)
        await store.open()
        client = self.connection()
        client.on_publish = site.observer.sent
        client.on_arrival = partial(site.observer.lost_attempts.heard, self.process.name)
        bus = CoordinatorBus(client, NatsSettings(), self.name)  # type: ignore[arg-type]
        await bus.open()
        results = NatsResults(bus, site.topology.bucket)
        self.running = RunningCoordinator(
            Parts(site.topology, store, bus, results, SimulatedClock(site)),
            Options(
                shards=site.plan.shards,
                keep_spans=False,
                sweep_s=site.plan.sweep_s,
                trim_s=site.plan.trim_s,
                retention=RetentionPolicy(replay_s=REPLAY_S),
            ),
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
        mark = site.observer.executed(here.run_id, here.node, here.item, here.attempt, arguments)
        process = PROCESS.get()
        name = "" if process is None else process.name
        with site.observer.lost_attempts.executing(name, here.run_id, here.node, here.item, here.attempt):
            return await self._work(name, flow, mark, arguments)

    async def _work(self, process: str, flow: Flow, mark: int, arguments: dict[str, object]) -> object:
        here, site = context(), self._site
        habit = flow.habits[here.node]
        struck = habit.struck(here.item)
        if struck and here.attempt <= habit.kills:
            site.poison(process)
            await asyncio.sleep(10_000)
        if struck and here.attempt <= habit.hangs:
            await asyncio.sleep(10_000)
        if habit.lasts_s:
            await asyncio.sleep(habit.lasts_s)
        if struck and here.attempt <= habit.fails:
            if habit.gives_up:
                raise Fail("no retry can help")
            if habit.asks_s:
                raise Retry("not yet", after=habit.asks_s)
            raise ValueError("broken")
        value = result_of(flow, here.node, here.item, arguments, mark)
        if habit.big:
            site.observer.results.wrote(encode(value), mark)
        return value


class NoCapture:
    """Stands in for `headrace.runtime.capture.Capture`, which replaces this process' own streams."""

    def __init__(self, *_: object, **__: object) -> None:
        return

    def finish(self, attempt: Attempt, failure: Failure | None = None) -> None:
        return

    def close(self) -> None:
        return


class ForeignRunner(Runner):
    """Of a worker that is not ours: it starts at once what was delivered before, and tells how often it was."""

    def receive(self, message: TaskMessage, delivery: Delivery, *, room: bool = True) -> None:
        super().receive(message, msgspec.structs.replace(delivery, count=1), room=room)
        held = self._held.get(attempt_key(message.run_id, message.node, message.item, message.attempt))
        if held is not None:
            held.delivery = delivery.count


def runner(site: Site, *arguments: object) -> Runner:
    """The runner of the worker that is being started."""
    kind = ForeignRunner if is_foreign(site.plan, running()) else Runner
    return kind(*arguments)  # type: ignore[arg-type]


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
        self._worker = worker_module.Worker(
            settings, within=Surroundings(lanes={Isolation.ASYNC: InlineLane()})
        )
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
        self._deploying = asyncio.Lock()

    async def run(self) -> None:
        async with self._client:
            for flow in self.site.plan.flows:
                await self._make_current(flow.definition)
            self.site.deployed.set()
            await asyncio.Event().wait()

    def calm_down(self) -> None:
        """Deploy the workflows once more without their schedules, so that there is an end."""
        for number, flow in enumerate(self.site.plan.flows):
            if flow.clocked:
                self.act(Action(self.site.loop.time(), "deploy", number=number, name=QUIET))

    async def _make_current(self, definition: WorkflowDefinition, *, http: bool = False) -> None:
        """One deploy after the other: what is asked for last is what must stay."""
        async with self._deploying:
            self.site.observer.wanted[definition.name] = definition.version()
            if http:
                await self._until_done(lambda: self._by_http(lambda running: running.deploy(definition)))
            else:
                await self._until_done(lambda: self._client.deploy(definition))
            versions = self.site.disk.tables.definitions.get(definition.name, {})
            same = next(reversed(versions), "") == definition.version()
            self.site.observer.require(same, "deploy", f"{definition.name} is deployed, and not current")

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
        acts = {
            "start": self._start,
            "event": self._event,
            "cancel": self._cancel,
            "retry": self._retry,
            "deploy": self._deploy,
            "garbage": self._garbage,
        }
        if self.client is not None:
            work = acts[action.kind]
            self.client.context.run(lambda: self.site.loop.create_task(work(action), name=action.kind))

    async def _start(self, action: Action) -> None:
        await self.site.deployed.wait()
        workflow = self.site.plan.flows[action.number].definition.name
        command = StartRun(run_id=action.name, workflow=workflow, params=raw({}), trigger="manual")
        try:
            if action.who == HTTP:
                await self._until_done(lambda: self._by_http(lambda running: running.start(command)))
            else:
                await self._until_done(lambda: self._client.start_run(workflow, run_id=action.name))
        except (Conflict, NotFound) as error:
            self.site.observer.breach("I1", f"the start of {action.name} was refused: {error}")
        self.accepted.add(action.name)
        self.site.observer.tell(f"run {action.name} is accepted")

    async def _deploy(self, action: Action) -> None:
        await self.site.deployed.wait()
        flow = self.site.plan.flows[action.number]
        wanted = flow.quiet if action.name == QUIET else flow.definition
        await self._make_current(wanted, http=action.who == HTTP)

    async def _cancel(self, action: Action) -> None:
        await self.site.deployed.wait()
        self.asked_to_cancel.add(action.name)
        command = CancelRun(run_id=action.name, by="the simulation")
        try:
            if action.who == HTTP:
                await self._until_done(lambda: self._by_http(lambda running: running.cancel(command)))
            else:
                await self._until_done(lambda: self._client.cancel_run(action.name, by=command.by))
        except (Conflict, NotFound):
            return
        self.cancelled.add(action.name)

    async def _retry(self, action: Action) -> None:
        """Of a run that has failed or was cancelled: of any other it is refused."""
        await self.site.deployed.wait()
        self.site.observer.asked_to_retry.add(action.name)
        command = RetryRun(action.name, by="the simulation")
        with suppress(Conflict, NotFound):
            await self._until_done(lambda: self._by_http(lambda running: running.retry(command)))

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
                    self.client.send(self.site.topology.subjects.event(EVENT), body, headers=sent)
            else:
                with suppress(HeadraceError):
                    await self._by_http(lambda running: running.events((event,)))

    async def _garbage(self, action: Action) -> None:
        """What cannot be understood goes to the dead letters, and keeps nothing else from being done."""
        subjects = self.site.topology.subjects
        places = (
            subjects.task("default", Priority.NORMAL),
            subjects.input(0, "outcome", "default"),
            subjects.input(0, "command", "somebody"),
            subjects.input(0, "unheard_of", "somebody"),
            subjects.event(EVENT),
        )
        for place in places[: action.number]:
            if self.client is not None:
                self.client.send(place, b"\xc1garbage")

    async def _by_http(self, ask: Callable[[RunningCoordinator], Awaitable[object]]) -> object:
        """What the HTTP API does, without HTTP: a coordinator works on it, in its own process."""
        loop, mine = self.site.loop, copy_context()
        found = [program for program in self.coordinators if program.process.alive and program.opened]
        program = self.site.rng.choice(found) if found else None
        if program is None or program.client is None or program.running is None:
            raise Unavailable("no coordinator serves HTTP")
        running, answer = program.running, asyncio.get_running_loop().create_future()

        def answered(result: object) -> None:
            if not answer.done():
                answer.set_result(result)

        async def work() -> None:
            result: object
            try:
                result = await ask(running)
            except (HeadraceError, asyncio.CancelledError) as error:
                result = error
            loop.call_soon(answered, result, context=mine)

        program.client.context.run(loop.create_task, work())
        try:
            result = await asyncio.wait_for(answer, HTTP_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("no coordinator has answered") from None
        if isinstance(result, HeadraceError):
            raise result
        if isinstance(result, BaseException):
            raise Unavailable("the coordinator has gone")
        return result


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
