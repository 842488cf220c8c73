"""A coordinator without a bus: commands go through the engine into a memory store, nothing is dispatched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager

import msgspec

from headrace_coordinator.bus.port import FoundResult
from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.inputs import OutcomeReceived, RetryRun, RunInput
from headrace_coordinator.engine.plan import Plan, compile_plan
from headrace_coordinator.engine.state import Run, RunState
from headrace_coordinator.engine.transitions.retry_run import RETRIED
from headrace_coordinator.engine.transitions.start import new_run, restore
from headrace_coordinator.queries.runs import find_run
from headrace_coordinator.queries.workflows import find_workflow
from headrace_coordinator.runtime.arrivals import Arrivals, Listener
from headrace_coordinator.runtime.deadletters import check_open
from headrace_coordinator.runtime.orders import LoadFailure, OrderReply, WorkflowOrder
from headrace_coordinator.runtime.port import EventTaken, QueueView, ReadinessView, WorkerView
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import (
    DeadLetter,
    DefinitionRow,
    EventRecord,
    NodeRow,
    Transaction,
    Verdict,
    VerdictKind,
)
from headrace_protocol.checks import check_definition
from headrace_protocol.cloudevent import CloudEvent, encode_structured
from headrace_protocol.codec import raw
from headrace_protocol.definition import EventTrigger, NodeDefinition, WorkflowDefinition
from headrace_protocol.errors import Conflict, NotFound
from headrace_protocol.ids import derived_run_id
from headrace_protocol.messages import (
    CancelRun,
    CommandReply,
    DeploySet,
    HeldAttempt,
    LifecycleBatch,
    LifecycleEvent,
    Outcome,
    StartRun,
    Stored,
)
from tests.unit.runtime.fakes import FakeFound

NAMESPACE = "test"
START_US = 1_700_000_000_000_000


class FakeCoordinator:
    """One tick of the clock is a millisecond; every command takes one."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.now_us = START_US
        self.position = 0
        self.told = Arrivals()
        self.listeners: set[asyncio.Queue[LifecycleBatch | None]] = set()
        self.held_attempts: dict[str, tuple[tuple[str, HeldAttempt], ...]] = {}
        self.worker_views: tuple[WorkerView, ...] = ()
        self.queue_views: tuple[QueueView, ...] = ()
        self.ready = ReadinessView(ready=True, store=True, bus=True, shards=(0,))
        self.planned: dict[str, NodeDefinition] = {}
        self.deploy_reply = CommandReply()
        self.orders: list[WorkflowOrder] = []
        self.failures: tuple[LoadFailure, ...] = ()
        self.results: dict[str, bytes] = {}
        """Stored values, by URI."""
        self.failure: Exception | None = None
        self.stored: dict[str, msgspec.Raw] = {}
        self.pause: Callable[[], Awaitable[None]] = _at_once
        """Awaited before and after a listener is added: others may run there."""

    def clock(self) -> int:
        return self.now_us

    async def start(self, command: StartRun) -> CommandReply:
        if self.failure is not None:
            raise self.failure
        row = await find_workflow(self.store, command.workflow, command.version or None)
        if await self.store.run(command.run_id) is not None:
            return CommandReply(run_id=command.run_id, version=row.version, created=False)
        plan = compile_plan(row.definition, row.version)
        run = new_run(plan, command, 0, self._tick())
        await self._decide(plan, run, command)
        return CommandReply(run_id=command.run_id, version=row.version)

    async def cancel(self, command: CancelRun) -> CommandReply:
        plan, run = await self._load(command.run_id)
        if run.head.state is not RunState.RUNNING:
            raise Conflict("the run is finished", where=f"run {command.run_id}", found=run.head.state.value)
        await self._decide(plan, run, command)
        return CommandReply(run_id=command.run_id)

    async def retry(self, command: RetryRun) -> CommandReply:
        plan, run = await self._load(command.run_id)
        if run.head.state not in RETRIED:
            raise Conflict("the run cannot be retried", where="run", found=run.head.state.value)
        await self._decide(plan, run, command)
        return CommandReply(run_id=command.run_id)

    async def open_result(self, stored: Stored) -> FoundResult:
        if stored.uri not in self.results:
            raise NotFound("the stored value is gone", where=stored.uri)
        return FakeFound(self.results[stored.uri])

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        check_definition(definition)
        version = definition.version()
        current = await self.store.definition(definition.name, None)
        if current is not None and current.version == version:
            return CommandReply(version=version, created=False)
        row = DefinitionRow(definition, version, self._tick())
        await self.commit(Transaction(definitions=[row]))
        return CommandReply(version=version)

    async def events(self, events: Sequence[CloudEvent]) -> tuple[EventTaken, ...]:
        return tuple([await self._event(event) for event in events])

    async def _event(self, event: CloudEvent) -> EventTaken:
        verdicts = []
        for row in await self.store.definitions():
            for trigger in row.definition.triggers:
                if isinstance(trigger, EventTrigger) and trigger.type == event.type:
                    run_id = derived_run_id(NAMESPACE, row.definition.name, trigger.id, event.id)
                    command = StartRun(
                        run_id=run_id,
                        workflow=row.definition.name,
                        params=raw({}),
                        trigger=f"event:{trigger.id}",
                        event_id=event.id,
                        event_source=event.source,
                        trace=event.trace,
                        received_at_us=self.now_us,
                    )
                    reply = await self.start(command)
                    kind = VerdictKind.FIRED if reply.created else VerdictKind.DUPLICATE
                    workflow = row.definition.name
                    verdicts.append(Verdict(workflow=workflow, trigger=trigger.id, kind=kind, run_id=run_id))
        record = EventRecord(
            event_id=event.id,
            source=event.source,
            type=event.type,
            received_at_us=self._tick(),
            data=encode_structured(event)[1],
            runs=tuple(verdict.run_id for verdict in verdicts),
            verdicts=tuple(verdicts),
        )
        known = await self.store.event(event.source, event.id)
        await self.commit(Transaction(events=[record]))
        return EventTaken(verdicts=tuple(verdicts), duplicate=known is not None)

    async def redrive(self, letter_id: str, by: str = "", reason: str = "") -> None:
        letter = await self._letter(letter_id)
        redriven = msgspec.structs.replace(letter, redriven_at_us=self._tick(), by=by, reason=reason)
        await self.commit(Transaction(dead_letters=[redriven]))

    async def discard(self, letter_id: str, by: str = "", reason: str = "") -> None:
        letter = await self._letter(letter_id)
        check_open(letter)
        discarded = msgspec.structs.replace(letter, discarded_at_us=self._tick(), by=by, reason=reason)
        await self.commit(Transaction(dead_letters=[discarded]))

    async def _letter(self, letter_id: str) -> DeadLetter:
        letter = await self.store.dead_letter(letter_id)
        if letter is None:
            raise NotFound("there is no such dead letter", where="letter_id", found=letter_id)
        return letter

    async def commit(self, transaction: Transaction) -> None:
        await self.store.commit(transaction)
        self.told.committed(transaction)

    def planned_node(self, workflow: str, version: str, node: str) -> NodeDefinition | None:
        return self.planned.get(node)

    def arrivals(self, listener: Listener) -> AbstractContextManager[None]:
        return self.told.listen(listener)

    def readiness(self) -> ReadinessView:
        return self.ready

    async def deploy_set(self, command: DeploySet) -> CommandReply:
        for member in command.members:
            await self.deploy(member.definition)
        return self.deploy_reply

    async def order(self, order: WorkflowOrder) -> OrderReply:
        self.orders.append(order)
        return OrderReply(
            workflow=order.workflow, kind=order.kind, changed=True, dry_run=order.dry_run, effects=("done",)
        )

    async def loaded(self, failures: tuple[LoadFailure, ...]) -> None:
        self.failures = failures

    def why_nobody_listens(self, event_type: str) -> str:
        return "nobody"

    def load_failures(self) -> tuple[LoadFailure, ...]:
        return self.failures

    def workers(self, *, gone: bool = False) -> tuple[WorkerView, ...]:
        return self.worker_views

    async def queues(self) -> tuple[QueueView, ...]:
        if self.failure is not None:
            raise self.failure
        return self.queue_views

    async def fetch(self, stored: Stored) -> msgspec.Raw:
        if stored.uri not in self.stored:
            raise NotFound("a stored value is gone", where=stored.uri)
        return self.stored[stored.uri]

    def ahead(self, run_id: str) -> dict[str, int]:
        return {}

    def held(self, run_id: str) -> tuple[tuple[str, HeldAttempt], ...]:
        return self.held_attempts.get(run_id, ())

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[LifecycleBatch]]:
        queue: asyncio.Queue[LifecycleBatch | None] = asyncio.Queue()
        await self.pause()
        self.listeners.add(queue)
        try:
            await self.pause()
            yield self._heard(queue)
        finally:
            self.listeners.discard(queue)

    async def _heard(self, queue: asyncio.Queue[LifecycleBatch | None]) -> AsyncIterator[LifecycleBatch]:
        while (batch := await queue.get()) is not None:
            yield batch

    def hang_up(self) -> None:
        """What a coordinator that stops does to those who listen."""
        for queue in self.listeners:
            queue.put_nowait(None)

    async def outcome(self, outcome: Outcome) -> None:
        plan, run = await self._load(outcome.run_id)
        await self._decide(plan, run, OutcomeReceived(outcome))

    async def happen(self, run_id: str, kind: str = "node.progress") -> int:
        """Commit one more history entry of a run that exists."""
        stored = await find_run(self.store, run_id)
        events = (LifecycleEvent(kind=kind, at_us=self._tick()),)
        await self._commit(Transaction(), run_id, stored.head.workflow, events)
        return self.position

    async def _load(self, run_id: str) -> tuple[Plan, Run]:
        stored = await find_run(self.store, run_id)
        row = await find_workflow(self.store, stored.head.workflow, stored.head.version)
        plan = compile_plan(row.definition, row.version)
        return plan, restore(plan, stored.head, stored.nodes)

    async def _decide(self, plan: Plan, run: Run, received: RunInput) -> Decision:
        decision = decide(plan, run, received, self._tick())
        head = run.head
        transaction = Transaction(
            runs=[head],
            nodes=[NodeRow(head.run_id, name, run.nodes[name]) for name in decision.touched],
            attempts=decision.attempts,
        )
        await self._commit(transaction, head.run_id, head.workflow, tuple(decision.events))
        return decision

    async def _commit(
        self, transaction: Transaction, run_id: str, workflow: str, events: tuple[LifecycleEvent, ...]
    ) -> None:
        self.position += 1
        batch = LifecycleBatch(position=self.position, run_id=run_id, workflow=workflow, events=events)
        transaction.history = [batch]
        await self.commit(transaction)
        for queue in self.listeners:
            queue.put_nowait(batch)

    def _tick(self) -> int:
        self.now_us += 1_000
        return self.now_us


async def _at_once() -> None:
    return
