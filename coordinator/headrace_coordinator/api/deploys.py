"""Deploying sets of workflows, and orders about single ones."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from headrace_coordinator.api.bodies import read_body
from headrace_coordinator.api.problems import MEDIA_TYPE, Incoming, Problem, problem_of, problems
from headrace_coordinator.api.runs import POSITION_MAX
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.queries.workflows import ChangeList, list_changes
from headrace_coordinator.runtime.orders import OrderKind, OrderReply, WorkflowOrder
from headrace_coordinator.service.failures import as_exception
from headrace_protocol.deploys import DeployResult
from headrace_protocol.messages import DeploySet

ORDER_PROBLEMS = problems(400, 403, 404, 409, 413, 415, 422, 503)


class DeployReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a deploy did, or in a dry run would do."""

    dry_run: bool
    created: bool
    """False when everything was as asked for already."""
    results: tuple[DeployResult, ...]


class DeployProblem(Problem, frozen=True, kw_only=True, omit_defaults=True):
    """Why nothing of a set was deployed."""

    results: tuple[DeployResult, ...] = ()
    """Every workflow of the set: those that are refused, and what would have become of the others."""


class OrderRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Who orders it, and why."""

    by: str = ""
    reason: str = ""
    dry_run: bool = False
    """Say what it would do, and do nothing."""
    trigger: str = ""
    """Of pause and resume: only this trigger."""
    version: str = ""
    """Of a rollback: its hash or the beginning of it. Empty: the version before the current one."""


@post(
    "/deploys",
    operation_id="deploySet",
    summary="Deploy a set of workflows, all or nothing",
    description="Checks every definition, then makes all of them current in one transaction. When one is refused, "
    "nothing is deployed, and the problem lists each. With `dry_run` the same is checked and nothing written.",
    tags=["workflows"],
    opt={"body": DeploySet},
    responses=problems(400, 403, 413, 415, 503)
    | {
        status: ResponseSpec(
            DeployProblem, generate_examples=False, description="Nothing was deployed", media_type=MEDIA_TYPE
        )
        for status in (409, 422)
    }
    | {201: ResponseSpec(DeployReport, generate_examples=False, description="Something was deployed")},
    status_code=200,
)
async def deploys_create(services: Given, request: Incoming) -> Response[DeployReport | DeployProblem]:
    command = await read_body(request, DeploySet)
    reply = await services.coordinator.deploy_set(command)
    if reply.error is not None:
        problem = problem_of(as_exception(reply.error))
        told = DeployProblem(**msgspec.structs.asdict(problem), results=reply.results)
        return Response(told, status_code=problem.status, media_type=MEDIA_TYPE)
    report = DeployReport(dry_run=command.dry_run, created=reply.created, results=reply.results)
    return Response(report, status_code=201 if reply.created and not command.dry_run else 200)


@post(
    "/workflows/{name:str}/retire",
    operation_id="retireWorkflow",
    summary="Retire a workflow",
    description="Its triggers fire nothing any more, its runs finish, starting it by hand is refused.",
    tags=["workflows"],
    status_code=200,
    opt={"body": OrderRequest},
    responses=ORDER_PROBLEMS,
)
async def workflows_retire(services: Given, request: Incoming, name: FromPath[str]) -> OrderReply:
    return await _order(services, request, name, OrderKind.RETIRE)


@post(
    "/workflows/{name:str}/restore",
    operation_id="restoreWorkflow",
    summary="Restore a retired workflow",
    tags=["workflows"],
    status_code=200,
    opt={"body": OrderRequest},
    responses=ORDER_PROBLEMS,
)
async def workflows_restore(services: Given, request: Incoming, name: FromPath[str]) -> OrderReply:
    return await _order(services, request, name, OrderKind.RESTORE)


@post(
    "/workflows/{name:str}/rollback",
    operation_id="rollBackWorkflow",
    summary="Make an earlier version current",
    tags=["workflows"],
    status_code=200,
    opt={"body": OrderRequest},
    responses=ORDER_PROBLEMS,
)
async def workflows_rollback(services: Given, request: Incoming, name: FromPath[str]) -> OrderReply:
    return await _order(services, request, name, OrderKind.ROLLBACK)


@post(
    "/workflows/{name:str}/pause",
    operation_id="pauseWorkflow",
    summary="Pause a workflow or one of its triggers",
    description="A paused trigger keeps what arrives. Runs go on, and the workflow can be started by hand.",
    tags=["workflows"],
    status_code=200,
    opt={"body": OrderRequest},
    responses=ORDER_PROBLEMS,
)
async def workflows_pause(services: Given, request: Incoming, name: FromPath[str]) -> OrderReply:
    return await _order(services, request, name, OrderKind.PAUSE)


@post(
    "/workflows/{name:str}/resume",
    operation_id="resumeWorkflow",
    summary="Resume a workflow or one of its triggers",
    description="Events that were kept start their runs, in the order in which they came; a schedule makes up for the "
    "latest time that it missed.",
    tags=["workflows"],
    status_code=200,
    opt={"body": OrderRequest},
    responses=ORDER_PROBLEMS,
)
async def workflows_resume(services: Given, request: Incoming, name: FromPath[str]) -> OrderReply:
    return await _order(services, request, name, OrderKind.RESUME)


@delete(
    "/workflows/{name:str}",
    operation_id="deleteWorkflow",
    summary="Delete a workflow",
    description="Refused while runs are open. Its finished runs stay as long as retention says.",
    tags=["workflows"],
    status_code=200,
    responses=ORDER_PROBLEMS,
)
async def workflows_delete(
    services: Given,
    name: FromPath[str],
    by: Annotated[str, QueryParameter(description="Who orders it.")] = "",
    reason: Annotated[str, QueryParameter(description="Why.")] = "",
    dry_run: Annotated[bool, QueryParameter(description="Say what it would do, and do nothing.")] = False,
) -> OrderReply:
    order = WorkflowOrder(kind=OrderKind.DELETE, workflow=name, by=by, reason=reason, dry_run=dry_run)
    return await services.coordinator.order(order)


@get(
    "/workflows/{name:str}/changes",
    operation_id="listWorkflowChanges",
    summary="List what was ordered about a workflow, newest first",
    description="Deploys, rollbacks, and who retired, restored, deleted, paused or resumed it.",
    tags=["workflows"],
    responses=problems(400, 404),
)
async def workflows_changes(
    services: Given,
    name: FromPath[str],
    before: Annotated[
        int | None, QueryParameter(ge=0, le=POSITION_MAX, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="At most so many.")] = 50,
) -> ChangeList:
    return await list_changes(services.store, name, before, limit)


async def _order(services: Services, request: Incoming, name: str, kind: OrderKind) -> OrderReply:
    wanted = await read_body(request, OrderRequest)
    order = WorkflowOrder(kind=kind, workflow=name, **msgspec.structs.asdict(wanted))
    return await services.coordinator.order(order)
