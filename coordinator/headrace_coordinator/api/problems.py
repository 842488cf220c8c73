"""Problem details (RFC 9457) for every error."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec

from headrace_coordinator.api.choices import parameter_of
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, HeadraceError, RequestError

MEDIA_TYPE = "application/problem+json"
Incoming = Request[object, object, State]
log = logging.getLogger("headrace.api")
_NO_CHOICE = re.compile(r"Invalid enum value (.*)")
LEFT = "client disconnected prematurely"
"""What the framework says of a request whose sender went away before it was whole."""


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one parameter."""

    where: str
    message: str
    expected: str = ""
    """The values that it may have, when they are a choice."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error."""

    type: str
    """`/errors/<code>`, which says what the code means."""
    title: str
    status: int
    detail: str
    code: str
    where: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    errors: tuple[FieldProblem, ...] = ()


class UnsupportedMediaType(RequestError):
    """A body in a format that is not read here."""


class CrossOrigin(RequestError):
    """A command sent by a page of another site."""


_STATUS_OF_CODE: dict[ErrorCode, int] = {
    ErrorCode.PARAMS_INVALID: 422,
    ErrorCode.PROTOCOL_UNROUTABLE: 422,
    ErrorCode.PROTOCOL_TOO_LARGE: 413,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.REQUEST_INVALID: 400,
    ErrorCode.UNAVAILABLE: 503,
}
_STATUS_OF_FAMILY = {"definition": 422, "schedule": 422, "expression": 422, "protocol": 400}
_CODE_OF_STATUS = {
    404: ErrorCode.NOT_FOUND,
    409: ErrorCode.CONFLICT,
    413: ErrorCode.PROTOCOL_TOO_LARGE,
    503: ErrorCode.UNAVAILABLE,
}


def status_of(error: HeadraceError) -> int:
    """The HTTP status of an error of ours."""
    match error:
        case UnsupportedMediaType():
            return 415
        case CrossOrigin():
            return 403
        case _:
            family = error.code.partition(".")[0]
            return _STATUS_OF_CODE.get(error.code) or _STATUS_OF_FAMILY.get(family, 500)


def problem_of(error: HeadraceError) -> Problem:
    """An error of ours as a problem document."""
    return Problem(
        type=f"/errors/{error.code}",
        title=ERROR_TABLE[error.code].meaning,
        status=status_of(error),
        detail=error.message,
        code=error.code,
        where=error.where,
        found=error.found,
        expected=error.expected,
        fix=error.fix,
    )


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    """The response that carries a problem."""
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def on_headrace_error(request: Incoming, error: HeadraceError) -> Response[Problem]:
    """Answer an error of ours. One that is our fault is logged, and its inside stays inside."""
    problem = problem_of(error)
    return on_bug(request, error) if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR else respond(problem)


def on_http_error(request: Incoming, error: HTTPException) -> Response[Problem]:
    """Answer what the framework found: no such route, a wrong method, a parameter that does not fit."""
    status = HTTPStatus.BAD_REQUEST if error.detail == LEFT else error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_bug(request, error)
    code = _CODE_OF_STATUS.get(status, ErrorCode.REQUEST_INVALID)
    fields = _fields(request, error.extra)
    problem = Problem(
        type=f"/errors/{code}",
        title=ERROR_TABLE[code].meaning,
        status=status,
        detail="; ".join(f"{one.where}: {one.message}" for one in fields) or str(error.detail),
        code=code,
        where=fields[0].where if fields else f"{request.method} {request.url.path}",
        expected=fields[0].expected if fields else "",
        fix=ERROR_TABLE[code].remedy,
        errors=fields,
    )
    return respond(problem, error.headers)


def on_bug(request: Incoming, error: Exception) -> Response[Problem]:
    """Answer what must not happen: the log gets the traceback, the client only the place."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    entry = ERROR_TABLE[ErrorCode.INTERNAL]
    return respond(
        Problem(
            type=f"/errors/{ErrorCode.INTERNAL}",
            title=entry.meaning,
            status=500,
            detail="The coordinator could not answer; its log says why.",
            code=ErrorCode.INTERNAL,
            where=f"{request.method} {request.url.path}",
            fix=entry.remedy,
        )
    )


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem responses of an operation, for its description."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE
        )
        for status in statuses
    }


def _fields(request: Incoming, extra: object) -> tuple[FieldProblem, ...]:
    if not isinstance(extra, list):
        return ()
    return tuple(_field(request, one) for one in extra if isinstance(one, dict))


def _field(request: Incoming, problem: dict[str, object]) -> FieldProblem:
    found = parameter_of(request.route_handler, str(problem.get("key", "")))
    message = str(problem.get("message", ""))
    wrong = _NO_CHOICE.match(message)
    if not found.choices or wrong is None:
        return FieldProblem(where=found.name, message=message)
    choices = ", ".join(found.choices)
    return FieldProblem(where=found.name, message=f"{wrong[1]} is not one of {choices}", expected=choices)
