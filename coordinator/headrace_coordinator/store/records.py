"""What the store keeps besides runs and nodes, as domain types, and the transaction that writes them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.state import Node, NodeState, RunHead
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.deploys import Provenance
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LifecycleBatch, LogLine, Span

TALLY_S = 60
"""Tallies are kept by the minute."""
OLD_TALLY_S = 3_600
"""Those that no short window reads any more are added up by the hour."""
TALLY_AGE_S = 7 * OLD_TALLY_S


class TallyKind(StrEnum):
    """What is added up."""

    RUN = "run"
    TASK = "task"
    WAIT = "wait"


class NodeRow(msgspec.Struct, frozen=True, gc=False):
    """A node to store."""

    run_id: str
    name: str
    node: Node


class NodeOutline(msgspec.Struct, frozen=True, array_like=True):
    """What a grid shows of a node: its first fields."""

    state: NodeState = NodeState.WAITING
    ready_at_us: int = 0
    finished_at_us: int = 0


class Tally(msgspec.Struct, frozen=True, gc=False):
    """How often something happened in a span of time."""

    at_s: int
    """Where the span begins: a minute as it is written, any length as it is read."""
    kind: TallyKind
    name: str
    """The workflow; of a wait the queue."""
    state: str
    """What runs or attempts came to; of a wait its step on the logarithmic scale."""
    count: int


class Positions(msgspec.Struct, frozen=True):
    """The newest position of everything that only grows; 0 when there has been none."""

    history: int
    logs: int
    events: int
    dead_letters: int


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A durable timer."""

    shard: int
    key: TimerKey
    due_us: int


class OutboxMessage(msgspec.Struct, frozen=True, gc=False):
    """A message to publish after the commit."""

    subject: str
    headers: dict[str, str]
    body: bytes
    stream: bool = True
    """False: core NATS, nobody confirms it."""


class OutboxBatch(msgspec.Struct, frozen=True, gc=False):
    """The messages of one turn. The sequence grows; a batch is deleted when the bus has confirmed it."""

    shard: int
    sequence: int
    messages: tuple[OutboxMessage, ...]


class ScheduleState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a schedule stands."""

    workflow: str
    trigger: str
    next_fire_us: int
    last_fire_us: int | None = None
    fingerprint: str = ""
    """Changes when the schedule's definition does; the next fire time is then computed anew."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a version came from."""

    set: str = ""
    owner: str = ""
    file: str = ""
    code: str = ""
    """Hash of the code of its tasks."""
    provenance: Provenance = Provenance()


class DefinitionRow(msgspec.Struct, frozen=True):
    """A deployed version of a workflow."""

    definition: WorkflowDefinition
    version: str
    deployed_at_us: int
    origin: Origin = Origin()


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order that holds until it is undone: when, by whom, why."""

    at_us: int
    by: str = ""
    reason: str = ""


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A paused trigger."""

    mark: Mark
    position: int
    """Of the last event that it has taken or let pass: those behind it are kept for it."""
    alone: bool = False
    """Paused by itself: resuming the workflow does not resume it."""
    resuming: bool = False
    """It is being given the events that were kept."""


class WorkflowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was ordered about a workflow, besides its definition. One without a row is active and nobody's."""

    workflow: str
    set: str = ""
    owner: str = ""
    file: str = ""
    retired: Mark | None = None
    """It starts nothing, finishes its runs, and can be restored."""
    pruned: bool = False
    """Its own set retired it because no file defines it any more: a deploy brings it back, also one of another set."""
    deleted: Mark | None = None
    """It is gone, except for the definitions of runs that are still kept."""
    paused: Mark | None = None
    holds: dict[str, Hold] = {}
    """Paused triggers, by id."""


class WorkflowChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order about a workflow that was carried out: its history."""

    workflow: str
    kind: str
    """`deployed`, `rolled_back`, `moved`, `taken_over`, `retired`, `restored`, `deleted`, `paused`, `resumed`."""
    at_us: int
    by: str = ""
    reason: str = ""
    version: str = ""
    previous: str = ""
    """The version, or the set, that it was before."""
    trigger: str = ""
    origin: Origin | None = None
    position: int = 0
    """Assigned by the store: grows with each change."""


class VerdictKind(StrEnum):
    """What a trigger made of an event."""

    FIRED = "fired"
    """It started a run."""
    DUPLICATE = "duplicate"
    """The run that the event starts had been started already."""
    FILTERED = "filtered"
    """Its condition was false."""
    BROKEN = "broken"
    """It failed on the event: an expression, or params that its workflow does not take."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one trigger made of one event."""

    workflow: str
    trigger: str
    kind: VerdictKind
    run_id: str = ""
    """The run that the event started, now or before."""
    reason: str = ""
    """Of a condition that was false: its text, with the values that it read."""
    error: ErrorInfo | None = None
    letter_id: str = ""
    """The dead letter that keeps the event for a trigger that failed on it."""


class EventRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A trigger event as it was received, and what it started."""

    event_id: str
    source: str
    type: str
    received_at_us: int
    subject: str = ""
    data: bytes = b""
    """The event in JSON (structured mode)."""
    runs: tuple[str, ...] = ()
    position: int = 0
    """Assigned by the store: grows with each event."""
    verdicts: tuple[Verdict, ...] = ()
    """One for each trigger of its type; none when no trigger asked for the type."""


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was accepted and could not be processed."""

    letter_id: str
    received_at_us: int
    subject: str
    headers: dict[str, str]
    body: bytes
    error: ErrorInfo
    redriven_at_us: int | None = None
    discarded_at_us: int | None = None
    by: str = ""
    """Who redrove or discarded it, as far as they said."""
    reason: str = ""
    position: int = 0
    """Assigned by the store: grows with each letter and with each change of one."""

    @property
    def state(self) -> LetterState:
        if self.discarded_at_us is not None:
            return LetterState.DISCARDED
        return LetterState.OPEN if self.redriven_at_us is None else LetterState.REDRIVEN


class StoredLog(msgspec.Struct, frozen=True):
    """A log line with its position in the namespace."""

    position: int
    line: LogLine


class HolderKind(StrEnum):
    """What keeps a large result from being deleted."""

    RUN = "run"
    """The run whose node or item made it, or whose task message carries it."""


class ResultReference(msgspec.Struct, frozen=True):
    """That something needs a large result. It goes with its holder."""

    uri: str
    kind: HolderKind
    holder: str
    """Of a run its id."""


class ReleasedResult(msgspec.Struct, frozen=True):
    """A large result whose last reference has gone."""

    uri: str
    released_at_us: int


class StreamIdentity(msgspec.Struct, frozen=True):
    """Which incarnation of a stream was last seen, to notice that the bus lost its data (I11)."""

    stream: str
    created: str
    last_sequence: int


class ShardFence(msgspec.Struct, frozen=True):
    """The lease under which a transaction is allowed."""

    shard: int
    epoch: int


class Transaction(msgspec.Struct):
    """Everything one turn writes: all of it or nothing."""

    fence: ShardFence | None = None
    runs: list[RunHead] = []
    nodes: list[NodeRow] = []
    """Nodes that have changed."""
    whole: dict[str, dict[str, Node]] = {}
    """All nodes of runs that have few, by run id: a store may keep them with the run's head, which is then
    among `runs`. A run comes whole in every transaction that has its head, or in none."""
    attempts: list[AttemptRecord] = []
    history: list[LifecycleBatch] = []
    timers: list[Timer] = []
    timers_dropped: list[TimerKey] = []
    outbox: list[OutboxBatch] = []
    outbox_confirmed: list[int] = []
    """Sequences of batches to delete."""
    references: list[ResultReference] = []
    """Besides those of the results in `attempts`, `nodes` and `runs`, which a store sees by itself."""
    results_deleted: list[str] = []
    """URIs of large results that were released and are deleted now."""
    schedules: list[ScheduleState] = []
    schedules_dropped: list[tuple[str, str]] = []
    """(workflow, trigger) pairs."""
    definitions: list[DefinitionRow] = []
    workflow_states: list[WorkflowState] = []
    workflow_changes: list[WorkflowChange] = []
    events: list[EventRecord] = []
    dead_letters: list[DeadLetter] = []
    """Inserted, or replaced by id (a redrive sets `redriven_at_us`)."""
    logs: list[LogLine] = []
    spans: list[Span] = []
    """Inserted once per span id."""
    tallies: list[Tally] = []
    """Added to those that are stored."""
    streams: list[StreamIdentity] = []
    cursors: dict[str, int] = {}
    """Named positions, such as how far the trace exporter has read."""
