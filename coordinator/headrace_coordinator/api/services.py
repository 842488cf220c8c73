"""What every handler works with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import msgspec
from litestar.di import NamedDependency

from headrace_coordinator.api.live import known_workers
from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.queries.activity import Fleet, Moment
from headrace_coordinator.runtime.port import Coordinator, QueueView
from headrace_coordinator.store.port import Reader
from headrace_protocol.definition import NodeDefinition


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the API behaves."""

    version: str = ""
    """Of Headrace; empty: the installed one."""
    store: str = ""
    """What kind of store it is, for `/info`."""
    heartbeat_s: float = 15.0
    """A comment on idle streams: proxies close connections on which nothing moves."""
    slow_client_s: float = 30.0
    """A client of a stream that takes nothing for this long is cut; it resumes with its last id."""
    change_buffer: int = 1_000
    """Live changes kept for one client; with more, it is served from the store again."""
    live_pace_s: float = 0.05
    """What comes within this time is sent to a browser together."""
    snapshot_s: float = 1.0
    """How often workers and queues are looked at while somebody watches them, or runs."""
    queues_fresh_s: float = 2.0
    """How old what the bus said of the queues may be: it is asked for each of them."""
    hosts: tuple[str, ...] = ()
    """Names under which the API may be asked for, see `hosts`; empty: any."""
    max_body_bytes: int = 10_000_000
    jaeger_url_template: str = ""
    """Where the web UI links a trace to: `{trace_id}` stands for its id. Empty: no link."""
    ui: Path = Path(__file__).parent.parent / "_ui"
    """The built web UI."""


class Wakeable(Protocol):
    """A stream that is told of the end."""

    def wake(self) -> None: ...


class FreshQueues:
    """The queues as the bus shows them, asked for at most so often, whoever watches."""

    def __init__(self, coordinator: Coordinator, fresh_s: float) -> None:
        self._coordinator = coordinator
        self._fresh_s = fresh_s
        self._asked_at = 0.0
        self._asking: asyncio.Task[tuple[QueueView, ...]] | None = None

    async def get(self) -> tuple[QueueView, ...]:
        """Raises Unavailable without a bus."""
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= self._fresh_s):
            self._asked_at = now
            self._asking = asyncio.ensure_future(self._coordinator.queues())
        return await asyncio.shield(self._asking)


class Services:
    """The coordinator, the store and the clock."""

    def __init__(
        self,
        coordinator: Coordinator,
        store: Reader,
        namespace: str,
        settings: ApiSettings,
        now_us: Callable[[], int],
        metrics: Callable[[], object] | None,
    ) -> None:
        self.coordinator = coordinator
        self.store = store
        self.namespace = namespace
        self.settings = settings
        self.now_us = now_us
        self.metrics = metrics
        self.started_at_us = now_us()
        self.queues = FreshQueues(coordinator, settings.queues_fresh_s)
        self.streams: set[Wakeable] = set()
        self.closing = False

    def moment(self) -> Moment:
        """Now, with what the workers do now."""
        return Moment(self.now_us(), Fleet(known_workers(self.coordinator)), self._find_node)

    def _find_node(self, head: RunHead, node: str) -> NodeDefinition | None:
        return self.coordinator.planned_node(head.workflow, head.version, node)

    def close_streams(self) -> None:
        """End every open stream: a server that stops waits for its responses."""
        self.closing = True
        for stream in tuple(self.streams):
            stream.wake()


Given = NamedDependency[Services]


def wall_clock_us() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1_000


def installed_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("headrace")
    except PackageNotFoundError:
        return "0"
