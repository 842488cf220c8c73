"""Commands to many runs: first what it would be, then exactly that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from litestar import post

from headrace_coordinator.api.bodies import parse_label, read_body
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import RunFilter
from headrace_protocol.errors import ErrorInfo, HeadraceError, RequestError
from headrace_protocol.messages import CancelRun

MOST = 1_000
"""Runs in one request."""
SHOWN = 20
TOGETHER = 100
"""Commands that wait for their commits at the same time."""


class RunSelection(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Which runs, as the list's parameters say it."""

    workflow: str | None = None
    states: tuple[RunState, ...] = ()
    trigger: str | None = None
    event: str | None = None
    label: str | None = None
    """`key=value`."""
    from_us: int | None = None
    before_us: int | None = None
    q: str | None = None


class RunsCommand(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """What to do with many runs: those named, or those that `where` finds and for which it can be done."""

    run_ids: tuple[str, ...] | None = None
    where: RunSelection | None = None
    preview: bool = False
    """Say which runs it would be, and do nothing."""
    reason: str = ""
    by: str = ""


class RunFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A run for which it could not be done."""

    run_id: str
    error: ErrorInfo


class RunsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs it was, or would be."""

    preview: bool
    count: int
    more: bool
    """There are others that the selection finds: at most 1,000 are taken at once."""
    run_ids: tuple[str, ...]
    runs: tuple[RunSummary, ...]
    """The first 20 of them, as they are now."""
    done: tuple[str, ...]
    failed: tuple[RunFailure, ...]


@post(
    "/runs/cancel",
    operation_id="cancelRuns",
    summary="Cancel many runs",
    description="With `preview` it says which runs it would be; send exactly those `run_ids` then.",
    tags=["runs"],
    status_code=200,
    opt={"body": RunsCommand},
    responses=problems(400, 403, 413, 415, 503),
)
async def runs_cancel_many(services: Given, request: Incoming) -> RunsReply:
    wanted = await read_body(request, RunsCommand)

    async def cancel(run_id: str) -> None:
        command = CancelRun(run_id=run_id, by=wanted.by, reason=wanted.reason)
        await services.coordinator.cancel(command)

    return await _many(services, wanted, (RunState.RUNNING,), cancel)


@post(
    "/runs/retry",
    operation_id="retryRuns",
    summary="Retry many runs that failed or were cancelled",
    description="With `preview` it says which runs it would be; send exactly those `run_ids` then.",
    tags=["runs"],
    status_code=200,
    opt={"body": RunsCommand},
    responses=problems(400, 403, 413, 415, 503),
)
async def runs_retry_many(services: Given, request: Incoming) -> RunsReply:
    wanted = await read_body(request, RunsCommand)

    async def retry(run_id: str) -> None:
        await services.coordinator.retry(RetryRun(run_id, wanted.by, wanted.reason))

    return await _many(services, wanted, (RunState.FAILED, RunState.CANCELLED), retry)


async def _many(
    services: Services,
    wanted: RunsCommand,
    possible: tuple[RunState, ...],
    order: Callable[[str], Awaitable[None]],
) -> RunsReply:
    run_ids = await _chosen(services, wanted, possible)
    taken = run_ids[:MOST]
    done: list[str] = []
    failed: list[RunFailure] = []

    async def try_one(run_id: str) -> None:
        try:
            await order(run_id)
            done.append(run_id)
        except HeadraceError as error:
            failed.append(RunFailure(run_id=run_id, error=error.info()))

    for first in range(0, 0 if wanted.preview else len(taken), TOGETHER):
        await asyncio.gather(*map(try_one, taken[first : first + TOGETHER]))
    heads = await services.store.heads(taken[:SHOWN])
    moment = services.moment()
    return RunsReply(
        preview=wanted.preview,
        count=len(taken),
        more=len(run_ids) > MOST,
        run_ids=taken,
        runs=tuple(summary_of(head, moment) for head in heads.values()),
        done=tuple(done),
        failed=tuple(failed),
    )


async def _chosen(services: Services, wanted: RunsCommand, possible: tuple[RunState, ...]) -> tuple[str, ...]:
    if (wanted.run_ids is None) is (wanted.where is None):
        raise RequestError("which runs is not said", where="body", expected="either run_ids or where")
    if wanted.where is None:
        return tuple(dict.fromkeys(wanted.run_ids or ()))
    chosen = wanted.where
    states = tuple(state for state in possible if state in (chosen.states or possible))
    if not states:
        return ()
    where = RunFilter(
        workflow=chosen.workflow,
        states=states,
        trigger=chosen.trigger,
        event_id=chosen.event,
        label=parse_label(chosen.label),
        created_from_us=chosen.from_us,
        created_before_us=chosen.before_us,
        search=chosen.q or None,
    )
    return tuple(head.run_id for head in await services.store.runs(where, None, MOST + 1))
