"""A coordinator in the caller's process: the real one, on the memory store and the memory bus.

It is *down* or *up*. `run` is one life of it, which may end at any await without warning; what it had committed is
there for the next life. Everything that is read is read from the store, so it can be read in any state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from headrace_coordinator.api.live import live_facts
from headrace_coordinator.bus.memory import Connection, MemoryBus, MemoryResults, Network
from headrace_coordinator.bus.port import BusError
from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.state import NODE_FINISHED, NodeState, RunHead, RunState
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.explain import Explanation, explain
from headrace_coordinator.queries.live import LiveFacts
from headrace_coordinator.queries.runs import FullRun, find_run, item_attempts, load_run
from headrace_coordinator.queries.trace import TraceView, trace_view
from headrace_coordinator.queries.views import RunDetail, detail_of
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.coordinator import RunningCoordinator
from headrace_coordinator.service.failures import as_exception
from headrace_coordinator.service.options import Options
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import RetentionPolicy
from headrace_coordinator.store.records import Transaction
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import InvariantBroken, Unavailable
from headrace_protocol.messages import CancelRun, CommandReply, Result, Span, StartRun
from headrace_protocol.topology import Topology

T = TypeVar("T")

SHARD = 0
LEASE_S = 86_400.0
"""Nobody else could take the shards, so a short lease would only be renewed often."""
KEPT_S = 1e9
"""What a test has seen does not go away, however much time it lets pass."""
RETENTION = RetentionPolicy(
    runs_s=KEPT_S,
    logs_s=KEPT_S,
    spans_s=KEPT_S,
    events_s=KEPT_S,
    dead_letters_s=KEPT_S,
    replay_s=KEPT_S,
)
STILL = NODE_FINISHED | {NodeState.WAITING, NodeState.RETRYING}
"""States of a node in which nothing is under way."""
RETRY_S = 0.1
PAGE = 500
TRACE_ROWS = 10_000


class _Disk(MemoryStore):
    """Tells when something was committed, and which runs are not finished."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: Callable[[], None] = lambda: None
        self.unfinished_runs: set[str] = set()
        self.order: dict[str, None] = {}
        """Runs in the order in which they were accepted."""

    def commit(self, transaction: Transaction) -> Coroutine[object, None, None]:
        states = {head.run_id: head.state for head in transaction.runs}
        return self._and_tell(super().commit(transaction), states)

    async def _and_tell(self, written: Awaitable[None], states: dict[str, RunState]) -> None:
        await written
        for run_id, state in states.items():
            self.order.setdefault(run_id)
            if state is RunState.RUNNING:
                self.unfinished_runs.add(run_id)
            else:
                self.unfinished_runs.discard(run_id)
        self.committed()

    def state_of(self, run_id: str) -> RunState | None:
        found = self._tables.runs.get(run_id)
        return None if found is None else found.head.state


class InProcess:
    """See the module's docstring. `clock` and `loop` must agree on what time it is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, topology: Topology) -> None:
        self.topology = topology
        self.network = Network(loop, clock.now_us() - round(loop.time() * 1e6))
        self._clock = clock
        self._store = _Disk()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._stopped = asyncio.Event()
        self._running: RunningCoordinator | None = None
        self._connection: Connection | None = None

    @property
    def committed(self) -> Callable[[], None]:
        return self._store.committed

    @committed.setter
    def committed(self, told: Callable[[], None]) -> None:
        """Called after every commit."""
        self._store.committed = told

    # -- its life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Returns after `stop`, when everything has come to an orderly end."""
        await self._store.open()
        self._stopped.clear()
        self._connection = self.network.connect("coordinator", BusError, BusError)
        bus = MemoryBus(self._connection)
        results = MemoryResults(self.network.server, self.topology.bucket)
        running = RunningCoordinator(
            Parts(self.topology, self._store, bus, results, self._clock),
            Options(keep_spans=False, lease_s=LEASE_S, retention=RETENTION, trim_s=0.0),
        )
        await running.open()
        self._running = running
        self._down.clear()
        self._up.set()
        await self._stopped.wait()
        await running.close()
        self.died()

    def stop(self) -> None:
        self._stopped.set()

    def died(self) -> None:
        """Whoever runs it says that it does not run any more."""
        self._running = None
        self._up.clear()
        self._down.set()
        if self._connection is not None:
            self._connection.close()

    # -- commands ----------------------------------------------------------------------------------

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        """Raises DefinitionError."""
        return await self._ask(lambda running: running.deploy(definition))

    async def start(self, command: StartRun) -> CommandReply:
        """Raises NotFound, ParamsError or Conflict."""
        return await self._ask(lambda running: running.start(command))

    async def cancel(self, command: CancelRun) -> CommandReply:
        """Raises NotFound."""
        return await self._ask(lambda running: running.cancel(command))

    async def retry(self, run_id: str, by: str, reason: str) -> CommandReply:
        """Raises NotFound, or Conflict for a run that has not failed and was not cancelled."""
        command = RetryRun(run_id, by, reason)
        return await self._ask(lambda running: running.retry(command))

    async def event(self, event: CloudEvent) -> tuple[str, ...]:
        """The runs that it started; raises what the first broken trigger raises, after the others are done."""
        (taken,) = await self._ask(lambda running: running.events((event,)))
        for verdict in taken.verdicts:
            if verdict.error is not None:
                raise as_exception(verdict.error)
        return taken.runs

    async def _ask(self, act: Callable[[RunningCoordinator], Awaitable[T]]) -> T:
        """Ask again until it is answered: every command says what it names, so nothing is done twice."""
        while True:
            await self._up.wait()
            if self._running is None:
                continue
            asked = asyncio.ensure_future(act(self._running))
            down = asyncio.ensure_future(self._down.wait())
            await asyncio.wait((asked, down), return_when=asyncio.FIRST_COMPLETED)
            down.cancel()
            if not asked.done():
                asked.cancel()
                continue
            try:
                return asked.result()
            except (Unavailable, asyncio.CancelledError):
                await asyncio.sleep(RETRY_S)

    # -- what there is -----------------------------------------------------------------------------

    def quiet_until_us(self) -> int | None:
        """When something happens next, though nobody does anything: 0 when nothing ever will.

        None while anything is under way: a message, an attempt, a map, an outage.
        """
        if self._running is None or not self.network.quiet:
            return None
        for run_id in self._store.unfinished_runs:
            stored = at_once(self._store.run(run_id))
            if stored is None or any(node.state not in STILL for node in stored.nodes.values()):
                return None
        timer_us = at_once(self._store.next_timer_us(SHARD))
        due = [] if timer_us is None else [timer_us]
        due += [state.next_fire_us for state in at_once(self._store.schedules())]
        return min(due, default=0)

    def finished(self, run_id: str) -> bool:
        return self._store.state_of(run_id) not in (None, RunState.RUNNING)

    def head(self, run_id: str) -> RunHead:
        """Raises NotFound."""
        return at_once(find_run(self._store, run_id)).head

    def heads(self) -> list[RunHead]:
        """All runs, in the order in which they were accepted."""
        return [self.head(run_id) for run_id in self._store.order]

    def detail(self, run_id: str) -> RunDetail:
        full = self._full(run_id)
        return detail_of(full.stored, full.definition, full.attempts, Moment(self._clock.now_us()))

    def attempts(self, run_id: str, node: str | None = None) -> list[AttemptRecord]:
        """Attempts that ended, of a map's items too, in the order in which they ended."""
        found: list[AttemptRecord] = []
        while page := at_once(self._store.attempts(run_id, node, len(found), PAGE)):
            found += page
        return found

    def output(self, run_id: str) -> bytes | None:
        """The run's output as msgpack; None when there is none, or when it went with the bus."""
        return self._value(self.head(run_id).output)

    def result(self, run_id: str, node: str) -> bytes | None:
        """A node's result as msgpack; None while there is none."""
        state = self._full(run_id).stored.nodes.get(node)
        return None if state is None else self._value(state.result)

    def explain(self, run_id: str) -> Explanation:
        full = self._full(run_id)
        facts = LiveFacts() if self._running is None else at_once(live_facts(self._running, run_id))
        return explain(full.stored, full.definition, facts, self._clock.now_us())

    def trace(self, run_id: str, spans: list[Span]) -> TraceView:
        """`spans` are the workers' spans of the same trace."""
        full = self._full(run_id)
        items = at_once(item_attempts(self._store, full, TRACE_ROWS))
        return trace_view(full, spans, self._clock.now_us(), items, TRACE_ROWS)

    def _full(self, run_id: str) -> FullRun:
        return at_once(load_run(self._store, run_id))

    def _value(self, result: Result | None) -> bytes | None:
        if result is None:
            return None
        if result.stored is None:
            return bytes(result.value)
        return at_once(MemoryResults(self.network.server, self.topology.bucket).get(result.stored.uri))


def at_once(work: Coroutine[object, None, T]) -> T:
    """Run a coroutine that has nothing to wait for: the memory store's reads are such."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise InvariantBroken("a read of the memory store waits for something", where=repr(work))
