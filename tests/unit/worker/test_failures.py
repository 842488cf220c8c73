"""Exceptions as failures."""

import pytest

from headrace import Fail, Retry
from headrace.results import InputLost
from headrace.runtime.failures import TRACEBACK_CHARACTERS, Failure, failure_of
from headrace_protocol import codec
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import RetryAdvice


class Odd(KeyError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def caught(error: BaseException) -> Failure:
    try:
        raise error
    except BaseException as raised:
        return failure_of(raised)


def test_kinds_name_the_bases() -> None:
    failure = caught(KeyError("k"))
    assert failure.kinds[:3] == ("builtins.KeyError", "builtins.LookupError", "builtins.Exception")
    assert failure.error.code == ErrorCode.TASK_FAILED
    assert failure.advice is RetryAdvice.POLICY


def test_causes_are_shown() -> None:
    try:
        try:
            raise ValueError("first")
        except ValueError as error:
            raise KeyError("second") from error
    except KeyError as error:
        text = failure_of(error).error.traceback
    assert "ValueError: first" in text
    assert "direct cause" in text


def test_retry_without_a_time_is_left_to_the_policy() -> None:
    assert caught(Retry("later")).advice is RetryAdvice.POLICY
    assert caught(Retry("later", after="2m")).retry_after_s == 120


def test_fail() -> None:
    failure = caught(Fail("broken", row=3))
    assert (failure.advice, failure.error.details) == (RetryAdvice.NEVER, {"row": "3"})
    assert failure.error.message == "broken"


def test_lost_input() -> None:
    lost = InputLost("gone")
    lost.node = "up"
    assert caught(lost).lost_input == "up"


def test_long_tracebacks_lose_their_middle() -> None:
    failure = caught(ValueError("x" * 100_000))
    assert len(failure.error.traceback) < TRACEBACK_CHARACTERS + 100
    assert len(failure.error.message) < 10_000


@pytest.mark.parametrize(
    "error",
    [Odd("x"), SystemExit(3), KeyboardInterrupt(), ValueError("\udc80"), Fail("\udc80", path="\udc80")],
)
def test_awkward_exceptions(error: BaseException) -> None:
    failure = caught(error)
    assert failure.error.kind.endswith(type(error).__name__)
    assert failure.error.message
    assert codec.encode(failure)
