"""An environment from the inside: the real coordinator and the real workers, as programs on a virtual loop."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from headrace.bus import Bus, BusError, BusOptions, Disconnected
from headrace.runtime.lanes import Lane
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.surroundings import Surroundings
from headrace.runtime.worker import Worker
from headrace.testing.bus import WorkerBus
from headrace.testing.clock import VirtualClock, moment
from headrace.testing.errors import RunStuck
from headrace.testing.lockstep import AsyncLane, LockstepLane
from headrace.testing.loop import Spinning, VirtualLoop
from headrace.testing.points import Points
from headrace.testing.programs import Program
from headrace.testing.replacing import ReplaceableTask
from headrace.testing.screen import Screen
from headrace_protocol.codec import decode
from headrace_protocol.definition import Isolation
from headrace_protocol.errors import Conflict
from headrace_protocol.ids import WorkerId
from headrace_protocol.messages import LogBatch, LogLine, Span, SpanBatch
from headrace_protocol.topology import Topology

if TYPE_CHECKING:
    from headrace_coordinator.local import Connection, InProcess

T = TypeVar("T")

CLOSE_S = 60.0
"""Virtual time in which everything may come to an orderly end."""


class SiteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment is made of."""

    start: datetime
    workers: int
    slots: int
    queues: tuple[str, ...]
    """Empty: every queue that a deployed workflow names."""
    ack_wait_s: float
    patience_s: float


class WorkerProgram:
    """One worker over all its lives."""

    def __init__(self, site: Site, number: int) -> None:
        self._site = site
        self.worker: Worker | None = None
        self.connection: Connection | None = None
        self.program = Program(site.loop, f"worker-{number}", self._main, self._died)

    async def _main(self) -> None:
        site, name = self._site, f"{self.program.name}.{self.program.lives}"
        settings = WorkerSettings(
            targets=("the test",),
            bus=BusOptions(name=name),
            queues=site.queues(),
            slots=site.settings.slots,
            processes=site.settings.slots,
            ack_wait_s=site.settings.ack_wait_s,
        )
        within = Surroundings(
            connect=self._connect,
            tasks=dict(site.tasks),
            lanes=site.lanes,
            capture=site.screen.of_worker,
            otlp=False,
        )
        self.worker = Worker(settings, middlewares=(site.points,), within=within)
        self.worker.id = WorkerId(name)
        await self.worker.run()

    async def _connect(self, options: BusOptions) -> Bus:
        self.connection = self._site.in_process.network.connect(options.name, BusError, Disconnected)
        return WorkerBus(self.connection)

    def _died(self) -> None:
        if self.connection is not None:
            self.connection.close()


class Site:
    """Everything of an environment that is not the test's view of it."""

    def __init__(self, settings: SiteSettings) -> None:
        from headrace_coordinator.local import InProcess

        self.settings = settings
        self.loop = VirtualLoop()
        self.clock = VirtualClock(settings.start, self.loop.time)
        self.in_process: InProcess = InProcess(
            self.loop, self.clock, Topology("default", ack_wait_s=settings.ack_wait_s)
        )
        self.in_process.network.server.on_stored = self._stored
        self.loop.skip = self._quiet_until_s
        asynchronous = AsyncLane(self.loop)
        self._threads = LockstepLane(asynchronous)
        self.lanes: dict[Isolation, Lane] = {
            Isolation.ASYNC: asynchronous,
            Isolation.THREAD: self._threads,
            Isolation.PROCESS: self._threads,
            Isolation.FRESH: self._threads,
        }
        self.screen = Screen()
        self.points = Points()
        self.tasks: dict[str, ReplaceableTask] = {}
        self.named_queues: set[str] = set()
        self.lines: dict[str, list[LogLine]] = {}
        """By run."""
        self.spans: dict[str, list[Span]] = {}
        """By trace."""
        self.coordinator = Program(self.loop, "coordinator", self.in_process.run, self.in_process.died)
        self.workers: list[WorkerProgram] = []
        self._retired: list[WorkerProgram] = []
        self._helper: ThreadPoolExecutor | None = None
        self._driving = False

    def queues(self) -> tuple[str, ...]:
        return self.settings.queues or tuple(sorted(self.named_queues)) or ("default",)

    @property
    def everyone(self) -> list[WorkerProgram]:
        """The workers, and those before them that still finish what they hold."""
        return [*self.workers, *self._retired]

    # -- beginning and end -------------------------------------------------------------------------

    def open(self) -> None:
        self.coordinator.start()
        self.drive(self.loop.time())
        self.replace_workers()

    def replace_workers(self) -> None:
        """Start workers that have the tasks as they are now; the old ones finish what they hold."""
        old, first = self.workers, len(self.workers) + len(self._retired) + 1
        self.workers = [WorkerProgram(self, first + index) for index in range(self.settings.workers)]
        for worker in self.workers:
            worker.program.start()
        for worker in old:
            worker.program.over = True
            self._stop(worker)
        self._retired += old
        self.drive(self.loop.time())

    def _stop(self, worker: WorkerProgram) -> None:
        if worker.worker is not None and worker.program.running:
            worker.worker.stop()

    def close(self) -> None:
        """Never raises for what the test left behind."""
        everyone = self.everyone
        programs = [self.coordinator, *(worker.program for worker in everyone)]
        for program in programs:
            program.over = True
            if program.process.paused:
                program.process.resume(self.loop)
        with suppress(Exception):
            self.in_process.network.restore()
            for worker in everyone:
                for _ in range(2):  # the second time says not to wait
                    self._stop(worker)
            self._wait_for([worker.program for worker in everyone])
            self.in_process.stop()
            self._wait_for([self.coordinator])
        for program in programs:
            program.discard()
        self._threads.end()
        self.loop.close()
        if self._helper is not None:
            self._helper.shutdown()

    def _wait_for(self, programs: list[Program]) -> None:
        until_s = self.loop.time() + CLOSE_S
        while any(program.running for program in programs) and self.loop.time() < until_s:
            self.drive(until_s)

    # -- going forward -----------------------------------------------------------------------------

    def drive(self, until_s: float) -> None:
        """Run everything up to a time, or up to the instant at which somebody finishes."""
        if asyncio._get_running_loop() is None:
            self._drive(until_s)
            return
        # A test that is a coroutine: its thread has a running loop already.
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1, "headrace environment")
        self._helper.submit(self._drive, until_s).result()

    def _drive(self, until_s: float) -> None:
        if self._driving:
            raise Conflict(
                "an environment cannot be used by a task that runs in it",
                where="Environment",
                found=f"a call in {threading.current_thread().name}",
                expected="calls by the test",
                fix="Let the test act, between two calls or after `start`.",
            )
        self._driving = True
        try:
            with self.clock.shown(), self.screen.lit():
                self.loop.run_to(until_s)
        except Spinning:
            raise RunStuck(
                f"something runs for ever at {moment(self.clock.now_us())}, and no time has passed",
                where="Environment",
                expected="tasks that wait for something, or end",
                fix="Look for a loop around `asyncio.sleep(0)`, or a task that is retried without end and delay.",
            ) from None
        finally:
            self._driving = False
        for program in (self.coordinator, *(worker.program for worker in self.workers)):
            program.check()

    def drive_all(self, until_s: float) -> None:
        """Run everything up to a time, whoever finishes on the way."""
        self.drive(until_s)
        while self.loop.time() < until_s:
            self.drive(until_s)

    def until(self, done: Callable[[], bool]) -> bool:
        """Go forward until something holds; it is looked at after every commit. False: it did not within the
        patience."""
        until_s = self.loop.time() + self.settings.patience_s
        self.in_process.committed = lambda: self.loop.finish() if done() else None
        try:
            while not done():
                if self.loop.time() >= until_s:
                    return False
                self.drive(until_s)
        finally:
            self.in_process.committed = lambda: None
        return True

    def call(self, work: Callable[[], Coroutine[object, object, T]], what: str) -> T:
        """Have a coroutine run, in no process; raises what it raises, or RunStuck."""
        task: asyncio.Task[T] = Context().run(self.loop.create_task, work())
        task.add_done_callback(lambda _: self.loop.finish(), context=Context())
        until_s = self.loop.time() + self.settings.patience_s
        while not task.done() and self.loop.time() < until_s:
            self.drive(until_s)
        if not task.done():
            task.cancel()
            self.drive(self.loop.time())
            raise RunStuck(
                f"{what} was not answered",
                where="Environment",
                found=f"nothing in {self.settings.patience_s:g} s of virtual time",
                expected="a coordinator that runs",
                fix="Let it come back sooner (`back_after`), or give the environment more `patience`.",
            )
        return task.result()

    def settle(self) -> None:
        """Let what is on its way now arrive, with the lines and spans that wait for company."""
        if self.loop.is_closed():
            return
        for worker in self.everyone:
            if worker.worker is not None and worker.program.running and not worker.program.process.paused:
                worker.worker.flush()
        self.drive(self.loop.time())

    def _quiet_until_s(self) -> float | None:
        programs = (self.coordinator, *(worker.program for worker in self.workers))
        if not all(program.running and not program.process.paused for program in programs):
            return None
        quiet_until_us = self.in_process.quiet_until_us()
        if quiet_until_us is None:
            return None
        return (quiet_until_us - self.clock.start_us) / 1e6 if quiet_until_us else math.inf

    def _stored(self, subject: str, _: Mapping[str, str] | None, body: bytes) -> None:
        match subject.split(".", 3)[2]:
            case "log":
                for line in decode(body, LogBatch).lines:
                    self.lines.setdefault(line.run_id, []).append(line)
            case "span":
                for span in decode(body, SpanBatch).spans:
                    self.spans.setdefault(span.trace_id, []).append(span)
            case _:
                return
