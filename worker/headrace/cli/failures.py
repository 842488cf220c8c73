"""How commands fail: exit codes for scripts, and errors as text a person can act on."""

from __future__ import annotations

import os
import sys
from enum import IntEnum

from headrace_protocol.errors import ErrorCode, ErrorInfo, HeadraceError
from headrace_protocol.printable import printable


class ExitCode(IntEnum):
    """What a script learns from a command. 130 is ctrl-C, as in every shell."""

    OK = 0
    FAILED = 1
    """The run, or what the command asked for, failed."""
    USAGE = 2
    """Flags, settings, params or definitions are wrong: nothing was started."""
    NOT_FOUND = 3
    UNREACHABLE = 4
    """No coordinator or NATS server answers."""
    TIMEOUT = 5
    INTERRUPTED = 130


_OF_CODE = {
    ErrorCode.NOT_FOUND: ExitCode.NOT_FOUND,
    ErrorCode.UNAVAILABLE: ExitCode.UNREACHABLE,
    ErrorCode.CONFIG_INVALID: ExitCode.USAGE,
    ErrorCode.PARAMS_INVALID: ExitCode.USAGE,
    ErrorCode.REQUEST_INVALID: ExitCode.USAGE,
    ErrorCode.PORT_IN_USE: ExitCode.USAGE,
    ErrorCode.PROTOCOL_MALFORMED: ExitCode.USAGE,
    ErrorCode.PROTOCOL_UNROUTABLE: ExitCode.USAGE,
    ErrorCode.SCHEDULE_INVALID: ExitCode.USAGE,
    ErrorCode.SCHEDULE_NEVER_FIRES: ExitCode.USAGE,
    ErrorCode.EXPRESSION_INVALID: ExitCode.USAGE,
}


class TimedOut(HeadraceError):
    """What was waited for did not happen in time. It may still happen."""

    default_code = ErrorCode.UNAVAILABLE


def exit_code(error: HeadraceError) -> ExitCode:
    """The exit code for an error."""
    if isinstance(error, TimedOut):
        return ExitCode.TIMEOUT
    if error.code.startswith("definition."):
        return ExitCode.USAGE
    return _OF_CODE.get(error.code, ExitCode.FAILED)


def from_info(info: ErrorInfo) -> HeadraceError:
    """An error that travelled as data. A code that is not known here becomes `internal.error`."""
    try:
        code = ErrorCode(info.code)
    except ValueError:
        code = ErrorCode.INTERNAL
    return HeadraceError(
        info.message,
        where=info.where,
        found=info.found,
        expected=info.expected,
        fix=info.fix,
        code=code,
    )


def describe(error: HeadraceError, *, color: bool = False) -> str:
    """The error as lines: what, where, found, expected, fix, and its code."""
    bold, dim, red, reset = ("\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m") if color else ("",) * 4
    lines = [f"{red}error:{reset} {bold}{error.message}{reset}"]
    for name, value in (("where", error.where), *error.labelled()):
        if value:
            lines.append(f"  {dim}{name + ':':<10}{reset}{_indented(value)}")
    lines.append(f"  {dim}{'code:':<10}{error.code}{reset}")
    return "\n".join(lines)


def report(error: HeadraceError) -> None:
    """Print an error for a person, on stderr."""
    sys.stderr.write(printable(describe(error, color=in_color(sys.stderr))) + "\n")


def in_color(stream: object) -> bool:
    """Whether colours belong into a stream: only into a terminal, and not under NO_COLOR (no-color.org)."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _indented(value: str) -> str:
    return value.strip("\n").replace("\n", "\n" + " " * 12)
