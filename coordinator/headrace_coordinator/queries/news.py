"""What is new since a place in everything that grows: for a stream, and for those who have to ask again and again.

A place is one position for each kind, written `h12-l34-e5-d6`. Reading behind a place gives every row once,
whatever was committed meanwhile, so a client that keeps the last place it was told resumes without a gap.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

import msgspec

from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.events import EventView, event_view
from headrace_coordinator.queries.letters import DeadLetterView, dead_letter_view
from headrace_coordinator.queries.logs import LogView, log_view
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import LogFilter, Reader
from headrace_coordinator.store.records import Positions, StoredLog
from headrace_protocol.errors import RequestError
from headrace_protocol.messages import LifecycleBatch

PAGE = 500
Row = TypeVar("Row", LifecycleBatch, StoredLog)
_PLACE = re.compile(r"h([0-9]{1,18})-l([0-9]{1,18})-e([0-9]{1,18})-d([0-9]{1,18})")


class Topic(StrEnum):
    """What a client follows."""

    RUNS = "runs"
    EVENTS = "events"
    DEAD_LETTERS = "dead_letters"
    WORKERS = "workers"
    QUEUES = "queues"


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants to hear of."""

    topics: frozenset[Topic] = frozenset()
    runs: frozenset[str] = frozenset()
    """Runs whose history is wanted."""
    logs: frozenset[str] = frozenset()
    """Runs whose log lines are wanted."""
    workflow: str | None = None
    """Only runs of this workflow."""

    @property
    def history(self) -> bool:
        return Topic.RUNS in self.topics or bool(self.runs)


class NewRows(msgspec.Struct, frozen=True, kw_only=True):
    """What came, by kind, and where to go on."""

    at: Positions
    more: bool
    """There may be more at once."""
    runs: tuple[RunSummary, ...] = ()
    changes: tuple[LifecycleBatch, ...] = ()
    lines: tuple[LogView, ...] = ()
    events: tuple[EventView, ...] = ()
    dead_letters: tuple[DeadLetterView, ...] = ()


def write_place(at: Positions) -> str:
    """A place as clients keep it."""
    return f"h{at.history}-l{at.logs}-e{at.events}-d{at.dead_letters}"


def parse_place(text: str, where: str) -> Positions:
    """A place that a client kept; raises RequestError."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise RequestError("not a place", where=where, found=repr(text[:80]), expected="the id of an event")
    return Positions(*map(int, found.groups()))


def is_ahead(at: Positions, newest: Positions) -> bool:
    """Whether a place is of another store: this one has not come so far."""
    return any(mine > theirs for mine, theirs in zip(_numbers(at), _numbers(newest), strict=True))


def skip(at: Positions, newest: Positions, wanted: Interest) -> Positions:
    """A place that is now where the client follows nothing: what it does not show it will read anew."""
    return Positions(
        history=at.history if wanted.history else newest.history,
        logs=at.logs if wanted.logs else newest.logs,
        events=at.events if Topic.EVENTS in wanted.topics else newest.events,
        dead_letters=at.dead_letters if Topic.DEAD_LETTERS in wanted.topics else newest.dead_letters,
    )


async def read_new(store: Reader, wanted: Interest, at: Positions, moment: Moment) -> NewRows:
    """Rows behind a place, a page of each kind."""
    if Topic.RUNS in wanted.topics:
        batches, full = await store.history(None, at.history, PAGE), False
    else:
        batches, full = _merged([await store.history(run, at.history, PAGE) for run in sorted(wanted.runs)])
    lines, long = _merged([await store.logs(LogFilter(run), at.logs, PAGE) for run in sorted(wanted.logs)])
    events = await store.events_after(at.events, PAGE) if Topic.EVENTS in wanted.topics else []
    follows = Topic.DEAD_LETTERS in wanted.topics
    letters = await store.dead_letters_after(at.dead_letters, PAGE) if follows else []
    return NewRows(
        at=Positions(
            history=batches[-1].position if batches else at.history,
            logs=lines[-1].position if lines else at.logs,
            events=events[-1].position if events else at.events,
            dead_letters=letters[-1].position if letters else at.dead_letters,
        ),
        more=full or long or any(len(rows) == PAGE for rows in (batches, events, letters)),
        runs=await _changed(store, wanted, batches, moment),
        changes=tuple(batch for batch in batches if batch.run_id in wanted.runs),
        lines=tuple(map(log_view, lines)),
        events=tuple(map(event_view, events)),
        dead_letters=tuple(dead_letter_view(letter, body=False) for letter in letters),
    )


def _merged(pages: list[list[Row]]) -> tuple[list[Row], bool]:
    """Pages of several runs in order of the position, and whether one of them was full: only what lies before the
    end of every full one may be told, because behind it rows are missing."""
    ends = [page[-1].position for page in pages if len(page) == PAGE]
    rows = sorted((row for page in pages for row in page), key=lambda row: row.position)
    return ([row for row in rows if row.position <= min(ends)], True) if ends else (rows, False)


async def _changed(
    store: Reader, wanted: Interest, batches: list[LifecycleBatch], moment: Moment
) -> tuple[RunSummary, ...]:
    """Each run that changed, once, as it is now."""
    run_ids = dict.fromkeys(
        batch.run_id
        for batch in batches
        if wanted.workflow in (None, batch.workflow) or batch.run_id in wanted.runs
    )
    heads = await store.heads(list(run_ids)) if run_ids else {}
    return tuple(summary_of(head, moment) for head in heads.values())


def _numbers(at: Positions) -> tuple[int, ...]:
    return at.history, at.logs, at.events, at.dead_letters
