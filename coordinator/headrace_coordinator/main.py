"""The coordinator as a process: settings, logging, start, clean end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog

from headrace_coordinator.api.hosts import allowed_hosts
from headrace_coordinator.api.listening import bind
from headrace_coordinator.bus import NatsSettings, connect
from headrace_coordinator.bus.results import open_results
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_coordinator.service.options import Options
from headrace_coordinator.store import open_store, place_of
from headrace_coordinator.store.port import RetentionPolicy, Store
from headrace_coordinator.telemetry.exporter import TraceExporter
from headrace_coordinator.telemetry.loop_watch import LoopWatch
from headrace_coordinator.telemetry.setup import root_sampler, span_exporter, start_metrics
from headrace_protocol.subjects import check_token
from headrace_protocol.topology import DEFAULT_ACK_WAIT_S, INBOXES, Topology

if TYPE_CHECKING:
    from headrace_coordinator.api.server import ApiServer

log = logging.getLogger("headrace.coordinator")

DEFAULT_PORT = 8400
SWITCH_S = 0.0002
COLLECT_AFTER = 20_000
"""Containers made and not freed since the last collection."""


class CoordinatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a coordinator runs."""

    namespace: str = "default"
    nats: NatsSettings = NatsSettings()
    store: str = "sqlite:///.headrace/headrace.db"
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    results: str = ""
    """URL of the store of large results; empty: the NATS object store."""
    results_from: tuple[str, ...] = ()
    """URLs of other stores where workers keep large results, and that may be read and tidied up."""
    keep_spans: bool = True
    """Keep recent spans of workers in the store, so that traces can be read without a tracing backend."""
    shards: int = 1
    """Fixed for the life of a namespace."""
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    """How long a worker may be silent about a task before the bus gives it to another."""
    sweep_s: float = 15.0
    jaeger_url_template: str = ""
    """Where the web UI links a trace to, such as `http://localhost:16686/trace/{trace_id}`."""
    retention: RetentionPolicy = RetentionPolicy()
    allowed_hosts: tuple[str, ...] = ()
    """Names of this machine under which the API may be asked for, besides those of loopback."""
    inboxes: tuple[str, ...] = (INBOXES,)
    """What subjects begin with on which commands are answered."""
    adopt: bool = False
    """Take the namespace over from the store that it belongs to."""
    await_definitions: bool = False
    """Accept no events until definitions have been loaded."""


@asynccontextmanager
async def running(
    settings: CoordinatorSettings, metrics: Callable[[], object] | None = None
) -> AsyncIterator[tuple[RunningCoordinator, int]]:
    """A coordinator with its API; gives it and the API's port. `metrics` gives what `/metrics` shows.

    Raises PortInUse, StoreLocked, StoreSchemaError, Unavailable (no NATS), ConfigError.
    """
    check_token(settings.namespace, "namespace")
    listening = bind(settings.host, settings.port)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listening.close)
        store = open_store(settings.store)
        await store.open()
        stack.push_async_callback(store.close)
        bus = await connect(settings.nats, f"headrace coordinator {settings.namespace}")
        stack.push_async_callback(bus.close)
        topology = Topology(
            settings.namespace,
            ack_wait_s=settings.ack_wait_s,
            shards=settings.shards,
            inboxes=settings.inboxes,
        )
        results = open_results(bus, topology.bucket, settings.results, settings.results_from)
        parts = Parts(topology, store, bus, results, SystemClock(), root_sampler())
        options = Options(
            shards=settings.shards,
            keep_spans=settings.keep_spans,
            retention=settings.retention,
            sweep_s=settings.sweep_s,
            adopt=settings.adopt,
            await_definitions=settings.await_definitions,
        )
        coordinator = RunningCoordinator(parts, options)
        await coordinator.open()
        stack.push_async_callback(coordinator.close)
        exporter = await _export_traces(coordinator, store)
        if exporter is not None:
            stack.push_async_callback(exporter.stop)
        serve_api = await asyncio.to_thread(_import_api)
        server = await serve_api(
            coordinator,
            store,
            listening,
            namespace=settings.namespace,
            store_kind=settings.store.partition(":")[0],
            hosts=allowed_hosts(listening, settings.host, settings.allowed_hosts),
            jaeger_url_template=settings.jaeger_url_template,
            metrics=metrics,
        )
        stack.push_async_callback(server.stop)
        yield coordinator, server.port


def _import_api() -> Callable[..., Awaitable[ApiServer]]:
    """In a thread, once the runs go on: importing the API takes as long as everything else of a start."""
    from headrace_coordinator.api.serving import serve_api

    return serve_api


async def _export_traces(coordinator: RunningCoordinator, store: Store) -> TraceExporter | None:
    chosen = span_exporter()
    if chosen is None:
        return None
    exporter = TraceExporter(chosen, store, coordinator.parts.changes, SystemClock())
    await exporter.start()
    return exporter


async def serve(settings: CoordinatorSettings, on_ready: Callable[[int], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT. `on_ready` is told the API's port."""
    configure_logging()
    metrics = start_metrics()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    async with running(settings, metrics) as (coordinator, port):
        log.info(
            "ready: API on http://%s:%d, NATS at %s, store %s",
            settings.host,
            port,
            settings.nats.shown,
            place_of(settings.store),
        )
        _quieten_collector()
        watch = LoopWatch()
        watch.start()
        if on_ready is not None:
            on_ready(port)
        told, failed = asyncio.ensure_future(ended.wait()), asyncio.ensure_future(coordinator.failed())
        await asyncio.wait((told, failed), return_when=asyncio.FIRST_COMPLETED)
        watch.stop()
        if failed.done():
            raise failed.result()
        failed.cancel()
        log.info("stopping")


def _quieten_collector() -> None:
    """Keep the cyclic collector off the hot path: what a turn makes is trees, freed by their counts. What the start
    has made stays for good, and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def configure_logging(level: int = logging.INFO) -> None:
    """Structured lines on stderr: for people in a terminal, JSON otherwise. Tracebacks are plain: rendered in colours,
    with the variables of every frame, each would hold up the loop for a second."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    terminal = sys.stderr.isatty()
    final: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([] if terminal else [structlog.processors.format_exc_info]),
            final,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger("headrace")
    root.handlers = [handler]
    root.setLevel(level)
    root.propagate = False


def run(settings: CoordinatorSettings, on_ready: Callable[[int], None] | None = None) -> None:
    """Run a coordinator in this process, on uvloop."""
    import uvloop

    # The loop and the store's thread hand the interpreter to each other for each commit; the default of 5 ms is
    # longer than the commit.
    sys.setswitchinterval(SWITCH_S)
    uvloop.run(serve(settings, on_ready))
