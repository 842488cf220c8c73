"""The worker process: its parts, its start, its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from headrace.bus import Bus, BusError, Delivery, Message
from headrace.bus.nats_bus import connect
from headrace.bus.pull import Pull
from headrace.results import ResultStore
from headrace.results.places import Places
from headrace.runtime import streams
from headrace.runtime.attempt import RunnableTask
from headrace.runtime.capture import Capture, Captured
from headrace.runtime.consumers import CodeConsumers
from headrace.runtime.drain import Drain, serving
from headrace.runtime.lanes import InlineLane, Lane, ProcessLane, Reporting, ThreadLane
from headrace.runtime.launch import Launch
from headrace.runtime.leases import Leases, heartbeat_s
from headrace.runtime.logs import LogShipper
from headrace.runtime.middleware import Middleware
from headrace.runtime.notices import About, Notices
from headrace.runtime.old_code import OldCode
from headrace.runtime.outcomes import OutcomeSender
from headrace.runtime.redeliveries import Redeliveries
from headrace.runtime.rejects import Rejects
from headrace.runtime.reports import Reports
from headrace.runtime.runner import Runner
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.surroundings import Surroundings
from headrace.runtime.telemetry import tracing_wanted
from headrace.runtime.watchdog.link import Watchdog
from headrace_protocol import codec, ids
from headrace_protocol.definition import DEFAULT_QUEUE, Isolation
from headrace_protocol.deliveries import Wanted
from headrace_protocol.errors import ConfigError, ProtocolError
from headrace_protocol.messages import CancelAttempts, TaskMessage
from headrace_protocol.topology import inline_bytes

if TYPE_CHECKING:
    from headrace.runtime.tracing import Tracing

log = logging.getLogger("headrace.worker")

COLLECT_AFTER = 20_000
"""Containers made and not freed since the last collection."""
BEFORE_ABANDONED = 0.9
"""Of the grace: a process is killed before its attempt is told to have ended, so that the next never meets it."""


class Worker:
    """One worker. `run` returns when it has drained after `stop`."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        middlewares: Sequence[Middleware] = (),
        within: Surroundings | None = None,
    ) -> None:
        """`within` is what it finds around it, where that is not its own process and a NATS server."""
        self.settings = settings
        self._within = within or Surroundings()
        if self._within.launch is None:  # before the user's code is imported
            self._within = replace(self._within, launch=Launch.of(settings.targets))
        self._parts: _Parts | None = None
        self.id = ids.new_worker_id(socket.gethostname(), os.getpid())
        self._middlewares = tuple(middlewares)
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        self._replaced = False
        self.ready = asyncio.Event()
        """Set when the worker asks for tasks."""

    def watch(self) -> None:
        """Start the watchdog: in a process that is the worker's own, and before `run`, which imports the tasks."""
        launch = self._within.launch or Launch.of(self.settings.targets)
        self._within = replace(self._within, watchdog=Watchdog(self.id, self.settings, launch))

    def stop(self, *, replaced: bool = False) -> None:
        """Drain. The second call does not wait for what still runs. `replaced`: workers with other code are about to
        take over, and what unfinished runs need of this one's is known only then."""
        self._replaced = self._replaced or replaced
        if self._stopping.is_set():
            self._hurried.set()
        self._stopping.set()

    def flush(self) -> None:
        """Send the log lines and spans that still wait for company."""
        if self._parts is not None:
            self._parts.flush()

    async def run(self) -> None:
        """Raises Unavailable when no bus answers, ConfigError and DefinitionError for what cannot be
        loaded."""
        within = self._within
        tasks = _tasks(self.settings.targets) if within.tasks is None else within.tasks
        queues = self.settings.queues or _queues(tasks)
        bus = await (within.connect or connect)(self.settings.bus)
        try:
            parts = _Parts(self.id, self.settings, bus, tasks, queues, self._middlewares, within)
            self._parts = parts
            try:
                await parts.start()
                self.ready.set()
                log.info("%s", serving(self.id, self.settings, tasks, queues))
                await self._stopping.wait()
                await parts.drain(self._hurried, replaced=self._replaced)
            finally:
                await parts.close()
        finally:
            await bus.close()
            if within.watchdog is not None:
                within.watchdog.close()


class _Parts:
    """What a running worker consists of."""

    def __init__(
        self,
        worker: str,
        settings: WorkerSettings,
        bus: Bus,
        tasks: Mapping[str, RunnableTask],
        queues: tuple[str, ...],
        middlewares: tuple[Middleware, ...],
        within: Surroundings,
    ) -> None:
        self._watchdog = within.watchdog
        board = None if within.watchdog is None else within.watchdog.board
        launch = within.launch or Launch.of(settings.targets)
        self._settings = settings
        self._bus = bus
        subjects = settings.topology.subjects
        self._logs = LogShipper(
            bus, subjects, worker, settings.log_bounds, streams.stderr() if settings.echo else None
        )
        self._capture: Captured = (
            Capture(self._logs.add) if within.capture is None else within.capture(self._logs.add)
        )
        self._leases = Leases(bus, lambda: self._pull.ack_wait_s)
        self._outcomes = OutcomeSender(bus, self._leases, subjects, self._logs.flush)
        self._redeliveries = Redeliveries(bus, self._leases, subjects, worker)
        self._rejects = Rejects(bus, self._leases, subjects)
        self._tracing = _tracing(worker, settings, bus, queues, otlp=within.otlp)
        self._threads = ThreadLane()
        self._processes = self._process_lane(launch)
        self._fresh = self._process_lane(launch, fresh=True)
        self._wants_processes = within.lanes is None and any(
            task.definition.options.isolation is Isolation.PROCESS for task in tasks.values()
        )
        self._lanes: Mapping[Isolation, Lane] = within.lanes or {
            Isolation.ASYNC: InlineLane(),
            Isolation.THREAD: self._threads,
            Isolation.PROCESS: self._processes,
            Isolation.FRESH: self._fresh,
        }
        self._notices = Notices(
            bus,
            subjects,
            _about(worker, settings, tasks, queues),
            held=lambda: self._runner.held,
            unconfirmed=self._outcomes.unconfirmed,
        )
        self._old_code = OldCode(worker, self._notices.beat)
        self._runner = Runner(
            settings,
            tasks,
            self._lanes,
            _results(settings, bus),
            Reports(
                worker, self._leases, self._outcomes, self._redeliveries, self._notices, self._capture, board
            ),
            Isolation.FRESH if within.lanes is None else None,
        )
        if board is not None:
            self._leases.released = board.release
            self._notices.beaten = board.heartbeat
        self._runner.use((self._tracing, *middlewares) if self._tracing else middlewares)
        self._consumers = CodeConsumers(settings.topology, queues, tasks)
        self._pull = Pull(bus, self._consumers.all(), self._runner.free, self._accept, self._refuse)
        self._pull.found = self._leases.found
        self._runner.freed = self._pull.refill
        self._beating: asyncio.Task[None] | None = None

    def _process_lane(self, launch: Launch, *, fresh: bool = False) -> ProcessLane:
        tracing, settings = self._tracing, self._settings
        reporting = Reporting(self._logs.add)
        if tracing is not None:
            reporting = Reporting(self._logs.add, tracing.adopt, tracing.active, traced=True)
        return ProcessLane(
            launch,
            reporting,
            fresh=fresh,
            import_timeout_s=settings.import_timeout_s,
            grace_s=settings.cancel_grace_s * BEFORE_ABANDONED,
        )

    async def start(self) -> None:
        if self._watchdog is not None:
            self._watchdog.begin(
                lambda: self._pull.ack_wait_s,
                lambda: (*self._processes.pids, *self._fresh.pids),
                self._runner.working_in,
            )
        subjects = self._settings.topology.subjects
        await self._bus.subscribe(subjects.cancel, self._cancel)
        await self._bus.subscribe(subjects.rollcall, lambda _: self._notices.answer_roll_call())
        await self._bus.subscribe(subjects.wanted, self._wanted)
        await self._bus.subscribe(subjects.needed, self._old_code.told)
        await self._redeliveries.start()
        self._bus.on_reconnect(self._reconnected)
        self._pull.start()
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")
        if self._wants_processes:
            self._processes.warm(self._settings.processes)

    async def drain(self, hurried: asyncio.Event, *, replaced: bool) -> None:
        self._old_code.replaced = replaced
        self._notices.draining = True
        self._notices.beat()
        drain = Drain(self._settings, lambda: self._runner.held, hurried, self._old_code.needed)
        self._runner.return_unstarted()
        await self._pull.narrow(lambda spec: spec.inactive_s > 0)
        await drain.finish(self._old_code.finished(self._runner.empty))
        await self._pull.drain()
        self._redeliveries.release()
        self._runner.return_all()
        await drain.give_back(self._runner.empty())
        await drain.send(self._outcomes.drained())
        self.flush()
        self._notices.beat(stopped=True)
        with suppress(BusError):
            await self._bus.flush()

    def flush(self) -> None:
        self._logs.flush()
        if self._tracing is not None:
            self._tracing.flush()

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        self._pull.stop()
        self._redeliveries.close()
        self._leases.close()
        for lane in self._lanes.values():
            await lane.close()
        if self._tracing is not None:
            await self._tracing.close()
        self._capture.close()

    def _accept(self, delivery: Delivery) -> None:
        self._receive(delivery, room=True)

    def _refuse(self, delivery: Delivery) -> None:
        self._receive(delivery, room=False)

    def _receive(self, delivery: Delivery, *, room: bool) -> None:
        queue = delivery.subject.split(".")[3]
        try:
            message = codec.decode(delivery.body, TaskMessage, delivery.headers, where=delivery.subject)
        except ProtocolError as error:
            self._rejects.reject(delivery, queue, error)
        else:
            self._runner.receive(message, delivery, room=room)

    def _cancel(self, message: Message) -> None:
        try:
            request = codec.decode(message.body, CancelAttempts, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("a cancel cannot be read: %s", error)
        else:
            self._runner.cancel(request)

    def _wanted(self, message: Message) -> None:
        try:
            wanted = codec.decode(message.body, Wanted, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("what is wanted cannot be read: %s", error)
            return
        found = self._consumers.wanted(wanted)
        if found is not None:
            self._pull.add(*found)

    async def _reconnected(self) -> None:
        self._notices.beat()

    async def _beat(self) -> None:
        while True:
            self._notices.beat()
            self._pull.check()
            if self._threads.abandoned:
                log.warning("%d abandoned threads still run", self._threads.abandoned)
            self._notices.every_s = heartbeat_s(self._settings.heartbeat_s, self._pull.ack_wait_s)
            await asyncio.sleep(self._notices.every_s)


def run_worker(settings: WorkerSettings) -> None:
    """Run a worker until SIGTERM or SIGINT has drained it; a second signal does not wait. SIGHUP drains it, too, and
    says that workers with other code take over."""
    import uvloop

    streams.install()  # before the users' modules, whose handlers keep the streams they find

    async def main() -> None:
        worker = Worker(settings)
        worker.watch()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        loop.add_signal_handler(signal.SIGHUP, partial(worker.stop, replaced=True))
        quiet = asyncio.create_task(_quieten_collector(worker))
        try:
            await worker.run()
        finally:
            quiet.cancel()

    uvloop.run(main())


async def _quieten_collector(worker: Worker) -> None:
    """What the start has made stays for good: the cyclic collector need not look at it again, nor look often."""
    await worker.ready.wait()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _tasks(targets: tuple[str, ...]) -> Mapping[str, RunnableTask]:
    from headrace.authoring.loader import load_all

    if not targets:
        raise ConfigError(
            "no targets", where="targets", found="nothing", expected="files or modules with tasks"
        )
    return {name: task for name, task in load_all(targets).tasks.items() if not task.spec.external}


def _tracing(
    worker: str, settings: WorkerSettings, bus: Bus, queues: tuple[str, ...], *, otlp: bool
) -> Tracing | None:
    """None when nothing listens to spans; OpenTelemetry is then not even imported."""
    if not tracing_wanted(keep_spans=settings.keep_spans):
        return None
    from headrace.runtime.span_shipper import SpanShipper
    from headrace.runtime.tracing import Tracing

    subjects = settings.topology.subjects
    shipper = SpanShipper(bus, subjects, worker, queues[0]) if settings.keep_spans else None
    return Tracing(shipper, worker, otlp=otlp)


def _results(settings: WorkerSettings, bus: Bus) -> ResultStore:
    return ResultStore(
        Places(bus).open, settings.results_root, inline_bytes=lambda: inline_bytes(bus.max_payload_bytes)
    )


def _about(worker: str, settings: WorkerSettings, tasks: Iterable[str], queues: tuple[str, ...]) -> About:
    return About(
        worker=worker,
        queues=queues,
        tasks=tuple(sorted(tasks)),
        slots=settings.slots,
        every_s=heartbeat_s(settings.heartbeat_s, settings.ack_wait_s),
    )


def _queues(tasks: Mapping[str, RunnableTask]) -> tuple[str, ...]:
    return tuple(sorted({task.definition.options.queue for task in tasks.values()})) or (DEFAULT_QUEUE,)
