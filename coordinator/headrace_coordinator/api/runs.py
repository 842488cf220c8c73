"""Runs: list, show, and everything that belongs to one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter

from headrace_coordinator.api.bodies import parse_label, parse_time, read_body
from headrace_coordinator.api.live import live_facts
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.services import Given
from headrace_coordinator.engine.inputs import RetryRun
from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.events import EventList, events_of_run
from headrace_coordinator.queries.explain import Explanation, explain
from headrace_coordinator.queries.inputs import NodeInputView, input_view, node_input
from headrace_coordinator.queries.jaeger import jaeger_json
from headrace_coordinator.queries.lists import (
    AttemptPage,
    HistoryPage,
    RunPage,
    list_attempts,
    list_history,
    list_runs,
)
from headrace_coordinator.queries.runs import (
    ResultView,
    find_run,
    item_attempts,
    load_run,
    node_result,
    show_run,
)
from headrace_coordinator.queries.statistics import RunCounts, RunHistogram, count_runs, run_histogram
from headrace_coordinator.queries.trace import ROWS_SHOWN, TraceView, trace_view
from headrace_coordinator.queries.views import RunDetail
from headrace_coordinator.store.port import RunFilter
from headrace_protocol.codec import encode
from headrace_protocol.headers import Encoding
from headrace_protocol.messages import CancelRun

POSITION_MAX = 2**62
RunLimit = Annotated[int, QueryParameter(ge=1, le=1_000, description="At most so many.")]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="At most so many.")]
After = Annotated[int, QueryParameter(ge=0, le=POSITION_MAX, description="Go on after this.")]


class TraceFormat(StrEnum):
    """How a trace is written."""

    JSON = "json"
    JAEGER = "jaeger"


class InputFormat(StrEnum):
    """How an input is written."""

    JSON = "json"
    MSGPACK = "msgpack"


class RunRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Who orders it, and why."""

    reason: str = ""
    by: str = ""


class RunReply(msgspec.Struct, frozen=True, kw_only=True):
    """The run as the command left it."""

    run_id: str
    state: RunState


def run_filter(
    workflow: FromQuery[str | None] = None,
    states: Annotated[
        list[RunState] | None, QueryParameter(name="state", description="Any of these; may be repeated.")
    ] = None,
    trigger: Annotated[
        str | None, QueryParameter(description="`manual`, or `<kind>:<id>` of a trigger.")
    ] = None,
    event: Annotated[str | None, QueryParameter(description="Id of the event that started it.")] = None,
    label: Annotated[str | None, QueryParameter(description="`key=value`")] = None,
    created_from: Annotated[
        str | None, QueryParameter(name="from", description="Created at this time or later.")
    ] = None,
    before: Annotated[str | None, QueryParameter(description="Created before this time.")] = None,
    q: Annotated[str | None, QueryParameter(description="Part of the run id or of the error.")] = None,
) -> RunFilter:
    return RunFilter(
        workflow=workflow,
        states=tuple(states or ()),
        trigger=trigger,
        event_id=event,
        label=parse_label(label),
        created_from_us=parse_time(created_from, "from"),
        created_before_us=parse_time(before, "before"),
        search=q or None,
    )


@get(
    "/runs",
    operation_id="listRuns",
    summary="List runs, newest first",
    tags=["runs"],
    dependencies={"where": Provide(run_filter, sync_to_thread=False)},
    responses=problems(400),
)
async def runs_list(
    services: Given,
    where: NamedDependency[RunFilter],
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: RunLimit = 50,
) -> RunPage:
    return await list_runs(services.store, where, cursor, limit, services.moment())


@get(
    "/runs/counts",
    operation_id="countRuns",
    summary="How many runs there are, by state",
    description="Counting stops at 10,000 of each state; `more` says that there are others.",
    tags=["runs"],
    dependencies={"where": Provide(run_filter, sync_to_thread=False)},
    responses=problems(400),
)
async def runs_counts(services: Given, where: NamedDependency[RunFilter]) -> RunCounts:
    return await count_runs(services.store, where)


@get(
    "/runs/histogram",
    operation_id="runHistogram",
    summary="When runs were created, by state",
    tags=["runs"],
    dependencies={"where": Provide(run_filter, sync_to_thread=False)},
    responses=problems(400),
)
async def runs_histogram(
    services: Given,
    where: NamedDependency[RunFilter],
    buckets: Annotated[int, QueryParameter(ge=1, le=500)] = 60,
) -> RunHistogram:
    return await run_histogram(services.store, where, buckets, services.now_us())


@get(
    "/runs/{run_id:str}",
    operation_id="showRun",
    summary="Show a run with its nodes",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_show(services: Given, run_id: FromPath[str]) -> RunDetail:
    return await show_run(services.store, run_id, services.moment())


@get(
    "/runs/{run_id:str}/history",
    operation_id="runHistory",
    summary="What happened to a run, oldest first",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_history(
    services: Given, run_id: FromPath[str], after: After = 0, limit: Limit = 100
) -> HistoryPage:
    await find_run(services.store, run_id)
    return await list_history(services.store, run_id, after, limit)


@get(
    "/runs/{run_id:str}/attempts",
    operation_id="runAttempts",
    summary="Attempts in the order in which they ended",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_attempts(
    services: Given,
    run_id: FromPath[str],
    node: FromQuery[str | None] = None,
    after: After = 0,
    limit: Limit = 100,
) -> AttemptPage:
    await find_run(services.store, run_id)
    return await list_attempts(services.store, run_id, node, after, limit)


@get(
    "/runs/{run_id:str}/explain",
    operation_id="explainRun",
    summary="Why a run is where it is, and what to do",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_explain(services: Given, run_id: FromPath[str]) -> Explanation:
    full = await load_run(services.store, run_id)
    facts = await live_facts(services.coordinator, run_id)
    return explain(full.stored, full.definition, facts, services.now_us())


@get(
    "/runs/{run_id:str}/events",
    operation_id="runEvents",
    summary="The event that started a run",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_events(services: Given, run_id: FromPath[str]) -> EventList:
    stored = await find_run(services.store, run_id)
    return await events_of_run(services.store, stored.head)


@get(
    "/runs/{run_id:str}/trace",
    operation_id="runTrace",
    summary="The trace of a run: waterfall and spans",
    description="With `format=jaeger` the document that the Jaeger UI opens as a JSON file.",
    tags=["runs"],
    responses=problems(400, 404),
)
async def runs_trace(
    services: Given,
    run_id: FromPath[str],
    trace_format: Annotated[TraceFormat, QueryParameter(name="format")] = TraceFormat.JSON,
) -> Response[TraceView | dict[str, object]]:
    full = await load_run(services.store, run_id)
    trace = full.stored.head.trace
    kept = [] if trace is None else await services.store.spans(trace.trace_id)
    items = await item_attempts(services.store, full, ROWS_SHOWN)
    view = trace_view(full, kept, services.now_us(), items)
    return Response(jaeger_json(view.spans) if trace_format is TraceFormat.JAEGER else view)


@get(
    "/runs/{run_id:str}/nodes/{node:str}/result",
    operation_id="nodeResult",
    summary="The result of a node",
    description="A stored result is told by its place and size. A map that is not collected yet answers "
    "the items that have succeeded; `item` asks for one of them.",
    tags=["runs"],
    responses=problems(400, 404, 409),
)
async def runs_result(
    services: Given,
    run_id: FromPath[str],
    node: FromPath[str],
    item: Annotated[int | None, QueryParameter(ge=0, le=POSITION_MAX)] = None,
    first: Annotated[int, QueryParameter(ge=0, le=POSITION_MAX)] = 0,
    limit: Limit = 100,
) -> ResultView:
    return await node_result(services.store, run_id, node, item, first, limit)


@get(
    "/runs/{run_id:str}/nodes/{node:str}/input",
    operation_id="nodeInput",
    summary="What a node's task is given",
    description="The value of each parameter, stored ones too, as an attempt gets them; of a map, `item` says which. "
    "With `format=msgpack` the exact bytes of each value, as in a task message.",
    tags=["runs"],
    responses=problems(400, 404, 409, 503),
)
async def runs_input(
    services: Given,
    run_id: FromPath[str],
    node: FromPath[str],
    item: Annotated[int | None, QueryParameter(ge=0, le=POSITION_MAX)] = None,
    input_format: Annotated[InputFormat, QueryParameter(name="format")] = InputFormat.JSON,
) -> Response[NodeInputView]:
    found = await node_input(services.store, services.coordinator.fetch, run_id, node, item)
    if input_format is InputFormat.MSGPACK:
        return Response(encode(found), media_type=Encoding.MSGPACK)  # type: ignore[arg-type]
    return Response(input_view(found))


@post(
    "/runs/{run_id:str}/retry",
    operation_id="retryRun",
    summary="Retry a run that failed or was cancelled",
    description="Nodes and map items that have succeeded keep their results; the others begin anew.",
    tags=["runs"],
    status_code=200,
    opt={"body": RunRequest},
    responses=problems(400, 403, 404, 409, 413, 415, 503),
)
async def runs_retry(services: Given, request: Incoming, run_id: FromPath[str]) -> RunReply:
    wanted = await read_body(request, RunRequest)
    await services.coordinator.retry(RetryRun(run_id, wanted.by, wanted.reason))
    stored = await find_run(services.store, run_id)
    return RunReply(run_id=run_id, state=stored.head.state)


@post(
    "/runs/{run_id:str}/cancel",
    operation_id="cancelRun",
    summary="Cancel a run",
    description="Nothing new is dispatched, and live attempts are told to stop.",
    tags=["runs"],
    status_code=200,
    opt={"body": RunRequest},
    responses=problems(400, 403, 404, 409, 413, 415, 503),
)
async def runs_cancel(services: Given, request: Incoming, run_id: FromPath[str]) -> RunReply:
    wanted = await read_body(request, RunRequest)
    await services.coordinator.cancel(CancelRun(run_id=run_id, by=wanted.by, reason=wanted.reason))
    stored = await find_run(services.store, run_id)
    return RunReply(run_id=run_id, state=stored.head.state)
