"""The port that every store implements: one writer of transactions, and readers of domain types.

Capabilities that differ between stores are declared here, never found out with `isinstance`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import Node, RunHead, RunState
from headrace_coordinator.store.records import (
    DeadLetter,
    DefinitionRow,
    EventRecord,
    LetterState,
    NodeOutline,
    OutboxBatch,
    Positions,
    ReleasedResult,
    ScheduleState,
    ShardFence,
    StoredLog,
    StreamIdentity,
    Tally,
    Timer,
    Transaction,
    WorkflowChange,
    WorkflowState,
)
from headrace_protocol.messages import LifecycleBatch, Span


class Capabilities(msgspec.Struct, frozen=True):
    """What a store can do."""

    durable: bool
    many_coordinators: bool


class StoredRun(msgspec.Struct, frozen=True):
    """A run as the store holds it: only touched nodes have a row."""

    head: RunHead
    nodes: dict[str, Node]


class Loaded(msgspec.Struct, frozen=True):
    """What a turn reads before it decides."""

    runs: dict[str, StoredRun]
    pruned: frozenset[str]
    """Those that there were, and that have been pruned."""


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list. Every field that is set must hold."""

    workflow: str | None = None
    states: tuple[RunState, ...] = ()
    trigger: str | None = None
    event_id: str | None = None
    label: tuple[str, str] | None = None
    created_from_us: int | None = None
    created_before_us: int | None = None
    search: str | None = None
    """Part of the run id or of the error message."""

    @property
    def plain(self) -> bool:
        """Whether the indexes of the lists answer all of it."""
        return self.trigger is None and self.event_id is None and self.label is None and self.search is None


class LogFilter(msgspec.Struct, frozen=True):
    """Which lines of a run."""

    run_id: str
    node: str | None = None
    item: int | None = None
    level: int = 0
    """The lowest `rows.LEVELS` that is wanted."""


class LetterFilter(msgspec.Struct, frozen=True):
    """Which dead letters."""

    state: LetterState | None = None
    search: str | None = None
    """Part of the id, the subject, the error's code, message or place."""


class LetterCursor(msgspec.Struct, frozen=True):
    """The last letter of the page before."""

    received_at_us: int
    letter_id: str


class RunCursor(msgspec.Struct, frozen=True):
    """The last run of the page before; lists are ordered by (created_at_us, run_id), newest first."""

    created_at_us: int
    run_id: str


class ItemPage(msgspec.Struct, frozen=True):
    """Results of a map's items, in order of the item."""

    first: int
    attempts: tuple[AttemptRecord, ...]


REMEMBERED_S = 35 * 86_400.0
"""How long after a run has been pruned its id starts none: it is named after its cause, which may come again."""


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long finished things are kept, in seconds. On by default."""

    runs_s: float = 30 * 86_400.0
    logs_s: float = 14 * 86_400.0
    spans_s: float = 3 * 86_400.0
    events_s: float = 14 * 86_400.0
    dead_letters_s: float = 90 * 86_400.0
    tallies_s: float = 14 * 86_400.0
    changes_s: float = 400 * 86_400.0
    """What was ordered about workflows."""
    replay_s: float = 7 * 86_400.0
    """Events on the bus that were read, for others to replay; the store's own records of them are `events_s`."""


class Reader(Protocol):
    """Queries. They see only what is committed."""

    async def run(self, run_id: str) -> StoredRun | None: ...

    async def runs(self, where: RunFilter, after: RunCursor | None, limit: int) -> list[RunHead]: ...

    async def count_runs(self) -> dict[tuple[str, RunState], int]:
        """Runs by workflow and state."""
        ...

    async def count_matching(self, where: RunFilter, limit: int) -> dict[RunState, int]:
        """Runs that a filter finds, by state: of each state at most `limit`."""
        ...

    async def run_histogram(
        self, where: RunFilter, from_us: int, bucket_us: int, limit: int
    ) -> dict[tuple[int, RunState], int]:
        """Runs that a filter finds, by the number of their bucket and by state: of each state the newest `limit`."""
        ...

    async def oldest_run_us(self) -> int | None:
        """When the oldest run was created."""
        ...

    async def heads(self, run_ids: Sequence[str]) -> dict[str, RunHead]:
        """Runs without their nodes, as far as they exist."""
        ...

    async def outlines(self, run_ids: Sequence[str]) -> dict[str, dict[str, NodeOutline]]:
        """Nodes that were touched, by run and name."""
        ...

    async def tallies(self, from_s: int, bucket_s: int) -> list[Tally]:
        """What happened since a time, added up by spans that begin with it, in order."""
        ...

    async def positions(self) -> Positions: ...

    async def unfinished(self, shard: int, after: str, limit: int) -> list[str]:
        """Ids of unfinished runs of a shard, in order of the id, from the one after `after`."""
        ...

    async def attempts(self, run_id: str, node: str | None, after: int, limit: int) -> list[AttemptRecord]:
        """Attempts in the order in which they ended, skipping the first `after`."""
        ...

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[AttemptRecord]:
        """The succeeded attempt of each item with index >= first, in order of the index."""
        ...

    async def history(self, run_id: str | None, after: int, limit: int) -> list[LifecycleBatch]:
        """History after a position, oldest first; of one run, or of all."""
        ...

    async def last_position(self) -> int:
        """Position of the newest history entry; 0 when there is none."""
        ...

    async def due_timers(self, shard: int, now_us: int, limit: int) -> list[Timer]: ...

    async def next_timer_us(self, shard: int) -> int | None:
        """When the shard's earliest timer is due."""
        ...

    async def load(self, run_ids: Sequence[str]) -> Loaded:
        """Runs, as far as they exist or have existed, all at once."""
        ...

    async def outbox(self, shard: int) -> list[OutboxBatch]: ...

    async def last_outbox_sequence(self) -> int:
        """The highest sequence ever used (it never goes back, also when all batches are deleted)."""
        ...

    async def schedules(self) -> list[ScheduleState]: ...

    async def definitions(self) -> list[DefinitionRow]:
        """The current version of every workflow that is not deleted, by name."""
        ...

    async def workflow_states(self) -> list[WorkflowState]:
        """What was ordered about workflows, by name."""
        ...

    async def workflow_changes(self, workflow: str, before: int | None, limit: int) -> list[WorkflowChange]:
        """The history of a workflow, newest first, before a position."""
        ...

    async def definition(self, workflow: str, version: str | None) -> DefinitionRow | None:
        """One version, or the current one. A deleted workflow has no current one; versions that its runs began
        with are kept as long as the runs."""
        ...

    async def versions(self, workflow: str) -> list[DefinitionRow]:
        """All versions of a workflow, the current one first."""
        ...

    async def events(self, event_type: str | None, before: int | None, limit: int) -> list[EventRecord]:
        """Newest first, before a position."""
        ...

    async def events_after(self, position: int, limit: int) -> list[EventRecord]:
        """Oldest first, after a position."""
        ...

    async def count_events_after(self, event_type: str, position: int, limit: int) -> int:
        """Events of a type after a position, at most `limit`."""
        ...

    async def event(self, source: str, event_id: str) -> EventRecord | None: ...

    async def dead_letters(
        self, where: LetterFilter, after: LetterCursor | None, limit: int
    ) -> list[DeadLetter]:
        """Newest first."""
        ...

    async def dead_letters_after(self, position: int, limit: int) -> list[DeadLetter]:
        """Letters that were added or changed after a position, in that order."""
        ...

    async def count_dead_letters(self, state: LetterState, limit: int) -> int:
        """At most `limit`."""
        ...

    async def dead_letter(self, letter_id: str) -> DeadLetter | None: ...

    async def logs(self, where: LogFilter, after: int, limit: int) -> list[StoredLog]:
        """Lines after a position, in order of the position."""
        ...

    async def logs_before(self, where: LogFilter, before: int, limit: int) -> list[StoredLog]:
        """The last lines before a position, in order of the position."""
        ...

    async def count_logs(self, where: LogFilter, before: int | None) -> int:
        """Lines before a position, or all of them."""
        ...

    async def log_position(self, where: LogFilter, number: int) -> int | None:
        """The position of a line by its number, from 0."""
        ...

    async def log_levels(self, run_id: str) -> dict[int, int]:
        """Lines of a run by the rank of their level."""
        ...

    async def search_logs(self, where: LogFilter, text: str) -> list[tuple[int, int]]:
        """Number (from 0, among the lines that the filter lets through) and position of each line that contains a
        text, whatever the case of its ASCII letters."""
        ...

    async def spans(self, trace_id: str) -> list[Span]: ...

    async def released_results(
        self, before_us: int, after: ReleasedResult | None, limit: int
    ) -> list[ReleasedResult]:
        """Large results that were released before a time and have no reference since, in the order of that, from the
        one after `after`."""
        ...

    async def strayed_results(self, found: Sequence[tuple[str, str]]) -> list[str]:
        """Of large results, each a URI and the run that made it: those that nothing refers to, and that were never
        released. Results of runs that this store has never known are not told: they are somebody else's."""
        ...

    async def stream(self, stream: str) -> StreamIdentity | None: ...

    async def cursor(self, name: str) -> int: ...

    async def cursors(self, folder: str) -> dict[str, int]:
        """Those whose name begins with `folder/`, by what follows it."""
        ...


class Store(Reader, Protocol):
    """The truth."""

    capabilities: Capabilities

    async def open(self) -> None:
        """Bring the schema up to date and take the lock.

        Raises StoreLocked when another coordinator holds an embedded store, StoreSchemaError when the
        schema is newer than this version.
        """
        ...

    async def close(self) -> None: ...

    def commit(self, transaction: Transaction) -> Awaitable[None]:
        """Write all of it durably or nothing, as it is when this is called; await it at once. May also raise at
        once, for what cannot be encoded. Transactions that wait together share one commit (group commit).

        Raises FenceLost when the transaction's fence is no longer the shard's.
        """
        ...

    async def acquire_shard(self, shard: int, owner: str, lease_s: float, now_us: int) -> ShardFence | None:
        """Take or renew a shard's lease; None while another owner's lease runs. A new owner gets a new epoch."""
        ...

    async def release_shard(self, fence: ShardFence) -> None: ...

    async def prune(self, policy: RetentionPolicy, now_us: int, limit: int) -> int:
        """Delete up to `limit` rows of each kind that are older than the policy says; how many were deleted.

        Unfinished runs are never deleted. The ids of others are remembered for `REMEMBERED_S`
        longer.
        """
        ...


class FenceLost(Exception):
    """Another coordinator owns the shard now; everything cached about it is stale."""
