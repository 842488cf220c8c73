"""Pages of runs, logs, events and dead letters."""

from __future__ import annotations

from base64 import b64encode

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.cursors import (
    number_cursor,
    parse_number_cursor,
    parse_run_cursor,
    run_cursor,
)
from headrace_coordinator.queries.runs import find_run
from headrace_coordinator.queries.views import AttemptView, RunSummary, attempt_view, summary_of
from headrace_coordinator.store.port import Reader, RunFilter
from headrace_coordinator.store.records import DeadLetter, EventRecord
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LifecycleBatch, LogLine

LOG_GRACE_US = 2_000_000
"""Log lines come by another way than outcomes: this long after a run's end all are held to be in."""


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, newest first."""

    runs: tuple[RunSummary, ...]
    next: str | None
    """The cursor of the next page; None on the last one."""


class AttemptPage(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts in the order in which they ended."""

    attempts: tuple[AttemptView, ...]
    next: int | None
    """What to give as `after` for the next page; None on the last one."""


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, oldest first."""

    history: tuple[LifecycleBatch, ...]
    next: int | None


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A log line with its position."""

    position: int
    line: LogLine


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines, oldest first."""

    lines: tuple[LogView, ...]
    next: int
    """What to give as `after` to read on."""
    complete: bool
    """The run is finished and no line comes after this page."""


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger event and what it started."""

    event_id: str
    source: str
    type: str
    subject: str
    received_at_us: int
    runs: tuple[str, ...]
    position: int
    event: object
    """The CloudEvent as JSON (structured mode)."""


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first."""

    events: tuple[EventView, ...]
    next: str | None


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be processed."""

    letter_id: str
    received_at_us: int
    subject: str
    error: ErrorInfo
    size_bytes: int
    redriven_at_us: int | None
    headers: dict[str, str]
    body: str | None = None
    """The text of the body, when it is asked for alone and is UTF-8."""
    body_base64: str | None = None
    """The bytes of the body otherwise."""


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, newest first, without their bodies."""

    dead_letters: tuple[DeadLetterView, ...]
    next: str | None


async def list_runs(store: Reader, where: RunFilter, cursor: str | None, limit: int, now_us: int) -> RunPage:
    """One page of runs. Raises RequestError for a cursor of another list."""
    after = None if cursor is None else parse_run_cursor(cursor)
    heads = await store.runs(where, after, limit + 1)
    shown = heads[:limit]
    more = len(heads) > limit
    return RunPage(
        runs=tuple(summary_of(head, now_us) for head in shown),
        next=run_cursor(shown[-1].created_at_us, shown[-1].run_id) if more else None,
    )


async def list_attempts(store: Reader, run_id: str, node: str | None, after: int, limit: int) -> AttemptPage:
    """One page of the attempts of a run, those of map items included."""
    records = await store.attempts(run_id, node, after, limit + 1)
    more = len(records) > limit
    return AttemptPage(
        attempts=tuple(attempt_view(record) for record in records[:limit]),
        next=after + limit if more else None,
    )


async def list_history(store: Reader, run_id: str | None, after: int, limit: int) -> HistoryPage:
    """One page of history: of one run, or of all."""
    batches = await store.history(run_id, after, limit + 1)
    shown = tuple(batches[:limit])
    return HistoryPage(history=shown, next=shown[-1].position if len(batches) > limit else None)


async def list_logs(
    store: Reader, run_id: str, node: str | None, item: int | None, after: int, limit: int, now_us: int
) -> LogPage:
    """One page of log lines; raises NotFound."""
    # The run is read before its lines: one that had ended by then has no line that comes in between.
    stored = await find_run(store, run_id)
    lines = await store.logs(run_id, node, item, after, limit + 1)
    shown = lines[:limit]
    ended_us = stored.head.finished_at_us
    quiet = stored.head.state is not RunState.RUNNING and ended_us is not None
    return LogPage(
        lines=tuple(LogView(position=one.position, line=one.line) for one in shown),
        next=shown[-1].position if shown else after,
        complete=quiet and len(lines) <= limit and now_us - (ended_us or now_us) >= LOG_GRACE_US,
    )


async def list_events(store: Reader, event_type: str | None, cursor: str | None, limit: int) -> EventPage:
    """One page of trigger events. Raises RequestError for a cursor of another list."""
    before = None if cursor is None else parse_number_cursor(cursor)
    records = await store.events(event_type, before, limit + 1)
    shown = records[:limit]
    return EventPage(
        events=tuple(event_view(record) for record in shown),
        next=number_cursor(shown[-1].position) if len(records) > limit else None,
    )


async def list_dead_letters(store: Reader, cursor: str | None, limit: int) -> DeadLetterPage:
    """One page of dead letters. Raises RequestError for a cursor of another list."""
    before_us = None if cursor is None else parse_number_cursor(cursor)
    letters = await store.dead_letters(before_us, limit + 1)
    shown = letters[:limit]
    return DeadLetterPage(
        dead_letters=tuple(dead_letter_view(letter, body=False) for letter in shown),
        next=number_cursor(shown[-1].received_at_us) if len(letters) > limit else None,
    )


def event_view(record: EventRecord) -> EventView:
    """An event as it is shown."""
    return EventView(
        event_id=record.event_id,
        source=record.source,
        type=record.type,
        subject=record.subject,
        received_at_us=record.received_at_us,
        runs=record.runs,
        position=record.position,
        event=_json(record.data),
    )


def dead_letter_view(letter: DeadLetter, *, body: bool = True) -> DeadLetterView:
    """A dead letter as it is shown."""
    text: str | None = None
    encoded: str | None = None
    if body:
        try:
            text = letter.body.decode()
        except UnicodeDecodeError:
            encoded = b64encode(letter.body).decode()
    return DeadLetterView(
        letter_id=letter.letter_id,
        received_at_us=letter.received_at_us,
        subject=letter.subject,
        error=letter.error,
        size_bytes=len(letter.body),
        redriven_at_us=letter.redriven_at_us,
        headers=letter.headers,
        body=text,
        body_base64=encoded,
    )


def _json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data) if data else None
    except (msgspec.MsgspecError, ValueError):
        return None
