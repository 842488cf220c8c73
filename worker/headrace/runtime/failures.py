"""From an exception to what the outcome says about it."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import msgspec

from headrace.authoring.retries import Fail, Retry, exception_name
from headrace.results import InputLost
from headrace.runtime.values import InputInvalid, ResultInvalid, utf8
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, ErrorInfo
from headrace_protocol.messages import RetryAdvice

_OWN = tuple(str(Path(__file__).parent.parent / name) for name in ("runtime", "testing"))
TRACEBACK_CHARACTERS = 16_384
MESSAGE_CHARACTERS = 8_192
DETAILS = 32
DETAIL_CHARACTERS = 2_048


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt failed, and what that says about trying again."""

    error: ErrorInfo
    kinds: tuple[str, ...] = ()
    advice: RetryAdvice = RetryAdvice.POLICY
    retry_after_s: float | None = None
    lost_input: str = ""


class AttemptFailed(Exception):
    """Carries a failure that was described elsewhere, such as in the process that ran the task."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.failure = failure


def failure_of(error: BaseException) -> Failure:
    """What an exception means. Ours keep their code; all others are the user's, with a traceback."""
    match error:
        case AttemptFailed():
            return error.failure
        case InputLost():
            return Failure(error=error.info(), kinds=kinds_of(error), lost_input=error.node)
        case InputInvalid() | ResultInvalid():
            return Failure(error=error.info(), kinds=kinds_of(error))
        case Fail():
            info = _described(error, ErrorCode.TASK_GAVE_UP, error.message)
            details = {
                utf8(name): utf8(value)[:DETAIL_CHARACTERS]
                for name, value in list(error.details.items())[:DETAILS]
            }
            info = msgspec.structs.replace(info, details=details)
            return Failure(error=info, kinds=kinds_of(error), advice=RetryAdvice.NEVER)
        case Retry():
            info = _described(error, ErrorCode.TASK_FAILED, error.message)
            advice = RetryAdvice.POLICY if error.after_s is None else RetryAdvice.AFTER
            return Failure(error=info, kinds=kinds_of(error), advice=advice, retry_after_s=error.after_s)
        case _:
            return Failure(
                error=_described(error, ErrorCode.TASK_FAILED, named_text_of(error)), kinds=kinds_of(error)
            )


def failed(
    code: ErrorCode,
    message: str,
    *,
    where: str = "",
    found: str = "",
    expected: str = "",
    like: type[BaseException] = RuntimeError,
) -> Failure:
    """A failure that no exception stands for; retry policies treat it like an exception of the kind named."""
    info = ErrorInfo(code, message, where=where, found=found, expected=expected, fix=ERROR_TABLE[code].remedy)
    return Failure(error=info, kinds=_names(like))


def kinds_of(error: BaseException) -> tuple[str, ...]:
    """Qualified names of the exception's class and its bases, most derived first, as policies match them."""
    return _names(type(error))


def _names(kind: type[BaseException]) -> tuple[str, ...]:
    return tuple(exception_name(base) for base in kind.__mro__ if base is not object)


def text_of(error: BaseException) -> str:
    """The exception's text, also where its `__str__` is broken."""
    try:
        return utf8(str(error))
    except Exception as broken:  # the user's __str__ may raise anything
        return f"{type(error).__name__} (its text cannot be shown: {type(broken).__name__})"


def named_text_of(error: BaseException) -> str:
    """The exception's type and text, as Python shows them: `KeyError: 'customer_id'`."""
    name, text = type(error).__name__, text_of(error)
    return text if text.startswith(f"{name} (") else f"{name}: {text}".removesuffix(": ")


def _described(error: BaseException, code: ErrorCode, message: str) -> ErrorInfo:
    return ErrorInfo(
        code,
        utf8(message or type(error).__name__)[:MESSAGE_CHARACTERS],
        kind=exception_name(type(error)),
        fix=ERROR_TABLE[code].remedy,
        traceback=users_traceback(error),
    )


def users_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on; the middle of a very long one is left out."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN):
        frames = frames.tb_next
    try:
        text = utf8("".join(traceback.format_exception(type(error), error, frames)).rstrip())
    except Exception as broken:  # the user's __str__ or __cause__ may raise anything
        return f"{type(error).__name__} (its traceback cannot be shown: {type(broken).__name__})"
    if len(text) <= TRACEBACK_CHARACTERS:
        return text
    half = TRACEBACK_CHARACTERS // 2
    return f"{text[:half]}\n  ...\n{text[-half:]}"
