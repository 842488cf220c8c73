"""The queries: of runs and what hangs on them, of messages and of single values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import Node, RunHead, RunState
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
    Origin,
    OutboxBatch,
    OutboxMessage,
    ReleasedResult,
    ScheduleState,
    StreamIdentity,
    Timer,
    WorkflowChange,
    WorkflowState,
)
from headrace_coordinator.store.rows import MAX_INT, decode_attempt, decode_head, decode_nodes, decode_timer
from headrace_coordinator.store.sqlite.log_reader import SqliteLogs
from headrace_coordinator.store.sqlite.overview_reader import SqliteOverviews, list_parameters
from headrace_coordinator.store.sqlite.reading import Parameter
from headrace_coordinator.store.sqlite.statements import STATEMENTS
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, Span

_FEW = 128
"""Runs that are read on the loop, at once: as many as a turn takes up together."""

_RUNS = 'SELECT run_id, "key", body, nodes FROM runs WHERE run_id IN (SELECT value FROM json_each(?))'
_PRUNED = "SELECT run_id FROM pruned_runs WHERE run_id IN (SELECT value FROM json_each(?))"

_node = msgspec.msgpack.Decoder(Node).decode
_history = msgspec.msgpack.Decoder(tuple[LifecycleEvent, ...]).decode
_messages = msgspec.msgpack.Decoder(tuple[OutboxMessage, ...]).decode
_schedule = msgspec.msgpack.Decoder(ScheduleState).decode
_definition = msgspec.msgpack.Decoder(WorkflowDefinition).decode
_origin = msgspec.msgpack.Decoder(Origin).decode
_state = msgspec.msgpack.Decoder(WorkflowState).decode
_change = msgspec.msgpack.Decoder(WorkflowChange).decode
_event = msgspec.msgpack.Decoder(EventRecord).decode
_letter = msgspec.msgpack.Decoder(DeadLetter).decode
_span = msgspec.msgpack.Decoder(Span).decode


def _loaded(connection: sqlite3.Connection, run_ids: Sequence[str]) -> Loaded:
    ids = (msgspec.json.encode(run_ids).decode(),)
    runs = {}
    for run_id, key, body, whole in connection.execute(_RUNS, ids).fetchall():
        rows = connection.execute(STATEMENTS["nodes"], {"run_key": key})
        nodes = {name: _node(row) for name, row in rows} | decode_nodes(whole)
        runs[run_id] = StoredRun(decode_head(body), nodes)
    gone = connection.execute(_PRUNED, ids) if len(runs) < len(run_ids) else ()
    return Loaded(runs, frozenset(run_id for (run_id,) in gone) - runs.keys())


_STRAYED = (
    "SELECT f.value ->> 0 FROM json_each(?) AS f"
    " WHERE NOT EXISTS (SELECT 1 FROM result_references WHERE uri = f.value ->> 0)"
    " AND NOT EXISTS (SELECT 1 FROM released_results WHERE uri = f.value ->> 0)"
    " AND (EXISTS (SELECT 1 FROM runs WHERE run_id = f.value ->> 1)"
    " OR EXISTS (SELECT 1 FROM pruned_runs WHERE run_id = f.value ->> 1))"
)


class SqliteReader(SqliteLogs, SqliteOverviews, Reader):
    """The queries of the port."""

    async def run(self, run_id: str) -> StoredRun | None:
        return (await self.load([run_id])).runs.get(run_id)

    async def load(self, run_ids: Sequence[str]) -> Loaded:
        def work(connection: sqlite3.Connection) -> Loaded:
            connection.execute("BEGIN")  # Heads and nodes are of the same commit.
            try:
                return _loaded(connection, run_ids)
            finally:
                connection.execute("COMMIT")

        return self._pool.here(work) if len(run_ids) <= _FEW else await self._pool.run(work)

    async def runs(self, where: RunFilter, after: RunCursor | None, limit: int) -> list[RunHead]:
        query = "runs" if where.workflow is None else "runs_of_workflow"
        parameters = {**list_parameters(where, after), "limit": limit}

        def work(connection: sqlite3.Connection) -> list[RunHead]:
            connection.execute("BEGIN")  # A run that changes its state meanwhile is not listed twice.
            try:
                pages = [
                    connection.execute(STATEMENTS[query], {**parameters, "state": state.value}).fetchall()
                    for state in dict.fromkeys(where.states or RunState)
                ]
            finally:
                connection.execute("COMMIT")
            newest = merge(*pages, key=itemgetter(0, 1), reverse=True)
            return [decode_head(body) for _, _, body in islice(newest, limit)]

        return await self._pool.run(work)

    async def count_runs(self) -> dict[tuple[str, RunState], int]:
        counts = await self._all("count_runs", lambda workflow, state, count: (workflow, state, count))
        return {(workflow, RunState(state)): count for workflow, state, count in counts}

    async def unfinished(self, shard: int, after: str, limit: int) -> list[str]:
        return await self._all("unfinished", str, shard=shard, after=after, limit=limit)

    async def attempts(self, run_id: str, node: str | None, after: int, limit: int) -> list[AttemptRecord]:
        query = "attempts" if node is None else "attempts_of_node"
        return await self._attempts(query, run_id=run_id, node=node, after=after, limit=limit)

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[AttemptRecord]:
        return await self._attempts("item_results", run_id=run_id, node=node, first=first, limit=limit)

    async def _attempts(self, query: str, run_id: str, **parameters: Parameter) -> list[AttemptRecord]:
        def decode(node: str, item: int, attempt: int, state: str, body: bytes) -> AttemptRecord:
            return decode_attempt(run_id, node, item, attempt, state, body)

        return await self._all(query, decode, run_id=run_id, **parameters)

    async def history(self, run_id: str | None, after: int, limit: int) -> list[LifecycleBatch]:
        def decode(position: int, run_id: str, workflow: str, body: bytes) -> LifecycleBatch:
            return LifecycleBatch(position=position, run_id=run_id, workflow=workflow, events=_history(body))

        query = "history" if run_id is None else "history_of_run"
        return await self._all(query, decode, run_id=run_id, after=after, limit=limit)

    async def last_position(self) -> int:
        return await self._number("last_position")

    async def due_timers(self, shard: int, now_us: int, limit: int) -> list[Timer]:
        return await self._all("due_timers", decode_timer, shard=shard, now_us=now_us, limit=limit)

    async def next_timer_us(self, shard: int) -> int | None:
        def decode(due_us: int | None) -> int | None:
            return due_us

        return await self._first("next_timer_us", decode, shard=shard)

    async def outbox(self, shard: int) -> list[OutboxBatch]:
        def decode(shard: int, sequence: int, body: bytes) -> OutboxBatch:
            return OutboxBatch(shard, sequence, _messages(body))

        return await self._all("outbox", decode, shard=shard)

    async def last_outbox_sequence(self) -> int:
        return await self._number("last_outbox_sequence")

    async def schedules(self) -> list[ScheduleState]:
        return await self._all("schedules", _schedule)

    async def definitions(self) -> list[DefinitionRow]:
        return await self._all("definitions", _decode_definition)

    async def definition(self, workflow: str, version: str | None) -> DefinitionRow | None:
        if version is None:
            return await self._first("current_definition", _decode_definition, workflow=workflow)
        return await self._first("definition", _decode_definition, workflow=workflow, version=version)

    async def versions(self, workflow: str) -> list[DefinitionRow]:
        return await self._all("versions", _decode_definition, workflow=workflow)

    async def workflow_states(self) -> list[WorkflowState]:
        return await self._all("workflow_states", _state)

    async def workflow_changes(self, workflow: str, before: int | None, limit: int) -> list[WorkflowChange]:
        upto = MAX_INT if before is None else before
        return await self._all(
            "workflow_changes", _decode_change, workflow=workflow, before=upto, limit=limit
        )

    async def events(self, event_type: str | None, before: int | None, limit: int) -> list[EventRecord]:
        query = "events" if event_type is None else "events_of_type"
        upto = MAX_INT if before is None else before
        return await self._all(query, _decode_event, type=event_type, before=upto, limit=limit)

    async def count_events_after(self, event_type: str, position: int, limit: int) -> int:
        return await self._number("count_events_after", type=event_type, after=position, limit=limit)

    async def event(self, source: str, event_id: str) -> EventRecord | None:
        return await self._first("event", _decode_event, source=source, event_id=event_id)

    async def events_after(self, position: int, limit: int) -> list[EventRecord]:
        return await self._all("events_after", _decode_event, after=position, limit=limit)

    async def dead_letters(
        self, where: LetterFilter, after: LetterCursor | None, limit: int
    ) -> list[DeadLetter]:
        parameters: dict[str, Parameter] = {
            "before_us": MAX_INT if after is None else after.received_at_us,
            "before_id": "" if after is None else after.letter_id,
            "search": None if where.search is None else where.search.lower(),
            "limit": limit,
        }

        def work(connection: sqlite3.Connection) -> list[DeadLetter]:
            states = LetterState if where.state is None else (where.state,)
            connection.execute("BEGIN")  # A letter that is redriven meanwhile is not listed twice.
            try:
                pages = [
                    connection.execute(STATEMENTS["dead_letters"], {**parameters, "state": state}).fetchall()
                    for state in states
                ]
            finally:
                connection.execute("COMMIT")
            newest = merge(*pages, key=itemgetter(0, 1), reverse=True)
            return [_decode_letter(*row) for row in islice(newest, limit)]

        return await self._pool.run(work)

    async def dead_letters_after(self, position: int, limit: int) -> list[DeadLetter]:
        return await self._all("dead_letters_after", _decode_letter, after=position, limit=limit)

    async def count_dead_letters(self, state: LetterState, limit: int) -> int:
        return await self._number("count_dead_letters", state=state, limit=limit)

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        return await self._first("dead_letter", _decode_letter, letter_id=letter_id)

    async def spans(self, trace_id: str) -> list[Span]:
        return await self._all("spans", _span, trace_id=trace_id)

    async def released_results(
        self, before_us: int, after: ReleasedResult | None, limit: int
    ) -> list[ReleasedResult]:
        after = after or ReleasedResult("", -1)
        return await self._all(
            "released_results",
            ReleasedResult,
            before_us=before_us,
            after_us=after.released_at_us,
            after_uri=after.uri,
            limit=limit,
        )

    async def strayed_results(self, found: Sequence[tuple[str, str]]) -> list[str]:
        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(_STRAYED, (msgspec.json.encode(found).decode(),))
            return [uri for (uri,) in rows]

        return await self._pool.run(work)

    async def stream(self, stream: str) -> StreamIdentity | None:
        return await self._first("stream", StreamIdentity, stream=stream)

    async def cursor(self, name: str) -> int:
        return await self._first("cursor", int, name=name) or 0

    async def cursors(self, folder: str) -> dict[str, int]:
        def inside(name: str, value: int) -> tuple[str, int]:
            return name.removeprefix(f"{folder}/"), value

        # `0` is what comes after `/`.
        return dict(await self._all("cursors", inside, first=f"{folder}/", before=f"{folder}0"))


def _decode_definition(body: bytes, version: str, deployed_at_us: int, origin: bytes | None) -> DefinitionRow:
    known = Origin() if origin is None else _origin(origin)
    return DefinitionRow(_definition(body), version, deployed_at_us, known)


def _decode_change(position: int, body: bytes) -> WorkflowChange:
    return msgspec.structs.replace(_change(body), position=position)


def _decode_event(position: int, body: bytes) -> EventRecord:
    return msgspec.structs.replace(_event(body), position=position)


def _decode_letter(_received_at_us: int, _letter_id: str, position: int, body: bytes) -> DeadLetter:
    return msgspec.structs.replace(_letter(body), position=position)
