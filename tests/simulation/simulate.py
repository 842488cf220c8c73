"""Runs a plan from beginning to end, and says what was wrong with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import msgspec

import headrace.bus.nats_bus as worker_bus
import headrace.runtime.attempt as attempt_module
import headrace.runtime.worker as worker_module
import headrace_coordinator.engine.ready_line as ready_line_module
import headrace_coordinator.runtime.capacity as capacity_module
import headrace_protocol.ids as ids_module
import headrace_protocol.topology as topology_module
from headrace_coordinator.bus.memory.streams import Stored
from headrace_coordinator.engine.state import RunHead, RunState
from headrace_protocol.definition import EventTrigger
from headrace_protocol.errors import ErrorCode
from headrace_protocol.ids import derived_run_id
from headrace_protocol.messages import Result
from tests.simulation.flows import Expected, Flow, expect, pure
from tests.simulation.journal import Breach
from tests.simulation.plan import FAULTS_END_S, Action, Plan
from tests.simulation.programs import (
    SOURCE,
    CoordinatorProgram,
    NoCapture,
    SimulatedTask,
    User,
    WorkerProgram,
    runner,
    worker_connect,
)
from tests.simulation.site import Program, Site

PATIENCE_S = 400.0
"""Virtual seconds after the last fault within which everything must have come to its end."""
LOOK_EVERY_S = 0.5
CLAIM_CHECK = 1_024
ZOMBIE_S = 20.0
"""A coordinator that is not ready for so long is started again by whoever watches it."""


class Report(msgspec.Struct, frozen=True):
    """What came of a plan."""

    plan: Plan
    breaches: tuple[Breach, ...]
    digest: str
    ended_s: float
    commits: int
    executions: int
    turns: int
    callbacks: dict[str, int]
    """That each process had run when faults end."""
    story: tuple[tuple[float, str], ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.breaches)


def simulate(plan: Plan, *, story: bool = False, mutant: Callable[[Site], None] | None = None) -> Report:
    """Run a plan. `mutant` may break the running code on purpose."""
    with _quiet(), ExitStack() as stack:
        site = Site(plan)
        stack.enter_context(_replaced(site))
        if story:
            site.observer.story = []
        if mutant is not None:
            mutant(site)
        simulation = _Simulation(site)
        stack.callback(site.loop.close)
        try:
            simulation.run()
        except RuntimeError as error:
            site.observer.breach("liveness", str(error))
        observer = site.observer
        return Report(
            plan,
            tuple(observer.breaches),
            f"{observer.digest}{site.rng.getrandbits(32):08x}",
            site.loop.time(),
            observer.commits,
            observer.executions,
            site.loop.turns,
            simulation.callbacks,
            tuple(observer.story or ()),
        )


class _Simulation:
    """One plan, being carried out."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.user = User(site)
        self.coordinators = [CoordinatorProgram(site, f"coordinator-{number}") for number in range(2)]
        self.workers = [
            WorkerProgram(site, f"worker-{number}", slots) for number, slots in enumerate(site.plan.slots)
        ]
        self.user.coordinators = self.coordinators
        programs: list[Program] = [self.user, *self.coordinators, *self.workers]
        self.programs = {program.name: program for program in programs}
        self.rival = False
        self.healed = False
        self.callbacks: dict[str, int] = {}
        self.required: set[str] = set()
        self.excused: set[str] = set()
        self.not_ready: dict[str, float] = {}
        self.suspects: list[asyncio.Task[object]] = []
        site.server.on_erased = self._erased
        site.poison = self._poison

    def run(self) -> None:
        site, loop = self.site, self.site.loop
        connect = worker_connect(site, lambda: self.programs)
        worker_module.connect = worker_bus.connect = connect  # type: ignore[assignment]
        loop.call_later(0.0, self.coordinators[0].start)
        loop.call_later(0.0, self.user.start)
        for worker in self.workers:
            loop.call_later(site.rng.random() * 0.2, worker.start)
        for action in site.plan.actions:
            loop.call_later(action.at_s, self._begin, action)
        loop.call_later(FAULTS_END_S, self._heal)
        loop.call_later(LOOK_EVERY_S, self._look)
        loop.run_until(FAULTS_END_S + PATIENCE_S)
        for message, error in loop.errors:
            shown = "".join(traceback.format_exception(error)[-3:]) if error is not None else ""
            site.observer.breach("unhandled", f"{message}: {error!r} {shown}")
        if not site.observer.breaches:
            self._judge()

    # -- misfortunes -------------------------------------------------------------------------------

    def _begin(self, action: Action) -> None:
        site = self.site
        site.observer.note(str(action))
        site.observer.tell(f"== {action}")
        program = self.programs.get(action.who)
        loop = site.loop
        match action.kind:
            case "start" | "event" | "cancel" | "retry" | "deploy" | "garbage":
                self.user.act(action)
            case "kill" if program is not None:
                program.burn(action.number, action.for_s)
            case "pause" if program is not None:
                program.pause(action.for_s)
            case "stop" if program is not None:
                program.stop(action.for_s)
            case "cut" if program is not None:
                program.cut(action.for_s)
            case "clock" if program is not None:
                program.jump(action.by_s)
            case "wipe" | "roll_back" | "outage":
                site.weather.down = True
                for known in self.programs.values():
                    if known.client is not None:
                        known.client.cut()
                if action.kind == "wipe":
                    site.server.wipe()
                elif action.kind == "roll_back":
                    site.observer.deliveries.renumbered = True
                    site.server.roll_back(action.number)
                loop.call_later(action.for_s, setattr, site.weather, "down", False)
            case "storm":
                site.weather.loss, site.weather.slow_s = action.by_s, action.by_s
                loop.call_later(action.for_s, self._calm)
            case "delete":
                site.server.delete(site.topology.stream(action.name))
            case "hurry":
                site.server.hurry()
            case "leaders":
                site.server.change_leaders()
            case "full" | "unreadable":
                setattr(site.disk, action.kind, True)
                loop.call_later(action.for_s, setattr, site.disk, action.kind, False)
            case "rival":
                self.rival = True
                self.coordinators[1].start()
            case kind:
                raise ValueError(kind)

    def _poison(self, process: str) -> None:
        """A task has killed its own process; whoever runs it starts it again."""
        program = self.programs[process.rpartition(".")[0]]
        if program.process.name == process:
            program.burn(1, 0.5)

    def _calm(self) -> None:
        self.site.weather.loss = self.site.weather.slow_s = 0.0

    def _heal(self) -> None:
        """Everything works from now on."""
        site = self.site
        site.observer.tell("== nothing goes wrong from here on")
        self._calm()
        site.weather.down = site.disk.full = site.disk.unreadable = False
        self.healed = True
        self.callbacks = {name: program.process.callbacks for name, program in self.programs.items()}
        for program in self.programs.values():
            program.process.fuse = -1
            if program.client is not None:
                program.client.reachable = True
            program.reachable = True
            site.loop.resume(program.process)
            if self.rival or program is not self.coordinators[1]:
                program.start()
        self.user.calm_down()
        self.required = set(site.disk.tables.runs)

    def _erased(self, message: Stored) -> None:
        """An event that the bus lost before anybody had read it starts nothing."""
        self.site.observer.erased(message)
        name = (message.headers or {}).get("ce-id", "")
        if name:
            self.excused |= {
                run_id for run_id in self._started_by(name) if run_id not in self.site.disk.tables.runs
            }

    def _started_by(self, event: str) -> set[str]:
        return {
            derived_run_id("default", flow.definition.name, trigger.id, f"{SOURCE}\0{event}")
            for flow in self.site.plan.flows
            for trigger in flow.definition.triggers
            if isinstance(trigger, EventTrigger)
        }

    # -- the end -----------------------------------------------------------------------------------

    def _look(self) -> None:
        self._watch()
        self._find_neglected()
        if self.site.loop.errors:
            self.site.loop.halt()
            return
        if self.healed and not self._missing():
            self.site.loop.halt()
            return
        self.site.loop.call_later(LOOK_EVERY_S, self._look)

    def _find_neglected(self) -> None:
        """Background tasks that died without anybody noticing."""
        found = self.site.loop.neglected()
        for task in found:
            if task in self.suspects:
                error = task.exception()
                self.site.observer.breach("unhandled", f"the task {task.get_name()!r} has died of {error!r}")
        self.suspects = found

    def _watch(self) -> None:
        """What a process supervisor does with its probes."""
        now = self.site.loop.time()
        for program in self.coordinators:
            running = program.running
            well = not program.opened or running is None or running.readiness().ready
            if well or not program.process.alive:
                self.not_ready[program.name] = now
            elif now - self.not_ready.get(program.name, now) > ZOMBIE_S:
                program.kill(0.1)

    def _missing(self) -> list[str]:
        """What has still to happen."""
        tables = self.site.disk.tables
        wanted = self.required | self.user.accepted
        for event in self.user.published:
            wanted |= self._started_by(event)
        found = []
        for run_id in sorted(wanted):
            run = tables.runs.get(run_id)
            if run is None:
                if run_id not in self.excused:
                    found.append(f"run {run_id} was accepted and is not there")
            elif run.head.state is RunState.RUNNING:
                found.append(f"run {run_id} is not finished")
        starts = [action.name for action in self.site.plan.actions if action.kind == "start"]
        found += [f"the start of {name} is not answered" for name in starts if name not in self.user.accepted]
        observer = self.site.observer
        found += [
            f"{name} was committed and never published"
            for name in observer.promised.keys() - observer.arrived
        ]
        tasks = self.site.server.streams.get(self.site.topology.stream("TASKS"))
        if tasks is not None:
            found += observer.deliveries.unsettled(tasks.messages.values())
        return found

    def _judge(self) -> None:
        """Compare the end with what the workflows mean."""
        observer = self.site.observer
        missing = self._missing()
        if missing:
            lost = any("is not there" in line for line in missing)
            observer.breach("I1" if lost else "liveness", "; ".join(sorted(missing)[:4]))
        for run_id, run in self.site.disk.tables.runs.items():
            if run.head.state is not RunState.RUNNING:
                self._judge_run(run_id, run.head, self.site.flows[run.head.workflow])
        for run_id in self.user.cancelled:
            state = self.site.disk.tables.runs[run_id].head.state
            kept = state is RunState.CANCELLED or run_id in observer.retried
            observer.require(kept, "I6", f"{run_id} was cancelled and is {state}")

    def _judge_run(self, run_id: str, head: RunHead, flow: Flow) -> None:
        expected = expect(flow, {})
        observer = self.site.observer
        if head.state is RunState.CANCELLED:
            observer.require(run_id in self.user.asked_to_cancel, "model", f"{run_id} is cancelled by nobody")
            return
        if head.state == expected.state:
            if head.state is RunState.SUCCEEDED:
                found = self._output(head.output)
                same = found is ... or found == expected.output
                observer.require(same, "model", f"{run_id} returned {found}, not {expected.output}")
            return
        observer.require(
            _excusable(head, flow, expected),
            "model",
            f"{run_id} {head.state} ({head.error.code + ': ' + head.error.message if head.error else ''}), "
            f"not {expected.state}",
        )

    def _output(self, output: Result | None) -> object:
        """The output's pure part; `...` where it went with the bus."""
        if output is None:
            return None
        if output.stored is None:
            value = msgspec.msgpack.decode(output.value)
            return ... if _holds_stored(value) else pure(value)
        key = output.stored.uri.split("/", 3)[3]
        body = self.site.server.buckets.get(self.site.topology.bucket, {}).get(key)
        return ... if body is None else pure(msgspec.msgpack.decode(body))


def _holds_stored(value: object) -> bool:
    if isinstance(value, dict):
        return "stored" in value or any(_holds_stored(member) for member in value.values())
    return isinstance(value, list) and any(_holds_stored(member) for member in value)


def _excusable(head: RunHead, flow: Flow, expected: Expected) -> bool:
    """Timeouts and deadlines pass while nothing moves."""
    if head.state is not RunState.FAILED or head.error is None or expected.state != "succeeded":
        return False
    if head.error.code == ErrorCode.TASK_LOST:
        return True  # whether it was lost that often, the observer knows
    if head.error.code == ErrorCode.RUN_DEADLINE:
        return flow.definition.deadline_s is not None
    limited = any(node.options.timeout_s is not None for node in flow.definition.nodes)
    late = head.error.code in (ErrorCode.TASK_TIMEOUT, ErrorCode.RUN_DEADLINE)
    return late and (limited or flow.definition.deadline_s is not None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged, and nothing is collected in between: what is collected runs `finally` clauses."""
    before, collecting = logging.root.manager.disable, gc.isenabled()
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        yield
    finally:
        logging.disable(before)
        if collecting:
            gc.enable()


@contextmanager
def _replaced(site: Site) -> Iterator[None]:
    """Time, chance and the network are the simulation's."""
    task = SimulatedTask(site)
    # Apart from what moves the world: a lazy import may draw from it, the first time.
    names = random.Random(site.plan.seed)
    changes: list[tuple[object, str, object]] = [
        (os, "urandom", names.randbytes),
        (ids_module, "urandom", names.randbytes),
        (attempt_module, "time_ns", lambda: site.now_us() * 1_000),
        (worker_module, "_tasks", lambda _: {task.name: task}),
        (worker_module, "Capture", NoCapture),
        (worker_module, "connect", None),
        (worker_module, "Runner", partial(runner, site)),
        (worker_bus, "connect", None),
        (topology_module, "CLAIM_CHECK_BYTES", CLAIM_CHECK),
        (capacity_module, "PER_SLOT", site.plan.room[0]),
        (capacity_module, "SPARE", site.plan.room[1]),
        (ready_line_module, "DEFAULT_LIMIT", site.plan.room[2]),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in changes]
    for place, name, value in changes:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
        asyncio._set_running_loop(None)
