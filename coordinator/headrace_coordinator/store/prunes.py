"""The statements of retention, in SQLAlchemy Core. Each deletes at most `limit` rows.

A run that has expired goes after everything that hangs on it, so that a run with a million attempts can go in
many rounds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Delete,
    Integer,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    tuple_,
)
from sqlalchemy.sql.dml import ReturningDelete
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from headrace_coordinator.store.records import HolderKind
from headrace_coordinator.store.rows import FINISHED
from headrace_coordinator.store.schema import (
    attempts,
    dead_letters,
    definitions,
    events,
    history,
    logs,
    nodes,
    pruned_runs,
    result_references,
    runs,
    spans,
    tallies,
    workflow_changes,
    workflow_states,
)

BEFORE = bindparam("before", None, type_=BigInteger)
LIMIT = bindparam("limit", None, type_=Integer)


def _expired(column: Column[object]) -> Select[object]:
    # A run is created before it finishes, so the index on (state, created_at_us) leads to all candidates.
    return (
        select(column)
        .where(
            runs.c.state.in_(sorted(state.value for state in FINISHED)),
            runs.c.created_at_us < BEFORE,
            func.coalesce(runs.c.finished_at_us, runs.c.created_at_us) < BEFORE,
        )
        .order_by(runs.c.created_at_us, runs.c.run_id)
        .limit(LIMIT)
    )


def _some(table: Table, chosen: Select[*tuple[object, ...]]) -> Delete:
    """Delete the rows with the primary keys chosen."""
    key = list(table.primary_key)
    return delete(table).where((key[0] if len(key) == 1 else tuple_(*key)).in_(chosen))


def _of_expired(table: Table) -> Delete:
    # Lines of a log name their run by its id: they may come when the run has no row.
    if table is logs:
        expired: ColumnElement[bool] = logs.c.run_id.in_(_expired(runs.c.run_id))
    elif table is result_references:
        held = result_references.c.holder.in_(_expired(runs.c.run_id))
        expired = and_(result_references.c.kind == HolderKind.RUN.value, held)
    else:
        expired = table.c.run_key.in_(_expired(runs.c.key))
    return _some(table, select(*table.primary_key).where(expired).limit(LIMIT))


def _older(table: Table, time: ColumnElement[int]) -> Delete:
    return _some(table, select(*table.primary_key).where(time < BEFORE).order_by(time).limit(LIMIT))


_children = [
    exists().where(nodes.c.run_key == runs.c.key),
    exists().where(attempts.c.run_key == runs.c.key),
    exists().where(history.c.run_key == runs.c.key),
    exists().where(logs.c.run_id == runs.c.run_id),
    exists().where(
        result_references.c.kind == HolderKind.RUN.value, result_references.c.holder == runs.c.run_id
    ),
]

_has_runs = exists().where(runs.c.workflow == workflow_states.c.workflow)
_without_runs = select(workflow_states.c.workflow).where(workflow_states.c.deleted == 1, ~_has_runs)

PRUNES: dict[str, Delete | ReturningDelete[str]] = {
    "prune_nodes": _of_expired(nodes),
    "prune_attempts": _of_expired(attempts),
    "prune_history": _of_expired(history),
    "prune_logs_of_runs": _of_expired(logs),
    "prune_references": _of_expired(result_references).returning(result_references.c.uri),
    "prune_runs": _some(runs, _expired(runs.c.key))
    .where(*(~child for child in _children))
    .returning(runs.c.run_id),
    # A deleted workflow goes when the last of its runs has gone: until then they need their definitions.
    "prune_definitions": _some(
        definitions,
        select(*definitions.primary_key).where(definitions.c.workflow.in_(_without_runs)).limit(LIMIT),
    ),
    "prune_workflow_states": _some(
        workflow_states,
        _without_runs.where(~exists().where(definitions.c.workflow == workflow_states.c.workflow)).limit(
            LIMIT
        ),
    ),
    "prune_workflow_changes": _some(
        workflow_changes,
        select(workflow_changes.c.position).order_by(workflow_changes.c.position).limit(LIMIT),
    ).where(workflow_changes.c.at_us < BEFORE),
    "prune_logs": _older(logs, logs.c.at_us),
    "prune_spans": _older(spans, spans.c.start_us),
    "prune_dead_letters": _older(dead_letters, dead_letters.c.received_at_us),
    "prune_tallies": _older(tallies, tallies.c.at_s),
    "prune_pruned_runs": _older(pruned_runs, pruned_runs.c.pruned_at_us),
    # Events are received in the order of their positions; that order needs no index of its own.
    "prune_events": _some(events, select(events.c.position).order_by(events.c.position).limit(LIMIT)).where(
        events.c.received_at_us < BEFORE
    ),
}
