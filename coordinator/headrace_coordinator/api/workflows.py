"""Workflows: list, show, deploy; and starting a run of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from headrace_coordinator.api.bodies import read_body
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.queries.grid import Grid, workflow_grid
from headrace_coordinator.queries.workflows import (
    VersionList,
    WorkflowDetail,
    WorkflowList,
    list_versions,
    list_workflows,
    show_workflow,
)
from headrace_protocol.codec import raw
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import RequestError
from headrace_protocol.headers import TRACEPARENT, TRACESTATE, TraceContext, parse_traceparent
from headrace_protocol.ids import derived_run_id, derived_trace_id, new_run_id
from headrace_protocol.interval import Interval, microseconds
from headrace_protocol.messages import StartRun

MANUAL = "manual"
IDEMPOTENCY_KEY = "Idempotency-Key"


class DeployReply(msgspec.Struct, frozen=True, kw_only=True):
    """What was deployed."""

    workflow: str
    version: str
    created: bool
    """False when this content was the current version already."""


class StartRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Which run to start."""

    params: dict[str, object] = {}
    version: str = ""
    """Content hash; empty: the current version."""
    labels: dict[str, str] = {}
    idempotency_key: str = ""
    """The same key starts the same run, however often it is sent; a header `Idempotency-Key` says it too."""
    scheduled_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """What the run's tasks take for its fire time."""
    interval: IntervalRequest | None = None


class IntervalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The data that the run covers: from `start` on, before `end`."""

    start: Annotated[datetime, msgspec.Meta(tz=True)]
    end: Annotated[datetime, msgspec.Meta(tz=True)]


class StartReply(msgspec.Struct, frozen=True, kw_only=True):
    """The run."""

    run_id: str
    workflow: str
    version: str
    created: bool
    """False when the idempotency key had started this run before."""
    trace_id: str


@get("/workflows", operation_id="listWorkflows", summary="List workflows", tags=["workflows"])
async def workflows_list(services: Given) -> WorkflowList:
    return await list_workflows(services.store, services.moment())


@get(
    "/workflows/{name:str}",
    operation_id="showWorkflow",
    summary="Show a workflow",
    tags=["workflows"],
    responses=problems(400, 404),
)
async def workflows_show(
    services: Given,
    name: FromPath[str],
    version: Annotated[
        str | None, QueryParameter(description="A content hash; absent: the current one.")
    ] = None,
) -> WorkflowDetail:
    return await show_workflow(services.store, name, version, services.moment())


@get(
    "/workflows/{name:str}/versions",
    operation_id="listVersions",
    summary="List the versions of a workflow",
    tags=["workflows"],
    responses=problems(400, 404),
)
async def workflows_versions(services: Given, name: FromPath[str]) -> VersionList:
    return await list_versions(services.store, name)


@get(
    "/workflows/{name:str}/grid",
    operation_id="workflowGrid",
    summary="The last runs of a workflow against its nodes",
    tags=["workflows"],
    responses=problems(400, 404),
)
async def workflows_grid(
    services: Given,
    name: FromPath[str],
    count: Annotated[int, QueryParameter(name="runs", ge=1, le=1_000, description="How many runs.")] = 100,
) -> Grid:
    return await workflow_grid(services.store, name, count, services.now_us())


@put(
    "/workflows/{name:str}",
    operation_id="deployWorkflow",
    summary="Deploy a definition",
    description="Makes a definition the current version. The same content never makes a new version.",
    tags=["workflows"],
    opt={"body": WorkflowDefinition},
    responses=problems(400, 403, 413, 415, 422, 503)
    | {201: ResponseSpec(DeployReply, generate_examples=False, description="A new version")},
)
async def workflows_deploy(services: Given, request: Incoming, name: FromPath[str]) -> Response[DeployReply]:
    definition = await read_body(request, WorkflowDefinition)
    if definition.name != name:
        raise RequestError(
            "the definition has another name than the address",
            where="name",
            found=definition.name,
            expected=name,
            fix=f"PUT it to /api/v1/workflows/{definition.name}.",
        )
    reply = await services.coordinator.deploy(definition)
    answer = DeployReply(workflow=name, version=reply.version, created=reply.created)
    return Response(answer, status_code=201 if reply.created else 200)


@post(
    "/workflows/{name:str}/runs",
    operation_id="startRun",
    summary="Start a run",
    description="Answers when the run is committed. A `traceparent` header makes the run part of that trace.",
    tags=["runs"],
    opt={"body": StartRequest},
    responses=problems(400, 403, 404, 409, 413, 415, 422, 503)
    | {200: ResponseSpec(StartReply, generate_examples=False, description="The run existed already")},
)
async def runs_start(services: Given, request: Incoming, name: FromPath[str]) -> Response[StartReply]:
    wanted = await read_body(request, StartRequest)
    key = wanted.idempotency_key or request.headers.get(IDEMPOTENCY_KEY, "")
    run_id = derived_run_id(services.namespace, name, MANUAL, key) if key else new_run_id()
    trace = caller_trace(request)
    reply = await services.coordinator.start(
        StartRun(
            run_id=run_id,
            workflow=name,
            params=raw(wanted.params),
            version=wanted.version,
            trigger=MANUAL,
            labels=wanted.labels,
            trace=trace,
            received_at_us=services.now_us(),
            scheduled_at_us=None if wanted.scheduled_at is None else microseconds(wanted.scheduled_at),
            interval=interval_of(wanted.interval),
        )
    )
    answer = StartReply(
        run_id=reply.run_id or run_id,
        workflow=name,
        version=reply.version,
        created=reply.created,
        trace_id=await _trace_id(services, run_id, trace, created=reply.created),
    )
    return Response(
        answer,
        status_code=201 if reply.created else 200,
        headers={"Location": f"/api/v1/runs/{answer.run_id}"},
    )


def interval_of(wanted: IntervalRequest | None) -> Interval | None:
    """Raises RequestError for an interval that holds nothing."""
    if wanted is None:
        return None
    if wanted.start >= wanted.end:
        raise RequestError(
            "the interval holds nothing",
            where="interval",
            found=f"{wanted.start.isoformat()} to {wanted.end.isoformat()}",
            expected="a start before the end, which does not belong to the interval itself",
            fix="Exchange the two times, or give a later end.",
        )
    return Interval(microseconds(wanted.start), microseconds(wanted.end))


def caller_trace(request: Incoming) -> TraceContext | None:
    """The trace context of the request; None when it has none or an invalid one."""
    return parse_traceparent(request.headers.get(TRACEPARENT), request.headers.get(TRACESTATE))


async def _trace_id(
    services: Services, run_id: FromPath[str], trace: TraceContext | None, *, created: bool
) -> str:
    if not created:
        stored = await services.store.run(run_id)
        if stored is not None and stored.head.trace is not None:
            return stored.head.trace.trace_id
    return derived_trace_id(run_id) if trace is None else trace.trace_id
