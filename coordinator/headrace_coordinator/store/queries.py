"""Every read query, in SQLAlchemy Core: name to statement, with named parameters.

Statements are static, so that a store compiles each of them once and for all (see `sqlite.generate`). Where a
filter may be left out, its parameter is NULL; what decides which index is used is never optional: lists of
runs are read by state (one query each) and merged.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from headrace_coordinator.store.rows import LEVELS
from headrace_coordinator.store.schema import (
    SUCCEEDED_ITEM,
    attempts,
    cursors,
    dead_letters,
    definitions,
    events,
    history,
    logs,
    meta,
    nodes,
    outbox,
    released_results,
    result_references,
    runs,
    schedules,
    shards,
    spans,
    streams,
    tallies,
    timers,
    workflow_changes,
    workflow_states,
)


def _text(name: str) -> BindParameter[str]:
    return bindparam(name, type_=Text)


def _int(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger)


def _optional(
    column: ColumnElement[object], parameter: BindParameter[str] | BindParameter[int]
) -> ColumnElement[bool]:
    return or_(parameter.is_(None), column == parameter)


def _found(where: ColumnElement[str], parameter: BindParameter[str]) -> ColumnElement[bool]:
    return or_(parameter.is_(None), func.instr(where, parameter) > 0)


LIMIT = bindparam("limit", type_=Integer)
_run_key = select(runs.c.key).where(runs.c.run_id == _text("run_id")).scalar_subquery()

_NEWEST = (runs.c.created_at_us.desc(), runs.c.run_id.desc())
_IN_TIME = (
    runs.c.state == _text("state"),
    tuple_(runs.c.created_at_us, runs.c.run_id) < tuple_(_int("before_us"), _text("before_id")),
    runs.c.created_at_us >= _int("from_us"),
)
_CHOSEN = (
    _optional(runs.c.trigger, _text("trigger")),
    _optional(runs.c.event_id, _text("event_id")),
    _found(runs.c.labels, _text("label")),
    _found(runs.c.search, _text("search")),
)
_OF_WORKFLOW = runs.c.workflow == _text("workflow")
_listed = (
    select(runs.c.created_at_us, runs.c.run_id, runs.c.body)
    .where(*_IN_TIME, *_CHOSEN)
    .order_by(*_NEWEST)
    .limit(LIMIT)
)


def _counted(*where: ColumnElement[bool]) -> Select[int]:
    found = select(runs.c.created_at_us).where(*_IN_TIME, *where).limit(LIMIT).subquery()
    return select(func.count()).select_from(found)


def _histogram(*where: ColumnElement[bool]) -> Select[int, int]:
    found = select(runs.c.created_at_us).where(*_IN_TIME, *where).order_by(*_NEWEST).limit(LIMIT).subquery()
    bucket = (
        (found.c.created_at_us - _int("origin_us")).op("/", precedence=8)(_int("bucket_us")).label("bucket")
    )
    return select(bucket, func.count()).group_by(bucket)


_attempt_columns = (attempts.c.node, attempts.c.item, attempts.c.attempt, attempts.c.state, attempts.c.body)
_attempts = (
    select(*_attempt_columns).where(attempts.c.run_key == _run_key).order_by(attempts.c.sequence).limit(LIMIT)
)
_winners = (
    select(attempts.c.item, func.max(attempts.c.sequence).label("sequence"))
    .where(
        attempts.c.run_key == _run_key,
        attempts.c.node == _text("node"),
        attempts.c.item >= _int("first"),
        SUCCEEDED_ITEM,
    )
    .group_by(attempts.c.item)
    .order_by(attempts.c.item)
    .limit(LIMIT)
    .subquery()
)

_history = (
    select(history.c.position, runs.c.run_id, runs.c.workflow, history.c.body)
    .join(runs, runs.c.key == history.c.run_key)
    .where(history.c.position > _int("after"))
    .order_by(history.c.position)
    .limit(LIMIT)
)

_newer = definitions.alias("newer")
_definition = select(
    definitions.c.body, definitions.c.version, definitions.c.deployed_at_us, definitions.c.origin
)
_of_workflow = _definition.where(definitions.c.workflow == _text("workflow"))
_deleted = (
    select(workflow_states.c.workflow)
    .where(workflow_states.c.workflow == definitions.c.workflow, workflow_states.c.deleted == 1)
    .exists()
)
_newest = (
    select(func.max(_newer.c.deploy_order))
    .where(_newer.c.workflow == definitions.c.workflow)
    .scalar_subquery()
)

_events = (
    select(events.c.position, events.c.body)
    .where(events.c.position < _int("before"))
    .order_by(events.c.position.desc())
    .limit(LIMIT)
)
_LETTERS = (dead_letters.c.received_at_us, dead_letters.c.letter_id, dead_letters.c.position)
_LINE = (logs.c.position, logs.c.message, logs.c.body)
_LEVEL = (logs.c.run_id == _text("run_id"), logs.c.level >= _int("level"))
_PLACE = (_optional(logs.c.node, _text("node")), _optional(logs.c.item, _int("item")))
_LINES = (*_LEVEL, *_PLACE)
_UPTO = logs.c.position < _int("before")


def _at(*where: ColumnElement[bool]) -> Select[int]:
    number = bindparam("number", type_=Integer)
    return select(logs.c.position).where(*where).order_by(logs.c.position).limit(1).offset(number)


_span = (tallies.c.at_s - _int("from_s")).op("/", precedence=8)(_int("bucket_s")).label("span")


def _high_water(column: ColumnElement[int], mark: str) -> Select[int]:
    """The highest number in use, or the one that rows deleted since had."""
    marks = union_all(
        select(func.max(column).label("value")), select(meta.c.value).where(meta.c.name == mark)
    ).subquery()
    return select(func.coalesce(func.max(marks.c.value), 0))


READS: dict[str, ClauseElement] = {
    "run": select(runs.c.key, runs.c.body, runs.c.nodes).where(runs.c.run_id == _text("run_id")),
    "nodes": select(nodes.c.name, nodes.c.body).where(nodes.c.run_key == _int("run_key")),
    "runs": _listed,
    "runs_of_workflow": _listed.where(_OF_WORKFLOW),
    "count_matching": _counted(*_CHOSEN),
    "count_matching_plain": _counted(),
    "count_matching_of_workflow": _counted(_OF_WORKFLOW, *_CHOSEN),
    "count_matching_of_workflow_plain": _counted(_OF_WORKFLOW),
    "run_histogram": _histogram(*_CHOSEN),
    "run_histogram_plain": _histogram(),
    "run_histogram_of_workflow": _histogram(_OF_WORKFLOW, *_CHOSEN),
    "run_histogram_of_workflow_plain": _histogram(_OF_WORKFLOW),
    "oldest_run_us": select(runs.c.created_at_us)
    .where(runs.c.state == _text("state"))
    .order_by(runs.c.created_at_us)
    .limit(1),
    "tallies": select(_span, tallies.c.kind, tallies.c.name, tallies.c.state, func.sum(tallies.c.count))
    .where(tallies.c.at_s >= _int("from_s"))
    .group_by(_span, tallies.c.kind, tallies.c.name, tallies.c.state)
    .order_by(_span, tallies.c.kind, tallies.c.name, tallies.c.state),
    "run_key": select(runs.c.key).where(runs.c.run_id == _text("run_id")),
    "count_runs": select(runs.c.workflow, runs.c.state, func.count()).group_by(runs.c.workflow, runs.c.state),
    "unfinished": select(runs.c.run_id)
    .where(runs.c.open_shard == _int("shard"), runs.c.run_id > _text("after"))
    .order_by(runs.c.run_id)
    .limit(LIMIT),
    # A run's attempts are numbered from 1 without gaps: skipping the first n is a seek.
    "attempts": _attempts.where(attempts.c.sequence > _int("after")),
    "attempts_of_node": _attempts.where(attempts.c.node == _text("node")).offset(
        bindparam("after", type_=Integer)
    ),
    "item_results": select(*_attempt_columns)
    .join(
        _winners,
        and_(attempts.c.run_key == _run_key, attempts.c.sequence == _winners.c.sequence),
    )
    .order_by(_winners.c.item),
    "history": _history,
    "history_of_run": _history.where(history.c.run_key == _run_key),
    "highest_history": select(func.max(history.c.position)),
    "highest_events": select(func.max(events.c.position)),
    "highest_logs": select(func.max(logs.c.position)),
    "highest_dead_letters": select(func.max(dead_letters.c.position)),
    "highest_outbox": select(func.max(outbox.c.sequence)),
    "last_position": _high_water(history.c.position, "history"),
    "due_timers": select(
        timers.c.shard, timers.c.due_us, timers.c.actor, timers.c.kind, timers.c.node, timers.c.item
    )
    .where(timers.c.shard == _int("shard"), timers.c.due_us <= _int("now_us"))
    .order_by(timers.c.due_us, timers.c.actor, timers.c.kind, timers.c.node, timers.c.item)
    .limit(LIMIT),
    "next_timer_us": select(func.min(timers.c.due_us)).where(timers.c.shard == _int("shard")),
    "outbox": select(outbox.c.shard, outbox.c.sequence, outbox.c.body)
    .where(outbox.c.shard == _int("shard"))
    .order_by(outbox.c.sequence),
    "last_outbox_sequence": _high_water(outbox.c.sequence, "outbox"),
    "schedules": select(schedules.c.body).order_by(schedules.c.workflow, schedules.c.trigger),
    "definitions": _definition.where(definitions.c.deploy_order == _newest, ~_deleted).order_by(
        definitions.c.workflow
    ),
    "current_definition": _of_workflow.where(~_deleted).order_by(definitions.c.deploy_order.desc()).limit(1),
    "definition": _of_workflow.where(definitions.c.version == _text("version")),
    "workflow_states": select(workflow_states.c.body).order_by(workflow_states.c.workflow),
    "workflow_changes": select(workflow_changes.c.position, workflow_changes.c.body)
    .where(workflow_changes.c.workflow == _text("workflow"), workflow_changes.c.position < _int("before"))
    .order_by(workflow_changes.c.position.desc())
    .limit(LIMIT),
    "versions": _of_workflow.order_by(definitions.c.deploy_order.desc()),
    "events": _events,
    "events_of_type": _events.where(events.c.type == _text("type")),
    "events_after": select(events.c.position, events.c.body)
    .where(events.c.position > _int("after"))
    .order_by(events.c.position)
    .limit(LIMIT),
    "count_events_after": select(func.count()).select_from(
        select(events.c.position)
        .where(events.c.type == _text("type"), events.c.position > _int("after"))
        .limit(LIMIT)
        .subquery()
    ),
    "event": select(events.c.position, events.c.body).where(
        events.c.source == _text("source"), events.c.event_id == _text("event_id")
    ),
    "last_event": _high_water(events.c.position, "events"),
    "dead_letters": select(*_LETTERS, dead_letters.c.body)
    .where(
        dead_letters.c.state == _text("state"),
        tuple_(dead_letters.c.received_at_us, dead_letters.c.letter_id)
        < tuple_(_int("before_us"), _text("before_id")),
        _found(dead_letters.c.search, _text("search")),
    )
    .order_by(dead_letters.c.received_at_us.desc(), dead_letters.c.letter_id.desc())
    .limit(LIMIT),
    "dead_letters_after": select(*_LETTERS, dead_letters.c.body)
    .where(dead_letters.c.position > _int("after"))
    .order_by(dead_letters.c.position)
    .limit(LIMIT),
    "dead_letter": select(*_LETTERS, dead_letters.c.body).where(
        dead_letters.c.letter_id == _text("letter_id")
    ),
    "count_dead_letters": select(func.count()).select_from(
        select(dead_letters.c.letter_id).where(dead_letters.c.state == _text("state")).limit(LIMIT).subquery()
    ),
    "last_dead_letter": _high_water(dead_letters.c.position, "dead_letters"),
    "logs": select(*_LINE)
    .where(*_LINES, logs.c.position > _int("after"))
    .order_by(logs.c.position)
    .limit(LIMIT),
    "logs_before": select(*_LINE).where(*_LINES, _UPTO).order_by(logs.c.position.desc()).limit(LIMIT),
    "count_logs": select(func.count()).where(*_LEVEL, _UPTO),
    "count_logs_of_place": select(func.count()).where(*_LINES, _UPTO),
    "log_position": _at(*_LEVEL),
    "log_position_of_place": _at(*_LINES),
    # One pass over the index; groups would be made by sorting it.
    "log_levels": select(
        *[func.sum(case((logs.c.level == rank, 1), else_=0)) for rank in LEVELS.values()]
    ).where(logs.c.run_id == _text("run_id")),
    # All lines, because a line is told by its number among them; a window function takes twice as long.
    "search_logs": select(logs.c.position, func.instr(func.lower(logs.c.message), _text("text")))
    .where(*_LINES)
    .order_by(logs.c.position),
    "last_log": _high_water(logs.c.position, "logs"),
    "spans": select(spans.c.body)
    .where(spans.c.trace_id == _text("trace_id"))
    .order_by(spans.c.start_us, spans.c.span_id),
    "stream": select(streams.c.stream, streams.c.created, streams.c.last_sequence).where(
        streams.c.stream == _text("stream")
    ),
    "released_results": select(released_results.c.uri, released_results.c.released_at_us)
    .where(
        released_results.c.released_at_us < _int("before_us"),
        tuple_(released_results.c.released_at_us, released_results.c.uri)
        > tuple_(_int("after_us"), _text("after_uri")),
        ~exists().where(result_references.c.uri == released_results.c.uri),
    )
    .order_by(released_results.c.released_at_us, released_results.c.uri)
    .limit(LIMIT),
    "cursor": select(cursors.c.value).where(cursors.c.name == _text("name")),
    "cursors": select(cursors.c.name, cursors.c.value)
    .where(cursors.c.name >= _text("first"), cursors.c.name < _text("before"))
    .order_by(cursors.c.name),
    "shard": select(shards.c.owner, shards.c.epoch, shards.c.lease_until_us).where(
        shards.c.shard == _int("shard")
    ),
}
