"""A running coordinator: every part started in order, commands answered after their commit."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager

import msgspec

from headrace_coordinator.bus.limits import check_size, is_subject
from headrace_coordinator.bus.port import BusError, FoundResult, Incoming
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.plan import Place
from headrace_coordinator.runtime.arrivals import Arrival
from headrace_coordinator.runtime.capacity import CapacityFeed
from headrace_coordinator.runtime.deadletters import check_open, dead_letter, understood
from headrace_coordinator.runtime.envelope import Envelope, Write
from headrace_coordinator.runtime.failure_detector import FailureDetector
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.keeper import Keeper
from headrace_coordinator.runtime.old_code import OldCode
from headrace_coordinator.runtime.orders import LoadFailure, OrderReply, WorkflowOrder
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.port import EventTaken, QueueView, ReadinessView, WorkerView
from headrace_coordinator.runtime.vigil import Vigil
from headrace_coordinator.schedules.runner import ScheduleRunner
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.deployment import Deployment
from headrace_coordinator.service.failures import as_exception, raised
from headrace_coordinator.service.lifecycle import Lifecycle
from headrace_coordinator.service.listeners import why_nobody_listens
from headrace_coordinator.service.options import Options
from headrace_coordinator.service.ownership import owner_of
from headrace_coordinator.service.publication import Publication
from headrace_coordinator.service.queues import Queues
from headrace_coordinator.service.replay import Replayer
from headrace_coordinator.service.result_sweep import ResultSweep
from headrace_coordinator.service.retention import Retention
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.service.stored_values import fetch, open_result
from headrace_coordinator.store.records import DeadLetter, OutboxBatch, OutboxMessage, Transaction
from headrace_coordinator.triggers.consumer import EventConsumer
from headrace_coordinator.triggers.events import Matcher
from headrace_coordinator.triggers.intake import Intake
from headrace_coordinator.triggers.params import schedule_params
from headrace_protocol import headers
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.codec import encode
from headrace_protocol.definition import NodeDefinition, WorkflowDefinition
from headrace_protocol.deliveries import Redelivered
from headrace_protocol.errors import Conflict, ErrorCode, HeadraceError, NotFound, Unavailable
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import (
    CancelRun,
    CommandReply,
    Deploy,
    DeploySet,
    HeldAttempt,
    LifecycleBatch,
    StartRun,
    Stored,
)
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.coordinator")


class RunningCoordinator:
    """Implements `headrace_coordinator.runtime.port.Coordinator`."""

    def __init__(self, parts: Parts, options: Options) -> None:
        topology, store, bus, clock = parts.topology, parts.store, parts.bus, parts.clock
        self.parts = parts
        self.store = store
        self._topology = topology
        self._bus = bus
        self._clock = clock
        self._retention = Retention(parts, options.retention)
        self._result_sweep = ResultSweep(parts, lambda: 0 in self._shards.owned(), options.results_grace_s)
        self._trim_s = options.trim_s
        self._registry = parts.registry
        self._fleet = Fleet(topology.subjects, clock)
        owner = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self._shards = ShardSet(
            parts,
            self._fleet,
            options.shards,
            owner,
            self._deploy_message,
            self._redelivered,
            options.lease_s,
        )
        self._failures = FailureDetector(parts, self._fleet, self._shards)
        self._old_code = OldCode(parts, self._fleet, self._shards)
        self._fleet.on_draining = self._old_code.draining
        self._capacity = CapacityFeed(self._fleet, self._shards)
        self._fleet.on_beat = self._capacity.beat
        self._queues = Queues(parts, self._fleet, self._shards)
        self._matcher = Matcher(topology.namespace, clock.now_us)
        intake = Intake(self._matcher, self._shards, clock)
        self._events = EventConsumer(topology, bus, intake, self._shards, clock)
        self._publication = Publication(topology.subjects, store, intake, lambda: bus.max_payload_bytes)
        self._schedules = ScheduleRunner(topology.namespace, store, self._shards, clock, schedule_params)
        self._catalog = Catalog(parts, self._matcher, self._schedules, self._shards)
        self._deployment = Deployment(parts, self._catalog)
        self._replayer = Replayer(self._catalog, self._shards, topology.subjects, clock)
        self._lifecycle = Lifecycle(self._catalog, self._shards, self._replayer.wake)
        self._vigil = Vigil(parts, self._fleet, self._shards, sweep_s=options.sweep_s)
        self._keeper = Keeper(topology, bus, store, clock, parts.arrivals, spans=options.keep_spans)
        self._background: set[asyncio.Task[None]] = set()
        self._ready = False
        self._adopts = options.adopt
        self._failed: asyncio.Future[HeadraceError] | None = None
        self._shards.on_lost = self._on_lost
        self._vigil.on_refused = self._fail
        self._awaits_definitions = options.await_definitions
        self._load_failures: tuple[LoadFailure, ...] = ()

    async def open(self) -> None:
        """Start every part. The store must be open and the bus connected.

        Raises Unavailable when the bus cannot have the streams, NamespaceTaken when they belong to another store
        than ours.
        """
        fence = await self._shards.acquire()
        try:
            self._bus.belongs_to(await owner_of(self.parts, fence, adopt=self._adopts))
            await self._bus.ensure(self._topology)
            if self._adopts:
                log.warning("the namespace %s is taken over", self._topology.namespace)
                await self._bus.start_over(self._topology)
        except BusError as error:
            raise Unavailable(
                "the streams cannot be made",
                where="NATS",
                found=str(error),
                expected="JetStream with room for them",
                fix="Enable JetStream, or give it more storage (max_file_store, the account's limits).",
            ) from error
        await self._registry.load()  # what a predecessor deployed while we waited counts too
        definitions = [entry.definition for entry in self._registry.active()]
        self._catalog.refresh()
        await self._fleet.start(self._bus)
        self._bus.send(
            self._topology.subjects.rollcall, headers.make(), b""
        )  # what may be on the bus depends on them
        await self._shards.start()
        self._capacity.tell()
        await self._vigil.start()
        if self._adopts:
            await self._vigil.republish_all([self._topology.stream("TASKS")])
        await self._schedules.start(definitions)  # before a deploy can come that changes them
        await self._shards.consume()
        if not self._awaits_definitions:
            await self._events.start()
        await self._keeper.start()
        self._replayer.start()
        self._spawn(self._retention.prune())
        self._spawn(self._result_sweep.run())
        if self._trim_s:
            self._spawn(self._retention.trim(self._trim_s))
        self._ready = True

    async def failed(self) -> HeadraceError:
        """Wait until this coordinator can do nothing any more, and say why."""
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._failed)

    def _fail(self, error: HeadraceError) -> None:
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
        if not self._failed.done():
            self._failed.set_result(error)

    def _on_lost(self, shard: int) -> None:
        self._fail(
            Unavailable(
                "another coordinator has taken over what this one ran",
                where=f"shard {shard}",
                found="a lease that another coordinator holds",
                expected="its own: it had been silent for longer than the lease lasts",
                fix="Start it again: it stands by until the other one ends. Nothing is lost.",
                code=ErrorCode.SHARDS_LOST,
            )
        )

    async def close(self) -> None:
        """Stop in the opposite order: first what makes inputs, then the loops."""
        self._ready = False
        await end(*self._background)
        await self._replayer.stop()
        await self._schedules.stop()
        await self._events.stop()
        await self._vigil.stop()
        await self._failures.stop()
        await self._old_code.stop()
        await self._keeper.stop()
        await self._fleet.stop()
        self._capacity.stop()
        await self._shards.stop()

    async def start(self, command: StartRun) -> CommandReply:
        shard = shard_of(command.run_id, self._shards.count)
        return raised(await self._shards.ask(shard, Envelope(inputs=(command,))))

    async def cancel(self, command: CancelRun) -> CommandReply:
        shard = shard_of(command.run_id, self._shards.count)
        return raised(await self._shards.ask(shard, Envelope(inputs=(command,))))

    async def retry(self, command: RetryRun) -> CommandReply:
        shard = shard_of(command.run_id, self._shards.count)
        return raised(await self._shards.ask(shard, Envelope(inputs=(command,))))

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        return await self._deployment.deploy(definition)

    async def deploy_set(self, command: DeploySet) -> CommandReply:
        return await self._deployment.deploy_set(command)

    async def order(self, order: WorkflowOrder) -> OrderReply:
        return await self._lifecycle.order(order)

    async def loaded(self, failures: tuple[LoadFailure, ...]) -> None:
        self._load_failures = failures
        if self._awaits_definitions:
            self._awaits_definitions = False
            await self._events.start()

    def why_nobody_listens(self, event_type: str) -> str:
        return why_nobody_listens(self._registry, event_type)

    def load_failures(self) -> tuple[LoadFailure, ...]:
        return self._load_failures

    def check_accepts_events(self) -> None:
        """Raises Unavailable while definitions are being loaded."""
        if self._awaits_definitions:
            raise Unavailable(
                "events are not accepted yet",
                where="coordinator",
                found="definitions that are still being loaded",
                expected="deployed definitions",
                fix="Publish again in a moment; `headrace dev` says when it is ready.",
            )

    async def events(self, events: Sequence[CloudEvent]) -> tuple[EventTaken, ...]:
        self.check_accepts_events()
        return await self._publication.publish(events)

    async def redrive(self, letter_id: str, by: str = "", reason: str = "") -> None:
        letter = await self._letter(letter_id)
        self._check_redrivable(letter)
        kept = {name: value for name, value in letter.headers.items() if not name.startswith("Nats-")}
        now_us = self._clock.now_us()
        done = msgspec.structs.replace(
            letter, redriven_at_us=now_us, discarded_at_us=None, by=by, reason=reason
        )
        await self._publish(
            OutboxMessage(letter.subject, kept, letter.body), lambda t: t.dead_letters.append(done)
        )

    async def discard(self, letter_id: str, by: str = "", reason: str = "") -> None:
        letter = await self._letter(letter_id)
        check_open(letter)
        done = msgspec.structs.replace(letter, discarded_at_us=self._clock.now_us(), by=by, reason=reason)
        raised(await self._shards.ask(0, Envelope(write=lambda t: t.dead_letters.append(done))))

    async def _letter(self, letter_id: str) -> DeadLetter:
        letter = await self.store.dead_letter(letter_id)
        if letter is None:
            raise NotFound(f"there is no dead letter {letter_id}", where="dead letter", found=letter_id)
        return letter

    def _check_redrivable(self, letter: DeadLetter) -> None:
        """What no stream takes would be published for ever."""
        places = [
            f"{self._topology.subjects.root}.{kind}." for kind in ("task", "in", "event", "log", "span")
        ]
        if not letter.subject.startswith(tuple(places)) or not is_subject(letter.subject):
            raise Conflict(
                "a message on this subject cannot be published again",
                where=letter.letter_id,
                found=letter.subject,
                expected=", ".join(places),
            )

    async def _publish(self, message: OutboxMessage, write: Write | None = None) -> None:
        """Publish through the outbox: the message goes out if and only if its transaction was committed.

        Raises ProtocolError for a message that the bus would never take.
        """
        check_size(message.subject, message.headers, message.body, self._bus.max_payload_bytes)
        outbox = self.parts.outbox
        batch = OutboxBatch(0, outbox.next_sequence(), (message,))

        def store(transaction: Transaction) -> None:
            transaction.outbox.append(batch)
            if write is not None:
                write(transaction)

        raised(await self._shards.ask(0, Envelope(write=store)))
        outbox.publish(batch)

    def _redelivered(self, shard: int, told: Redelivered) -> None:
        self._failures.suspect(shard, told)

    def _deploy_message(self, command: Deploy | DeploySet, message: Incoming) -> None:
        self._spawn(self._deploy_and_reply(command, message))

    async def _deploy_and_reply(self, command: Deploy | DeploySet, message: Incoming) -> None:
        reply_to = message.headers.get(headers.REPLY_TO, "")
        try:
            reply = await self._deployed(command, message)
        except Unavailable as error:
            log.warning("a deploy cannot be carried out now; it comes again: %s", error)
            return
        except Exception as error:
            known = understood(error)
            reply = CommandReply(created=False, error=known.info())
            if not reply_to:
                letter = dead_letter(message, known, self._clock.now_us())
                await self._shards.ask(0, Envelope(dead=(letter,)))
        self._bus.acknowledge(message)
        if reply_to:
            self._bus.send(reply_to, headers.make(), encode(reply))

    async def _deployed(self, command: Deploy | DeploySet, message: Incoming) -> CommandReply:
        if isinstance(command, Deploy):
            return await self._deployment.deploy(command.definition, message)
        reply = await self._deployment.deploy_set(command, message)
        if reply.error is not None and not message.headers.get(headers.REPLY_TO):
            raise as_exception(reply.error)
        return reply

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def readiness(self) -> ReadinessView:
        owned = self._shards.owned()
        connected = self._bus.connected
        trouble = self._shards.trouble
        reason = "" if connected else "no connection to NATS"
        if not self._ready:
            reason = reason or "starting or stopping"
        elif self._awaits_definitions:
            reason = reason or "definitions are being loaded"
        return ReadinessView(
            ready=self._ready
            and not self._awaits_definitions
            and connected
            and bool(owned)
            and trouble is None,
            store=trouble is None,
            bus=connected,
            shards=owned,
            reason=reason if trouble is None else str(trouble),
        )

    def workers(self, *, gone: bool = False) -> tuple[WorkerView, ...]:
        return self._fleet.views(gone=gone)

    async def queues(self) -> tuple[QueueView, ...]:
        """Every queue that a current workflow uses or a worker serves."""
        return await self._queues.views()

    def held(self, run_id: str) -> tuple[tuple[str, HeldAttempt], ...]:
        return self._fleet.held(run_id)

    async def fetch(self, stored: Stored) -> msgspec.Raw:
        return await fetch(self.parts.results, stored)

    def planned_node(self, workflow: str, version: str, node: str) -> NodeDefinition | None:
        return self._registry.planned_node(workflow, version, node)

    async def open_result(self, stored: Stored) -> FoundResult:
        return await open_result(self.parts.results, stored)

    def ahead(self, run_id: str) -> dict[Place, int]:
        found: dict[Place, int] = {}
        for line in self._shards.lines():
            found |= line.ahead(run_id)
        return found

    def arrivals(self, listener: Callable[[Arrival], None]) -> AbstractContextManager[None]:
        return self.parts.arrivals.listen(listener)

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[LifecycleBatch]]:
        return self.parts.changes.listen()
