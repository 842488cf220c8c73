"""What the tasks of a run logged: pages in both directions, search, and the whole of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from headrace_coordinator.engine.state import RunHead, RunState
from headrace_coordinator.queries.runs import find_run
from headrace_coordinator.store.port import LogFilter, Reader
from headrace_coordinator.store.records import StoredLog
from headrace_coordinator.store.rows import LEVELS, MAX_INT
from headrace_protocol.messages import LogLine

GRACE_US = 2_000_000
"""Log lines come by another way than outcomes: this long after a run's end all are held to be in."""
MATCHES_SHOWN = 10_000
CHUNK = 5_000


class LogLevel(StrEnum):
    """How serious a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page of lines lies: the one that is set counts, `after` when none is."""

    after: int = 0
    before: int | None = None
    around: int | None = None
    offset: int | None = None


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A log line with its position."""

    position: int
    line: LogLine


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines, oldest first."""

    lines: tuple[LogView, ...]
    next: int
    """What to give as `after` to read on."""
    previous: int | None
    """What to give as `before` for the page before; None on the first one."""
    offset: int
    """The number of the first line, from 0, among the lines that the filter lets through."""
    total: int
    """Lines that the filter lets through."""
    last: int
    """Position of the run's newest line, whatever the filter; 0 when there is none."""
    complete: bool
    """The run is finished and no line comes after this page. Should one come nevertheless, it is shown."""


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines there are."""

    total: int
    levels: dict[LogLevel, int]
    first: int | None
    last: int
    complete: bool


class LogMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A line that a search found."""

    position: int
    line: int
    """Its number, from 0, among the lines that the filter lets through."""


class LogMatches(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found, oldest first."""

    q: str
    count: int
    """Of all matches."""
    matches: tuple[LogMatch, ...]
    more: bool
    """There are more matches than are listed."""


def rank(level: LogLevel | None) -> int:
    """The lowest level that is wanted, as the store compares it."""
    return 0 if level is None else LEVELS[level]


async def list_logs(store: Reader, where: LogFilter, place: Place, limit: int, now_us: int) -> LogPage:
    """One page of log lines; raises NotFound."""
    # The run is read before its lines: one that had ended by then has no line that comes in between.
    head = (await find_run(store, where.run_id)).head
    shown = await _lines(store, where, place, limit)
    total = await store.count_logs(where, None)
    offset = await store.count_logs(where, shown[0].position) if shown else total
    last = await _last(store, where.run_id)
    at_end = offset + len(shown) >= total
    return LogPage(
        lines=tuple(map(log_view, shown)),
        next=shown[-1].position if shown else place.after,
        previous=shown[0].position if offset and shown else None,
        offset=offset,
        total=total,
        last=last,
        complete=at_end and _quiet(head, now_us),
    )


async def summarize_logs(store: Reader, run_id: str, now_us: int) -> LogSummary:
    """How many lines a run has; raises NotFound."""
    head = (await find_run(store, run_id)).head
    levels = await store.log_levels(run_id)
    first = await store.log_position(LogFilter(run_id), 0)
    return LogSummary(
        total=sum(levels.values()),
        levels={level: levels[LEVELS[level]] for level in LogLevel if LEVELS[level] in levels},
        first=first,
        last=await _last(store, run_id),
        complete=_quiet(head, now_us),
    )


async def search_logs(store: Reader, where: LogFilter, text: str) -> LogMatches:
    """Lines that contain a text, whatever the case of its ASCII letters; raises NotFound."""
    await find_run(store, where.run_id)
    found = await store.search_logs(where, text) if text else []
    return LogMatches(
        q=text,
        count=len(found),
        matches=tuple(LogMatch(position=position, line=line) for line, position in found[:MATCHES_SHOWN]),
        more=len(found) > MATCHES_SHOWN,
    )


async def log_texts(store: Reader, where: LogFilter) -> AsyncIterator[bytes]:
    """Every line as text: when, how serious, where from, what."""
    async for lines in _chunks(store, where):
        yield "".join(map(_text, lines)).encode("utf-8", "replace")


async def log_json_lines(store: Reader, where: LogFilter) -> AsyncIterator[bytes]:
    """Every line as JSON, one on each line."""
    encode = msgspec.json.Encoder().encode_lines
    async for lines in _chunks(store, where):
        yield encode([log_view(line) for line in lines])


def log_view(stored: StoredLog) -> LogView:
    """A line as it is shown."""
    return LogView(position=stored.position, line=stored.line)


async def _lines(store: Reader, where: LogFilter, place: Place, limit: int) -> list[StoredLog]:
    if place.around is not None:
        earlier = await store.logs_before(where, place.around, limit // 2)
        return earlier + await store.logs(where, place.around - 1, limit - len(earlier))
    if place.before is not None:
        return await store.logs_before(where, place.before, limit)
    if place.offset is not None:
        first = await store.log_position(where, place.offset)
        return [] if first is None else await store.logs(where, first - 1, limit)
    return await store.logs(where, place.after, limit)


async def _last(store: Reader, run_id: str) -> int:
    newest = await store.logs_before(LogFilter(run_id), MAX_INT, 1)
    return newest[0].position if newest else 0


async def _chunks(store: Reader, where: LogFilter) -> AsyncIterator[list[StoredLog]]:
    after = 0
    while lines := await store.logs(where, after, CHUNK):
        yield lines
        after = lines[-1].position


def _quiet(head: RunHead, now_us: int) -> bool:
    ended_us = head.finished_at_us
    return head.state is not RunState.RUNNING and ended_us is not None and now_us - ended_us >= GRACE_US


def _text(stored: StoredLog) -> str:
    line = stored.line
    at = datetime.fromtimestamp(line.at_us / 1e6, UTC).isoformat(timespec="milliseconds")
    item = "" if line.item is None else f"[{line.item}]"
    return f"{at} {line.level.upper():8} {line.node}{item} #{line.attempt} {line.message}\n"
