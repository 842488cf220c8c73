"""Is it alive, is it ready, how is it doing."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Response, get

from headrace_coordinator.api import prometheus
from headrace_coordinator.api.problems import Problem, problem_of, problems, respond
from headrace_coordinator.api.services import Given
from headrace_coordinator.runtime.port import ReadinessView
from headrace_protocol.errors import Unavailable


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["live"] = "live"


@get("/health/live", operation_id="live", summary="The process answers", tags=["health"])
async def live() -> Alive:
    return Alive()


@get(
    "/health/ready",
    operation_id="ready",
    summary="Store and bus are there and shards are owned",
    tags=["health"],
    responses=problems(503),
)
async def ready(services: Given) -> Response[ReadinessView] | Response[Problem]:
    view = services.coordinator.readiness()
    if view.ready:
        return Response(view)
    missing = [name for name, there in (("store", view.store), ("bus", view.bus)) if not there]
    found = f"without {' and '.join(missing)}" if missing else f"shards {list(view.shards)}"
    error = Unavailable(view.reason or "the coordinator is not ready", where="coordinator", found=found)
    return respond(problem_of(error))


@get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics in the text format of Prometheus",
    tags=["health"],
    media_type=prometheus.MEDIA_TYPE,
)
async def metrics(services: Given) -> bytes:
    families = await prometheus.state_of(services.coordinator, services.store)
    if services.metrics is not None:
        families += prometheus.families_of(services.metrics())
    return prometheus.render(families)
