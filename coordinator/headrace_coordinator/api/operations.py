"""Workers, queues, and what this coordinator is."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.params import FromPath

from headrace_coordinator.api.problems import problems
from headrace_coordinator.api.services import Given
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


class WorkerList(msgspec.Struct, frozen=True, kw_only=True):
    """Workers that were heard of lately."""

    workers: tuple[WorkerView, ...]


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """Queues by priority."""

    queues: tuple[QueueView, ...]


class ErrorMeaning(msgspec.Struct, frozen=True, kw_only=True):
    """What an error code means."""

    code: ErrorCode
    meaning: str
    remedy: str


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
    )


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
