"""Errors as text and as exit codes."""

import pytest

from headrace.cli.failures import ExitCode, TimedOut, describe, exit_code, from_info
from headrace_protocol.errors import (
    ConfigError,
    Conflict,
    DefinitionError,
    ErrorCode,
    ErrorInfo,
    HeadraceError,
    NotFound,
    ParamsError,
    Unavailable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), ExitCode.NOT_FOUND),
        (Unavailable("x"), ExitCode.UNREACHABLE),
        (ConfigError("x"), ExitCode.USAGE),
        (ParamsError("x"), ExitCode.USAGE),
        (DefinitionError("x", code=ErrorCode.DEFINITION_CYCLE), ExitCode.USAGE),
        (Conflict("x"), ExitCode.FAILED),
        (TimedOut("x"), ExitCode.TIMEOUT),
        (HeadraceError("x"), ExitCode.FAILED),
    ],
)
def test_exit_codes(error: HeadraceError, code: ExitCode) -> None:
    assert exit_code(error) is code


def test_an_error_says_what_where_found_expected_and_fix() -> None:
    error = ParamsError(
        "count is wrong", where="--params", found="'x'\ny", expected="a number", fix="Mend it."
    )
    assert describe(error).splitlines() == [
        "error: count is wrong",
        "  where:    --params",
        "  found:    'x'",
        "            y",
        "  expected: a number",
        "  fix:      Mend it.",
        "  code:     params.invalid",
    ]
    assert "\x1b[31m" in describe(error, color=True)


def test_a_code_from_a_newer_coordinator_is_kept_as_internal() -> None:
    error = from_info(ErrorInfo(code="brand.new", message="odd"))
    assert (error.code, error.message) == (ErrorCode.INTERNAL, "odd")
