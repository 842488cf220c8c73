"""What the tasks of a run logged."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from headrace_coordinator.api.problems import problems
from headrace_coordinator.api.runs import POSITION_MAX
from headrace_coordinator.api.services import Given
from headrace_coordinator.queries.logs import (
    LogLevel,
    LogMatches,
    LogPage,
    LogSummary,
    Place,
    list_logs,
    log_json_lines,
    log_texts,
    rank,
    search_logs,
    summarize_logs,
)
from headrace_coordinator.queries.runs import find_run
from headrace_coordinator.store.port import LogFilter

JSON_LINES = "application/x-ndjson"
TEXT = "text/plain"


def log_filter(
    run_id: FromPath[str],
    node: FromQuery[str | None] = None,
    item: Annotated[int | None, QueryParameter(ge=0, le=POSITION_MAX)] = None,
    level: Annotated[LogLevel | None, QueryParameter(description="This level or a more serious one.")] = None,
) -> LogFilter:
    return LogFilter(run_id, node, item, rank(level))


WHERE = {"where": Provide(log_filter, sync_to_thread=False)}


@get(
    "/runs/{run_id:str}/logs",
    operation_id="runLogs",
    summary="What the tasks of a run logged, oldest first",
    description="One of `after`, `before`, `around` (positions) and `offset` (a line's number) says where the "
    "page lies.",
    tags=["runs"],
    dependencies=WHERE,
    responses=problems(400, 404),
)
async def runs_logs(
    services: Given,
    where: NamedDependency[LogFilter],
    after: Annotated[int, QueryParameter(ge=0, le=POSITION_MAX, description="Go on after this.")] = 0,
    before: Annotated[
        int | None, QueryParameter(ge=0, le=POSITION_MAX, description="The page that ends before this.")
    ] = None,
    around: Annotated[
        int | None, QueryParameter(ge=0, le=POSITION_MAX, description="A page with this in its middle.")
    ] = None,
    offset: Annotated[
        int | None, QueryParameter(ge=0, le=POSITION_MAX, description="From the line of this number, from 0.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=2_000, description="At most so many.")] = 200,
) -> LogPage:
    place = Place(after=after, before=before, around=around, offset=offset)
    return await list_logs(services.store, where, place, limit, services.now_us())


@get(
    "/runs/{run_id:str}/logs/summary",
    operation_id="logSummary",
    summary="How many lines a run logged",
    tags=["runs"],
    responses=problems(400, 404),
)
async def logs_summary(services: Given, run_id: FromPath[str]) -> LogSummary:
    return await summarize_logs(services.store, run_id, services.now_us())


@get(
    "/runs/{run_id:str}/logs/search",
    operation_id="searchLogs",
    summary="Find a text in all lines of a run",
    description="The case of ASCII letters does not matter.",
    tags=["runs"],
    dependencies=WHERE,
    responses=problems(400, 404),
)
async def logs_search(
    services: Given,
    where: NamedDependency[LogFilter],
    q: Annotated[str, QueryParameter(min_length=1, max_length=1_000, description="The text.")],
) -> LogMatches:
    return await search_logs(services.store, where, q)


@get(
    "/runs/{run_id:str}/logs.txt",
    operation_id="downloadLogText",
    summary="All lines as text, for a file",
    tags=["runs"],
    dependencies=WHERE,
    media_type=TEXT,
    responses=problems(400, 404),
)
async def logs_text(services: Given, where: NamedDependency[LogFilter]) -> Stream:
    await find_run(services.store, where.run_id)
    return Stream(log_texts(services.store, where), media_type=TEXT, headers=_file(f"{where.run_id}.txt"))


@get(
    "/runs/{run_id:str}/logs.jsonl",
    operation_id="downloadLogLines",
    summary="All lines as JSON, one on each line, for a file",
    tags=["runs"],
    dependencies=WHERE,
    media_type=JSON_LINES,
    responses=problems(400, 404),
)
async def logs_lines(services: Given, where: NamedDependency[LogFilter]) -> Stream:
    await find_run(services.store, where.run_id)
    body = log_json_lines(services.store, where)
    return Stream(body, media_type=JSON_LINES, headers=_file(f"{where.run_id}.jsonl"))


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
