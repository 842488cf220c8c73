"""The queries of the memory store."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from itertools import islice

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.store.memory_logs import MemoryLogs
from headrace_coordinator.store.memory_overviews import MemoryOverviews
from headrace_coordinator.store.memory_reading import matches
from headrace_coordinator.store.memory_tables import copy, copy_head
from headrace_coordinator.store.port import (
    LetterCursor,
    LetterFilter,
    Loaded,
    Reader,
    RunCursor,
    RunFilter,
    StoredRun,
)
from headrace_coordinator.store.records import (
    DeadLetter,
    DefinitionRow,
    EventRecord,
    LetterState,
    OutboxBatch,
    ReleasedResult,
    ScheduleState,
    StreamIdentity,
    Timer,
    WorkflowChange,
    WorkflowState,
)
from headrace_coordinator.store.rows import FINISHED, letter_search, timer_key_columns
from headrace_protocol.messages import LifecycleBatch, Span


class MemoryReader(MemoryLogs, MemoryOverviews, Reader):
    """Everything it gives out is a copy, or cannot be changed."""

    async def run(self, run_id: str) -> StoredRun | None:
        found = self._opened.runs.get(run_id)
        if found is None:
            return None
        return StoredRun(copy_head(found.head), {name: copy(node) for name, node in found.nodes.items()})

    async def runs(self, where: RunFilter, after: RunCursor | None, limit: int) -> list[RunHead]:
        found = (
            run.head
            for run in self._opened.runs.values()
            if matches(run.head, where)
            and (
                after is None
                or (run.head.created_at_us, run.head.run_id) < (after.created_at_us, after.run_id)
            )
        )
        newest = nlargest(limit, found, key=lambda head: (head.created_at_us, head.run_id))
        return [copy_head(head) for head in newest]

    async def count_runs(self) -> dict[tuple[str, RunState], int]:
        return dict(Counter((run.head.workflow, run.head.state) for run in self._opened.runs.values()))

    async def unfinished(self, shard: int, after: str, limit: int) -> list[str]:
        return nsmallest(
            limit,
            (
                run_id
                for run_id, run in self._opened.runs.items()
                if run.head.shard == shard and run.head.state not in FINISHED and run_id > after
            ),
        )

    async def attempts(self, run_id: str, node: str | None, after: int, limit: int) -> list[AttemptRecord]:
        run = self._opened.runs.get(run_id)
        found = [] if run is None else run.attempts
        if node is not None:
            found = [record for record in found if record.node == node]
        return [copy(record) for record in found[after : after + limit]]

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[AttemptRecord]:
        run = self._opened.runs.get(run_id)
        if run is None:
            return []
        items = run.items.get(node, [])
        start = bisect_left(items, first)
        return [copy(run.winners[node, item]) for item in items[start : start + limit]]

    async def history(self, run_id: str | None, after: int, limit: int) -> list[LifecycleBatch]:
        positions = self._opened.positions
        if run_id is not None:
            run = self._opened.runs.get(run_id)
            positions = [] if run is None else run.positions
        start = bisect_right(positions, after)
        return [copy(self._opened.history[position]) for position in positions[start : start + limit]]

    async def last_position(self) -> int:
        return self._opened.last_position

    async def due_timers(self, shard: int, now_us: int, limit: int) -> list[Timer]:
        due = (
            timer for timer in self._opened.timers.values() if timer.shard == shard and timer.due_us <= now_us
        )
        return nsmallest(limit, due, key=lambda timer: (timer.due_us, *timer_key_columns(timer.key)))

    async def next_timer_us(self, shard: int) -> int | None:
        due = (timer.due_us for timer in self._opened.timers.values() if timer.shard == shard)
        return min(due, default=None)

    async def load(self, run_ids: Sequence[str]) -> Loaded:
        found = {run_id: await self.run(run_id) for run_id in run_ids}
        runs = {run_id: run for run_id, run in found.items() if run is not None}
        gone = (run_id for run_id in run_ids if run_id not in runs and run_id in self._opened.pruned)
        return Loaded(runs, frozenset(gone))

    async def outbox(self, shard: int) -> list[OutboxBatch]:
        batches = self._opened.outbox.items()
        return [copy(batch) for _, batch in sorted(batches) if batch.shard == shard]

    async def last_outbox_sequence(self) -> int:
        return self._opened.last_outbox

    async def schedules(self) -> list[ScheduleState]:
        return [state for _, state in sorted(self._opened.schedules.items())]

    async def definitions(self) -> list[DefinitionRow]:
        tables = self._opened
        workflows = sorted(tables.definitions.items())
        return [
            copy(next(reversed(versions.values())))
            for name, versions in workflows
            if not tables.deleted(name)
        ]

    async def definition(self, workflow: str, version: str | None) -> DefinitionRow | None:
        versions = self._opened.definitions.get(workflow)
        if not versions or (version is None and self._opened.deleted(workflow)):
            return None
        found = next(reversed(versions.values())) if version is None else versions.get(version)
        return None if found is None else copy(found)

    async def versions(self, workflow: str) -> list[DefinitionRow]:
        return [copy(row) for row in reversed(self._opened.definitions.get(workflow, {}).values())]

    async def workflow_states(self) -> list[WorkflowState]:
        return [copy(state) for _, state in sorted(self._opened.workflow_states.items())]

    async def workflow_changes(self, workflow: str, before: int | None, limit: int) -> list[WorkflowChange]:
        found = (
            change
            for change in reversed(self._opened.workflow_changes)
            if change.workflow == workflow and (before is None or change.position < before)
        )
        return [copy(change) for change in islice(found, limit)]

    async def events(self, event_type: str | None, before: int | None, limit: int) -> list[EventRecord]:
        found = (
            event
            for position, event in self._opened.events.items()
            if (before is None or position < before) and event_type in (None, event.type)
        )
        return nlargest(limit, found, key=lambda event: event.position)

    async def event(self, source: str, event_id: str) -> EventRecord | None:
        position = self._opened.event_positions.get((source, event_id))
        return None if position is None else self._opened.events[position]

    async def count_events_after(self, event_type: str, position: int, limit: int) -> int:
        later = self._opened.events.values()
        return min(limit, sum(one.type == event_type and one.position > position for one in later))

    async def events_after(self, position: int, limit: int) -> list[EventRecord]:
        later = (event for event in self._opened.events.values() if event.position > position)
        return nsmallest(limit, later, key=lambda event: event.position)

    async def dead_letters(
        self, where: LetterFilter, after: LetterCursor | None, limit: int
    ) -> list[DeadLetter]:
        found = (
            letter
            for letter in self._opened.dead_letters.values()
            if where.state in (None, letter.state)
            and (where.search is None or where.search.lower() in letter_search(letter))
            and (
                after is None
                or (letter.received_at_us, letter.letter_id) < (after.received_at_us, after.letter_id)
            )
        )
        newest = nlargest(limit, found, key=lambda letter: (letter.received_at_us, letter.letter_id))
        return [copy(letter) for letter in newest]

    async def dead_letters_after(self, position: int, limit: int) -> list[DeadLetter]:
        changed = (one for one in self._opened.dead_letters.values() if one.position > position)
        return [copy(letter) for letter in nsmallest(limit, changed, key=lambda one: one.position)]

    async def count_dead_letters(self, state: LetterState, limit: int) -> int:
        return min(limit, sum(one.state is state for one in self._opened.dead_letters.values()))

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        found = self._opened.dead_letters.get(letter_id)
        return None if found is None else copy(found)

    async def spans(self, trace_id: str) -> list[Span]:
        found = self._opened.spans.get(trace_id, {}).values()
        return [copy(span) for span in sorted(found, key=lambda span: (span.start_us, span.span_id))]

    async def released_results(
        self, before_us: int, after: ReleasedResult | None, limit: int
    ) -> list[ReleasedResult]:
        tables = self._opened
        last = (-1, "") if after is None else (after.released_at_us, after.uri)
        found = (
            (at_us, uri)
            for uri, at_us in tables.released.items()
            if at_us < before_us and (at_us, uri) > last
        )
        return [ReleasedResult(uri, at_us) for at_us, uri in nsmallest(limit, found)]

    async def strayed_results(self, found: Sequence[tuple[str, str]]) -> list[str]:
        tables = self._opened
        return [
            uri
            for uri, run_id in found
            if uri not in tables.references
            and uri not in tables.released
            and (run_id in tables.runs or run_id in tables.pruned)
        ]

    async def stream(self, stream: str) -> StreamIdentity | None:
        return self._opened.streams.get(stream)

    async def cursor(self, name: str) -> int:
        return self._opened.cursors.get(name, 0)

    async def cursors(self, folder: str) -> dict[str, int]:
        found = sorted(self._opened.cursors.items())
        return {
            name.removeprefix(f"{folder}/"): value for name, value in found if name.startswith(f"{folder}/")
        }
