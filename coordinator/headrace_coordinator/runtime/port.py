"""What the API may ask of the running coordinator: commands, and what is only known while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

import msgspec

from headrace_coordinator.bus.port import FoundResult
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.plan import Place
from headrace_coordinator.runtime.arrivals import Arrival
from headrace_coordinator.runtime.orders import LoadFailure, OrderReply, WorkflowOrder
from headrace_coordinator.store.records import Verdict
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.definition import NodeDefinition, WorkflowDefinition
from headrace_protocol.messages import (
    CancelRun,
    CommandReply,
    DeploySet,
    HeldAttempt,
    LifecycleBatch,
    StartRun,
    Stored,
)


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as its heartbeats show it."""

    worker: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: int
    tasks: tuple[str, ...]
    held: tuple[HeldAttempt, ...]
    started_at_us: int
    seen_at_us: int
    state: str
    """`live`, `draining`, `silent` (no heartbeat for three intervals) or `stopped`."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue and priority: what waits in the coordinator's ready lines, and what the bus holds."""

    queue: str
    priority: str
    pending: int
    """Tasks that no worker has: those in the ready lines and those on the bus."""
    in_flight: int
    """Delivered and not acknowledged."""
    redelivered: int
    workers: int
    slots: int
    line: int = 0
    """Those of the pending tasks that wait in the coordinator until there is room on the bus."""
    bound: int = 0
    """Tasks that may be on the bus at once, those that workers have included."""
    waiting: int = 0
    """Workers' requests for tasks that wait for one."""
    last_delivered_us: int | None = None
    last_acked_us: int | None = None
    oldest_us: int | None = None
    """When the task was queued that waits longest."""
    trouble: str = ""
    """Why NATS gives out nothing of it, as when its consumer is paused."""


class EventTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event."""

    verdicts: tuple[Verdict, ...]
    """One for each trigger of its type."""
    duplicate: bool
    """It had been received before."""

    @property
    def runs(self) -> tuple[str, ...]:
        """Runs that it started, now or before."""
        return tuple(verdict.run_id for verdict in self.verdicts if verdict.run_id)


class ReadinessView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the coordinator can do its work."""

    ready: bool
    store: bool
    bus: bool
    shards: tuple[int, ...]
    """Shards that this coordinator owns."""
    reason: str = ""


class Commands(Protocol):
    """Every answer waits for the commit of what was asked. Errors are raised as HeadraceError."""

    async def start(self, command: StartRun) -> CommandReply:
        """Raises NotFound (no such workflow or version), ParamsError."""
        ...

    async def cancel(self, command: CancelRun) -> CommandReply:
        """Raises NotFound, Conflict when the run is finished."""
        ...

    async def retry(self, command: RetryRun) -> CommandReply:
        """Raises NotFound, Conflict unless the run has failed or was cancelled."""
        ...

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        """`created` is False when this content is the current version already. Raises DefinitionError."""
        ...

    async def deploy_set(self, command: DeploySet) -> CommandReply:
        """Deploy all of a set or nothing. The reply says what became of each workflow, and in `error` why nothing
        was deployed."""
        ...

    async def order(self, order: WorkflowOrder) -> OrderReply:
        """Retire, restore, delete, roll back, pause or resume a workflow. Raises NotFound, Conflict."""
        ...

    async def loaded(self, failures: tuple[LoadFailure, ...]) -> None:
        """Definitions have been loaded, except for these files: events are accepted from now on."""
        ...

    async def events(self, events: Sequence[CloudEvent]) -> tuple[EventTaken, ...]:
        """Take events in, in one turn for up to 512 of them: one answer for each, in their order.

        A trigger that fails on an event is a verdict, and no error. Raises ProtocolError, before anything is stored,
        when one of them is too large for the bus.
        """
        ...

    async def redrive(self, letter_id: str, by: str = "", reason: str = "") -> None:
        """Publish a dead letter's message again on its subject. Raises NotFound, Conflict when no stream takes it."""
        ...

    async def discard(self, letter_id: str, by: str = "", reason: str = "") -> None:
        """Put an open dead letter aside. Raises NotFound, Conflict when it is not open."""
        ...


class Live(Protocol):
    """What is known only while the coordinator runs."""

    def readiness(self) -> ReadinessView: ...

    def why_nobody_listens(self, event_type: str) -> str:
        """Why no trigger takes events of a type, as a sentence without its end; empty when one does."""
        ...

    def load_failures(self) -> tuple[LoadFailure, ...]:
        """Files of `headrace dev` that cannot be loaded now."""
        ...

    def workers(self, *, gone: bool = False) -> tuple[WorkerView, ...]:
        """With `gone`, also workers that have been silent for long, and what they held."""
        ...

    async def queues(self) -> tuple[QueueView, ...]: ...

    def held(self, run_id: str) -> tuple[tuple[str, HeldAttempt], ...]:
        """(worker, attempt) pairs: attempts of the run that a worker is working on now."""
        ...

    async def fetch(self, stored: Stored) -> msgspec.Raw:
        """A stored value. Raises NotFound where it is gone, Unavailable where the bus cannot say."""
        ...

    def planned_node(self, workflow: str, version: str, node: str) -> NodeDefinition | None:
        """A node of a version that is in memory, or of the current one: for lists, which read no definitions."""
        ...

    async def open_result(self, stored: Stored) -> FoundResult:
        """A stored value, to be read in pieces. Raises NotFound where it is gone, Unavailable where its place cannot
        say."""
        ...

    def ahead(self, run_id: str) -> dict[Place, int]:
        """Tasks of other runs that go to the bus before the next one of a run that waits in a ready line."""
        ...

    def arrivals(self, listener: Callable[[Arrival], None]) -> AbstractContextManager[None]:
        """Call back on the loop, after each commit, for each kind of row that it added."""
        ...

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[LifecycleBatch]]:
        """Committed history entries from the moment of entering, each exactly once, in order of position."""
        ...


class Coordinator(Commands, Live, Protocol):
    """A running coordinator."""
