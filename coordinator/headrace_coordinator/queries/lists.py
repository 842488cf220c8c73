"""Pages of runs and of what happened to them."""

from __future__ import annotations

import msgspec

from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.cursors import (
    parse_run_cursor,
    run_cursor,
)
from headrace_coordinator.queries.views import AttemptView, RunSummary, attempt_view, summary_of
from headrace_coordinator.store.port import Reader, RunFilter
from headrace_protocol.messages import LifecycleBatch


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


async def list_runs(
    store: Reader, where: RunFilter, cursor: str | None, limit: int, moment: Moment
) -> RunPage:
    """One page of runs. Raises RequestError for a cursor of another list."""
    after = None if cursor is None else parse_run_cursor(cursor)
    heads = await store.runs(where, after, limit + 1)
    shown = heads[:limit]
    more = len(heads) > limit
    return RunPage(
        runs=tuple(summary_of(head, moment) for head in shown),
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
