"""Workers, queues, and what this coordinator is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.params import FromPath, FromQuery, QueryParameter

from headrace_coordinator.api.bodies import read_body
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.services import Given
from headrace_coordinator.queries.overview import (
    Overview,
    QueueWait,
    Window,
    show_overview,
    waits_by_queue,
)
from headrace_coordinator.runtime.orders import LoadFailure
from headrace_coordinator.runtime.port import QueueView, WorkerView
from headrace_protocol import PROTOCOL_VERSION
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, NotFound


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What answers here."""

    version: str
    namespace: str
    protocol_version: int
    store: str
    shards: tuple[int, ...]
    """Shards that this coordinator owns."""
    position: int
    """Of the newest history entry: where `/changes` begins by itself."""
    now_us: int
    """The coordinator's clock."""
    started_at_us: int
    jaeger_url_template: str
    """Where a trace can be looked at, with `{trace_id}` for its id; empty: nowhere that we know of."""
    load_failures: tuple[LoadFailure, ...]
    """Files of `headrace dev` that cannot be loaded now."""


class WorkerList(msgspec.Struct, frozen=True, kw_only=True):
    """Workers that were heard of lately."""

    workers: tuple[WorkerView, ...]


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """Queues by priority."""

    queues: tuple[QueueView, ...]


class QueueUse(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow whose nodes wait in a queue."""

    workflow: str
    nodes: tuple[str, ...]


class QueueDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A queue with who serves it and who uses it."""

    queue: str
    priorities: tuple[QueueView, ...]
    workers: tuple[WorkerView, ...]
    used_by: tuple[QueueUse, ...]
    """Current versions of workflows."""
    wait: QueueWait
    """In the last hour."""


class ErrorMeaning(msgspec.Struct, frozen=True, kw_only=True):
    """What an error code means."""

    code: ErrorCode
    meaning: str
    remedy: str


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """Files that cannot be loaded now."""

    failures: tuple[LoadFailure, ...]


@get("/info", operation_id="info", summary="What answers here", tags=["operations"])
async def info(services: Given) -> Info:
    return Info(
        version=services.settings.version,
        namespace=services.namespace,
        protocol_version=PROTOCOL_VERSION,
        store=services.settings.store,
        shards=services.coordinator.readiness().shards,
        position=await services.store.last_position(),
        now_us=services.now_us(),
        started_at_us=services.started_at_us,
        jaeger_url_template=services.settings.jaeger_url_template,
        load_failures=services.coordinator.load_failures(),
    )


@put(
    "/load-failures",
    operation_id="reportLoadFailures",
    summary="Say which files cannot be loaded",
    description="What `headrace dev` reports after each load; the list replaces the one before.",
    tags=["operations"],
    status_code=200,
    opt={"body": LoadReport},
    responses=problems(400, 403, 413, 415, 503),
)
async def load_failures_report(services: Given, request: Incoming) -> LoadReport:
    report = await read_body(request, LoadReport)
    await services.coordinator.loaded(report.failures)
    return report


@get("/workers", operation_id="listWorkers", summary="List workers", tags=["operations"])
async def workers_list(services: Given) -> WorkerList:
    return WorkerList(workers=services.coordinator.workers())


@get(
    "/queues",
    operation_id="listQueues",
    summary="List queues with their depth and workers",
    tags=["operations"],
    responses=problems(503),
)
async def queues_list(services: Given) -> QueueList:
    return QueueList(queues=await services.coordinator.queues())


@get(
    "/queues/{queue:str}",
    operation_id="showQueue",
    summary="Show a queue with its workers and users",
    tags=["operations"],
    responses=problems(400, 404, 503),
)
async def queues_show(services: Given, queue: FromPath[str]) -> QueueDetail:
    workers = tuple(one for one in services.coordinator.workers() if queue in one.queues)
    used = [
        QueueUse(workflow=row.definition.name, nodes=nodes)
        for row in await services.store.definitions()
        if (nodes := tuple(node.id for node in row.definition.nodes if node.options.queue == queue))
    ]
    if not workers and not used:
        raise NotFound("there is no such queue", where="queue", found=queue)
    hour_ago_s = services.now_us() // 1_000_000 - 3_600
    waits = waits_by_queue(await services.store.tallies(hour_ago_s, 7_200))
    nothing = QueueWait(queue=queue, count=0, p50_s=None, p95_s=None)
    return QueueDetail(
        queue=queue,
        priorities=tuple(one for one in await services.queues.get() if one.queue == queue),
        workers=workers,
        used_by=tuple(used),
        wait=next((wait for wait in waits if wait.queue == queue), nothing),
    )


@get(
    "/overview",
    operation_id="overview",
    summary="How things are going",
    tags=["operations"],
    responses=problems(400),
)
async def overview(
    services: Given,
    window: FromQuery[Window] = Window.HOUR,
    workflow: Annotated[str | None, QueryParameter(description="Only runs of this workflow.")] = None,
) -> Overview:
    return await show_overview(services.store, window, workflow, services.moment())


@get(
    "/errors/{code:str}",
    operation_id="errorMeaning",
    summary="What an error code means",
    tags=["operations"],
    responses=problems(400, 404),
)
async def error_meaning(code: FromPath[str]) -> ErrorMeaning:
    try:
        known = ErrorCode(code)
    except ValueError:
        raise NotFound("there is no such error code", where="code", found=code) from None
    return ErrorMeaning(code=known, meaning=ERROR_TABLE[known].meaning, remedy=ERROR_TABLE[known].remedy)
