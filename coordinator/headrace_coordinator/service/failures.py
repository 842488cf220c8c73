"""Errors that crossed the shard's loop as data become exceptions again, of the kind that the API tells apart."""

from __future__ import annotations

from headrace_protocol.errors import (
    Conflict,
    ErrorCode,
    ErrorInfo,
    ExpressionError,
    HeadraceError,
    NotFound,
    ParamsError,
    ProtocolError,
)
from headrace_protocol.messages import CommandReply

_KINDS: dict[str, type[HeadraceError]] = {
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.CONFLICT: Conflict,
    ErrorCode.PARAMS_INVALID: ParamsError,
    ErrorCode.EXPRESSION_FAILED: ExpressionError,
    ErrorCode.PROTOCOL_MALFORMED: ProtocolError,
    ErrorCode.PROTOCOL_UNROUTABLE: ProtocolError,
}


def as_exception(error: ErrorInfo) -> HeadraceError:
    """The exception that an error was made of."""
    kind = _KINDS.get(error.code, HeadraceError)
    return kind(
        error.message,
        where=error.where,
        found=error.found,
        expected=error.expected,
        fix=error.fix,
        code=ErrorCode(error.code),
    )


def raised(replies: list[CommandReply]) -> CommandReply:
    """The first reply; raises the first error among them."""
    for reply in replies:
        if reply.error is not None:
            raise as_exception(reply.error)
    return replies[0] if replies else CommandReply()
