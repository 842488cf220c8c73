"""Whole results, as downloads."""

from __future__ import annotations

import re
from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from headrace_coordinator.api.problems import problems
from headrace_coordinator.api.runs import POSITION_MAX
from headrace_coordinator.api.services import Given
from headrace_coordinator.queries.content import Content, Format, Part, content, output_parts, result_parts

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
WantedFormat = Annotated[
    Format,
    QueryParameter(
        name="format",
        description="`raw`: bytes and texts as they are, anything else as JSON; `json`; or `msgpack`, as it is kept.",
    ),
]


@get(
    "/runs/{run_id:str}/result/content",
    operation_id="runResultContent",
    summary="Download what a run gave",
    tags=["runs"],
    responses=problems(400, 404, 409, 413, 503),
)
async def run_content(services: Given, run_id: FromPath[str], wanted: WantedFormat = Format.RAW) -> Stream:
    return await _sent(services, await output_parts(services.store, run_id), wanted, run_id)


@get(
    "/runs/{run_id:str}/nodes/{node:str}/result/content",
    operation_id="nodeResultContent",
    summary="Download the result of a node, or of one item of a map",
    description="Streamed, whatever its size, with its length.",
    tags=["runs"],
    responses=problems(400, 404, 409, 413, 503),
)
async def node_content(
    services: Given,
    run_id: FromPath[str],
    node: FromPath[str],
    item: Annotated[int | None, QueryParameter(ge=0, le=POSITION_MAX)] = None,
    wanted: WantedFormat = Format.RAW,
) -> Stream:
    name = f"{run_id}-{node}" if item is None else f"{run_id}-{node}-{item}"
    return await _sent(services, await result_parts(services.store, run_id, node, item), wanted, name)


async def _sent(services: Given, parts: list[Part], wanted: Format, name: str) -> Stream:
    found: Content = await content(parts, wanted, services.coordinator.open_result)
    file = f"{_UNSAFE.sub('_', name)}.{found.suffix}"
    return Stream(
        found.chunks,
        media_type=found.media_type,
        headers={
            "content-length": str(found.size_bytes),
            # A value is never a page of ours: it is saved, and taken for nothing but what it says.
            "content-disposition": f'attachment; filename="{file}"',
            "x-content-type-options": "nosniff",
        },
    )
