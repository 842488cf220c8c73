"""The exporter follows commits, reads the store for what it has missed, and loses nothing in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import Transaction
from headrace_coordinator.telemetry import exporter as module
from headrace_coordinator.telemetry.exporter import CURSOR, TraceExporter
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent


class Backend:
    """An endpoint that can be away; what it has taken, by run."""

    def __init__(self) -> None:
        self.away = threading.Event()
        self.runs: list[str] = []
        self.requests = 0
        self.refused = 0

    def send(self, request: bytes) -> bool:
        if self.away.is_set():
            self.refused += 1
            return False
        self.requests += 1
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans:
            for span in resource.scope_spans[0].spans:
                attributes = {one.key: one.value.string_value for one in span.attributes}
                self.runs.append(attributes["headrace.run.id"])
        return True

    def shutdown(self) -> None:
        pass


class Site:
    """A store, and what is committed to it told as a shard tells it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.changes = Changes()
        self.backend = Backend()
        self.history_reads = 0
        self.before_reading, self.after_reading = asyncio.Event(), asyncio.Event()
        """Reads of the history wait for them."""
        self.before_reading.set()
        self.after_reading.set()
        read = self.store.history

        async def counted(run_id: str | None, after: int, limit: int) -> list[LifecycleBatch]:
            self.history_reads += 1
            await self.before_reading.wait()
            found = await read(run_id, after, limit)
            await self.after_reading.wait()
            return found

        self.store.history = counted  # type: ignore[method-assign]

    async def commit(self, name: str, *, sampled: bool = True) -> None:
        """A run that starts and ends at once."""
        trace = TraceContext(trace_id="ab" * 16, span_id="cd" * 8, sampled=sampled)
        head = RunHead(run_id=name, workflow="w", version="v", shard=0, trace=trace, state=RunState.SUCCEEDED)
        event = LifecycleEvent(kind="run.succeeded", at_us=5)
        position = self.changes.next_position()
        batch = LifecycleBatch(position=position, run_id=name, workflow="w", events=(event,))
        await self.store.commit(Transaction(runs=[head], history=[batch]))
        self.changes.tell([batch], {name: head}.__getitem__)

    def exporter(self) -> TraceExporter:
        return TraceExporter(self.backend, self.store, self.changes, SystemClock())

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.001)

    async def exported(self, exporter: TraceExporter) -> None:
        """Until it knows that everything has arrived: a thread sends, and what it was stopped at is sent again."""
        await self.until(lambda: exporter._exported == self.changes.position)


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(module, "LINGER_S", 0.0)
    monkeypatch.setattr(module, "RETRY_S", (0.001,))
    monkeypatch.setattr(module, "REMEMBER_S", 0.001)
    site = Site()
    await site.store.open()
    yield site
    await site.store.close()


async def test_what_was_committed_before_and_after_the_start(site: Site) -> None:
    await site.commit("before")
    exporter = site.exporter()
    await exporter.start()
    await site.until(lambda: site.history_reads == 2)  # the second found nothing more
    for number in range(3):
        await site.commit(f"after {number}")
    await site.exported(exporter)
    assert site.history_reads == 2
    await exporter.stop()
    assert site.backend.runs == ["before", "after 0", "after 1", "after 2"]


@pytest.mark.parametrize("moment", ["before_reading", "after_reading"])
async def test_what_is_committed_while_the_backlog_is_read_is_exported_once(site: Site, moment: str) -> None:
    await site.commit("before")
    gate: asyncio.Event = getattr(site, moment)
    gate.clear()
    exporter = site.exporter()
    await exporter.start()
    await site.until(lambda: site.history_reads == 1)
    await site.commit("meanwhile")
    gate.set()
    await site.until(lambda: len(site.backend.runs) >= 2)
    await site.commit("after")
    await site.exported(exporter)
    await exporter.stop()
    assert site.backend.runs == ["before", "meanwhile", "after"]


async def test_requests_are_of_a_size_that_backends_take(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 2)
    monkeypatch.setattr(module, "REQUEST_BYTES", 300)
    names = [f"run {number}" for number in range(9)]
    for name in names:
        await site.commit(name)
    exporter = site.exporter()
    await exporter.start()
    await site.exported(exporter)
    await exporter.stop()
    assert site.backend.runs == names
    assert site.backend.requests == 5


async def test_a_successor_goes_on_where_the_cursor_is(site: Site) -> None:
    first = site.exporter()
    await first.start()
    await site.commit("one")
    await site.exported(first)
    await first.stop()
    assert await site.store.cursor(CURSOR) == 1
    await site.commit("two")
    second = site.exporter()
    await second.start()
    await second.stop()
    assert site.backend.runs == ["one", "two"]


async def test_the_cursor_is_stored_while_it_runs(site: Site) -> None:
    exporter = site.exporter()
    await exporter.start()
    for name in ("one", "two"):
        await site.commit(name, sampled=False)
    async with asyncio.timeout(30):
        while await site.store.cursor(CURSOR) != 2:
            await asyncio.sleep(0.001)
    await exporter.stop()


async def test_unsampled_runs_are_not_exported(site: Site) -> None:
    await site.commit("before", sampled=False)
    await site.commit("sampled before")
    exporter = site.exporter()
    await exporter.start()
    await site.until(lambda: site.backend.runs == ["sampled before"])
    await site.commit("after", sampled=False)
    await site.commit("sampled after")
    await site.exported(exporter)
    await exporter.stop()
    assert site.backend.runs == ["sampled before", "sampled after"]


async def test_a_backend_that_is_away_fills_no_memory_and_gets_everything_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 5)
    exporter = site.exporter()
    await exporter.start()
    site.backend.away.set()
    names = [f"run {number}" for number in range(40)]
    for name in names[:20]:
        await site.commit(name)
    await site.until(lambda: site.backend.refused > 0)
    for name in names[20:]:
        await site.commit(name)
        assert len(exporter._waiting) <= 7
    site.backend.away.clear()
    await site.exported(exporter)
    await exporter.stop()
    assert sorted(site.backend.runs) == sorted(names)


async def test_stop_exports_what_is_committed(site: Site) -> None:
    exporter = site.exporter()
    await exporter.start()
    await site.commit("last")
    await exporter.stop()
    assert site.backend.runs.count("last") >= 1
    assert site.changes.follower is None


async def test_a_backend_that_does_not_answer_is_left_to_the_next_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.05)
    site.backend.away.set()
    first = site.exporter()
    await first.start()
    await site.commit("one")
    await first.stop()
    site.backend.away.clear()
    second = site.exporter()
    await second.start()
    await site.exported(second)
    await second.stop()
    assert set(site.backend.runs) == {"one"}  # twice, where the first was in the middle of it
