"""What a transaction writes, encoded in the caller's thread and carried out in the writer's.

Encoding at once means that a caller may go on changing its objects, and that a value which cannot be encoded
fails its own commit alone. Rows that hang on a run get its integer key later: only the writer knows it.
"""

from __future__ import annotations

import msgspec

from headrace_coordinator.store.records import EventRecord, ShardFence, Transaction
from headrace_coordinator.store.references import references_of
from headrace_coordinator.store.rows import (
    RunColumns,
    encode_attempt,
    encode_head,
    encode_line,
    encode_nodes,
    item_column,
    letter_search,
    level_rank,
    run_columns,
    timer_key_columns,
)

Value = str | int | bytes | None
Row = tuple[Value, ...]

_encode = msgspec.msgpack.Encoder().encode

DROP_TIMER = "DELETE FROM timers WHERE actor = ? AND kind = ? AND node = ? AND item = ?"
SET_TIMER = (
    "INSERT INTO timers (actor, kind, node, item, shard, due_us) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (actor, kind, node, item) DO UPDATE SET shard = excluded.shard, due_us = excluded.due_us"
)
ADD_OUTBOX = "INSERT INTO outbox (sequence, shard, body) VALUES (?, ?, ?)"
DROP_SCHEDULE = 'DELETE FROM schedules WHERE workflow = ? AND "trigger" = ?'
SET_SCHEDULE = (
    'INSERT INTO schedules (workflow, "trigger", body) VALUES (?, ?, ?)'
    ' ON CONFLICT (workflow, "trigger") DO UPDATE SET body = excluded.body'
)
DEPLOY = (
    "INSERT INTO definitions (workflow, version, deploy_order, deployed_at_us, body, origin)"
    " VALUES (?, ?, (SELECT coalesce(max(deploy_order), 0) + 1 FROM definitions), ?, ?, ?)"
    " ON CONFLICT (workflow, version) DO UPDATE SET deploy_order = excluded.deploy_order,"
    " deployed_at_us = excluded.deployed_at_us, body = excluded.body, origin = excluded.origin"
)
SET_WORKFLOW_STATE = (
    "INSERT INTO workflow_states (workflow, deleted, body) VALUES (?, ?, ?) ON CONFLICT (workflow)"
    " DO UPDATE SET deleted = excluded.deleted, body = excluded.body"
)
ADD_WORKFLOW_CHANGE = "INSERT INTO workflow_changes (workflow, at_us, body) VALUES (?, ?, ?)"
SET_DEAD_LETTER = (
    "INSERT INTO dead_letters (letter_id, received_at_us, state, search, body, position) VALUES (?, ?, ?, ?, ?,"
    " (SELECT max(coalesce((SELECT max(position) FROM dead_letters), 0),"
    " coalesce((SELECT value FROM meta WHERE name = 'dead_letters'), 0)) + 1)) ON CONFLICT (letter_id)"
    " DO UPDATE SET received_at_us = excluded.received_at_us, state = excluded.state,"
    " search = excluded.search, body = excluded.body, position = excluded.position"
)
ADD_REFERENCE = "INSERT INTO result_references (uri, kind, holder) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DROP_RELEASED = "DELETE FROM released_results WHERE uri = ?"
ADD_TALLY = (
    "INSERT INTO tallies (at_s, kind, name, state, count) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (at_s, kind, name, state) DO UPDATE SET count = count + excluded.count"
)
ADD_SPAN = "INSERT INTO spans (trace_id, span_id, start_us, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
SET_STREAM = (
    "INSERT INTO streams (stream, created, last_sequence) VALUES (?, ?, ?) ON CONFLICT (stream)"
    " DO UPDATE SET created = excluded.created, last_sequence = excluded.last_sequence"
)
SET_CURSOR = (
    "INSERT INTO cursors (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class Writes(msgspec.Struct, gc=False):
    """A transaction in rows."""

    fence: ShardFence | None
    runs: list[tuple[str, RunColumns, bytes, bytes | None]]
    """Run id, columns, body, nodes (None: as they are)."""
    nodes: list[tuple[str, str, str, bytes]]
    """Run id, name, state, body."""
    attempts: list[tuple[str, str, int, int, str, bytes]]
    """Run id, node, item, attempt, state, body."""
    history: list[tuple[str, int, bytes]]
    """Run id, position, body."""
    events: list[EventRecord]
    logs: list[Row]
    """All columns but the position."""
    confirmed: list[int]
    plain: list[tuple[str, list[Row]]]
    """Statements that need nothing but their rows. Drops come first: a timer dropped and set is set."""


def encode(transaction: Transaction) -> Writes:
    """A transaction in rows."""
    whole = {run_id: encode_nodes(nodes) for run_id, nodes in transaction.whole.items()}
    as_they_are = (None, None)
    return Writes(
        fence=transaction.fence,
        runs=[
            (head.run_id, run_columns(head), encode_head(head), whole.get(head.run_id, as_they_are)[0])
            for head in transaction.runs
        ],
        nodes=[
            (row.run_id, row.name, row.node.state.value, _encode(row.node))
            for row in transaction.nodes
            if row.run_id not in whole or row.name in whole[row.run_id][1]
        ],
        attempts=[
            (done.run_id, done.node, item_column(done.item), done.attempt, done.state, encode_attempt(done))
            for done in transaction.attempts
        ],
        history=[(batch.run_id, batch.position, _encode(batch.events)) for batch in transaction.history],
        events=list(transaction.events),
        logs=[
            (
                line.run_id,
                line.node,
                item_column(line.item),
                line.at_us,
                level_rank(line.level),
                line.message,
                encode_line(line),
            )
            for line in transaction.logs
        ],
        confirmed=list(transaction.outbox_confirmed),
        plain=_plain(transaction),
    )


def _plain(transaction: Transaction) -> list[tuple[str, list[Row]]]:
    references = references_of(transaction)
    everything: list[tuple[str, list[Row]]] = [
        (ADD_REFERENCE, [(row.uri, row.kind, row.holder) for row in references]),
        (DROP_RELEASED, [(row.uri,) for row in references]),
        (DROP_RELEASED, [(uri,) for uri in transaction.results_deleted]),
        (DROP_TIMER, [timer_key_columns(key) for key in transaction.timers_dropped]),
        (
            SET_TIMER,
            [(*timer_key_columns(timer.key), timer.shard, timer.due_us) for timer in transaction.timers],
        ),
        (
            ADD_OUTBOX,
            [(batch.sequence, batch.shard, _encode(batch.messages)) for batch in transaction.outbox],
        ),
        (DROP_SCHEDULE, list(transaction.schedules_dropped)),
        (SET_SCHEDULE, [(row.workflow, row.trigger, _encode(row)) for row in transaction.schedules]),
        (
            DEPLOY,
            [
                (
                    row.definition.name,
                    row.version,
                    row.deployed_at_us,
                    _encode(row.definition),
                    _encode(row.origin),
                )
                for row in transaction.definitions
            ],
        ),
        (
            SET_WORKFLOW_STATE,
            [
                (row.workflow, int(row.deleted is not None), _encode(row))
                for row in transaction.workflow_states
            ],
        ),
        (
            ADD_WORKFLOW_CHANGE,
            [(row.workflow, row.at_us, _encode(row)) for row in transaction.workflow_changes],
        ),
        (
            SET_DEAD_LETTER,
            [
                (row.letter_id, row.received_at_us, row.state, letter_search(row), _encode(row))
                for row in transaction.dead_letters
            ],
        ),
        (
            ADD_SPAN,
            [(span.trace_id, span.span_id, span.start_us, _encode(span)) for span in transaction.spans],
        ),
        (ADD_TALLY, [(row.at_s, row.kind, row.name, row.state, row.count) for row in transaction.tallies]),
        (SET_STREAM, [(row.stream, row.created, row.last_sequence) for row in transaction.streams]),
        (SET_CURSOR, list(transaction.cursors.items())),
    ]
    return [(statement, rows) for statement, rows in everything if rows]
