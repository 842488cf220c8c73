"""What the memory store holds. Objects in here belong to it alone: `copy` what goes in or out."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from typing import TypeVar

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.state import Node, RunHead
from headrace_coordinator.store.records import (
    DeadLetter,
    DefinitionRow,
    EventRecord,
    HolderKind,
    OutboxBatch,
    ResultReference,
    ScheduleState,
    StoredLog,
    StreamIdentity,
    TallyKind,
    Timer,
    Transaction,
    WorkflowChange,
    WorkflowState,
)
from headrace_coordinator.store.rows import decode_head, encode_head
from headrace_protocol.codec import decode, encode
from headrace_protocol.messages import LifecycleBatch, LogLine, Span

T = TypeVar("T", bound=msgspec.Struct)


def copy(value: T) -> T:
    """A copy by way of msgpack: what an SQL store would give back."""
    return decode(encode(value), type(value))


def copy_head(head: RunHead) -> RunHead:
    return decode_head(encode_head(head))


def copy_transaction(transaction: Transaction) -> Transaction:
    rest = copy(msgspec.structs.replace(transaction, runs=[]))
    return msgspec.structs.replace(rest, runs=[copy_head(head) for head in transaction.runs])


class Lease(msgspec.Struct, frozen=True):
    """Who holds a shard."""

    owner: str
    epoch: int
    until_us: int


class RunTables:
    """A run with what hangs on it."""

    def __init__(self, head: RunHead) -> None:
        self.head = head
        self.nodes: dict[str, Node] = {}
        self.attempts: list[AttemptRecord] = []
        self.items: dict[str, list[int]] = {}
        """Items of each node that have succeeded, in order."""
        self.winners: dict[tuple[str, int], AttemptRecord] = {}
        """The latest success of each item."""
        self.positions: list[int] = []

    def with_head(self, head: RunHead) -> RunTables:
        self.head = head
        return self

    def add_attempt(self, record: AttemptRecord) -> None:
        self.attempts.append(record)
        if record.item is None or record.state != "succeeded":
            return
        if (record.node, record.item) not in self.winners:
            insort(self.items.setdefault(record.node, []), record.item)
        self.winners[record.node, record.item] = record

    @property
    def empty(self) -> bool:
        return not (self.nodes or self.attempts or self.positions)


class Tables:
    """Everything stored."""

    def __init__(self) -> None:
        self.runs: dict[str, RunTables] = {}
        self.history: dict[int, LifecycleBatch] = {}
        self.positions: list[int] = []
        self.last_position = 0
        self.timers: dict[TimerKey, Timer] = {}
        self.pruned: dict[str, int] = {}
        """When, by run id."""
        self.outbox: dict[int, OutboxBatch] = {}
        self.last_outbox = 0
        self.references: dict[str, set[tuple[HolderKind, str]]] = {}
        """Kind and holder, by URI."""
        self.held: dict[tuple[HolderKind, str], dict[str, None]] = {}
        """URIs, by kind and holder."""
        self.released: dict[str, int] = {}
        self.schedules: dict[tuple[str, str], ScheduleState] = {}
        self.definitions: dict[str, dict[str, DefinitionRow]] = {}
        """By workflow and version, the current version last."""
        self.workflow_states: dict[str, WorkflowState] = {}
        self.workflow_changes: list[WorkflowChange] = []
        self.events: dict[int, EventRecord] = {}
        self.event_positions: dict[tuple[str, str], int] = {}
        self.last_event = 0
        self.dead_letters: dict[str, DeadLetter] = {}
        self.last_letter = 0
        self.tallies: Counter[tuple[int, TallyKind, str, str]] = Counter()
        self.logs: dict[int, StoredLog] = {}
        self.logs_of: dict[str, list[int]] = {}
        self.last_log = 0
        self.spans: dict[str, dict[str, Span]] = {}
        self.streams: dict[str, StreamIdentity] = {}
        self.cursors: dict[str, int] = {}
        self.shards: dict[int, Lease] = {}

    def add_history(self, batch: LifecycleBatch) -> None:
        self.history[batch.position] = batch
        insort(self.positions, batch.position)
        insort(self.runs[batch.run_id].positions, batch.position)
        self.last_position = max(self.last_position, batch.position)

    def deleted(self, workflow: str) -> bool:
        state = self.workflow_states.get(workflow)
        return state is not None and state.deleted is not None

    def add_change(self, change: WorkflowChange) -> None:
        last = self.workflow_changes[-1].position if self.workflow_changes else 0
        self.workflow_changes.append(msgspec.structs.replace(change, position=last + 1))

    def add_reference(self, reference: ResultReference) -> None:
        holder = (reference.kind, reference.holder)
        self.references.setdefault(reference.uri, set()).add(holder)
        self.held.setdefault(holder, {})[reference.uri] = None
        self.released.pop(reference.uri, None)

    def release(self, holder: tuple[HolderKind, str], limit: int, now_us: int) -> int:
        """Drop up to `limit` references of a holder; how many."""
        held = self.held.get(holder, {})
        dropped = [*held][:limit]
        for uri in dropped:
            del held[uri]
            self.references[uri].discard(holder)
            if not self.references[uri]:
                del self.references[uri]
                self.released[uri] = now_us
        if not held:
            self.held.pop(holder, None)
        return len(dropped)

    def set_letter(self, letter: DeadLetter) -> None:
        self.last_letter += 1
        self.dead_letters[letter.letter_id] = msgspec.structs.replace(letter, position=self.last_letter)

    def add_log(self, line: LogLine) -> None:
        self.last_log += 1
        self.logs[self.last_log] = StoredLog(self.last_log, line)
        self.logs_of.setdefault(line.run_id, []).append(self.last_log)

    def drop_log(self, position: int) -> None:
        run_id = self.logs.pop(position).line.run_id
        self.logs_of[run_id].remove(position)
        if not self.logs_of[run_id]:
            del self.logs_of[run_id]

    def drop_part(self, run_id: str, kind: str, limit: int) -> int:
        """Drop up to `limit` rows of one kind that hang on a run; how many."""
        run = self.runs[run_id]
        match kind:
            case "nodes":
                dropped = min(limit, len(run.nodes))
                for name in [*run.nodes][:limit]:
                    del run.nodes[name]
            case "attempts":
                dropped = min(limit, len(run.attempts))
                run.attempts = run.attempts[limit:]
                run.winners.clear()
                run.items.clear()
            case "history":
                dropped = min(limit, len(run.positions))
                for position in run.positions[:limit]:
                    del self.history[position]
                    self.positions.remove(position)
                run.positions = run.positions[limit:]
            case _:
                positions = self.logs_of.get(run_id, [])[:limit]
                dropped = len(positions)
                for position in positions:
                    self.drop_log(position)
        return dropped
