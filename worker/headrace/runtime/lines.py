"""Lines of an attempt's log: how they are made, bounded, and what an attempt keeps between two of them."""

from __future__ import annotations

import sys
from codecs import IncrementalDecoder
from typing import TYPE_CHECKING, Protocol, TextIO

from headrace.runtime.attempt import Attempt, now_us
from headrace.runtime.values import utf8
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import LogLine

if TYPE_CHECKING:
    from headrace.runtime.failures import Failure

LINE_BYTES = 32 * 1024
CUT = " … [cut]"
ATTEMPT_LOGGER = "headrace.attempt"
"""The logger of lines that say something about the attempt itself, such as why it failed."""


class Sink(Protocol):
    """Where lines go: the bus in a worker, a pipe in a child. Called from any thread."""

    def __call__(self, attempt: Attempt, line: LogLine, /) -> None: ...


class Printed:
    """What an attempt has printed that is not a line yet, and where it has redirected its streams to."""

    __slots__ = ("channel", "decoders", "flushed", "noticed", "partial", "redirects")

    def __init__(self) -> None:
        self.partial: dict[tuple[str, int], str] = {}
        """By stream and thread, so that threads that print at the same time do not mix their lines."""
        self.flushed: set[tuple[str, int]] = set()
        """What of `partial` the sink was told of already."""
        self.noticed = False
        """Whether its log says that a program prints elsewhere."""
        self.channel: object = None
        """In a child process, the way to the worker."""
        self.decoders: dict[tuple[str, int], IncrementalDecoder] = {}
        self.redirects: dict[str, TextIO] = {}
        """By stream: what this attempt has assigned to `sys.stdout` or `sys.stderr`."""


def bounded(text: str) -> str:
    """The text, cut to 32 KB of UTF-8 with a mark when it is longer."""
    text = utf8(text)
    if len(text) * 4 <= LINE_BYTES:
        return text
    encoded = text.encode()
    if len(encoded) <= LINE_BYTES:
        return text
    return encoded[: LINE_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def last_state(line: str) -> str:
    """What a terminal would show: a progress bar's line is its last state."""
    return line.removesuffix("\r").rpartition("\r")[2]


def level_of(stream: str) -> str:
    return "error" if stream == "stderr" else "info"


def line_of(attempt: Attempt, message: str, *, level: str, stream: str, logger: str = "") -> LogLine:
    """A line that is written now, in the user's innermost span where there is one."""
    trace_id, span_id = _active_span(attempt)
    return LogLine(
        run_id=attempt.message.run_id,
        node=attempt.message.node,
        attempt=attempt.message.attempt,
        item=attempt.message.item,
        at_us=now_us(),
        level=level,
        message=bounded(message),
        stream=stream,
        logger=logger,
        trace_id=trace_id,
        span_id=span_id,
    )


def line_about(attempt: Attempt, message: str, level: str = "warning") -> LogLine:
    """A line of ours about an attempt. It is never dropped by the attempt's bounds."""
    return line_of(attempt, message, level=level, stream="logging", logger=ATTEMPT_LOGGER)


def failure_line(attempt: Attempt, failure: Failure) -> LogLine:
    """Why an attempt failed: its error line, and the traceback where there is one."""
    error = failure.error
    message = error.message if error.kind else f"{error.message} ({error.code})"
    if error.traceback:
        message = f"{message}\n{error.traceback}"
    return line_about(attempt, message, "warning" if error.code == ErrorCode.TASK_CANCELLED else "error")


def _active_span(attempt: Attempt) -> tuple[str, str]:
    """The user's innermost span where there is one, the attempt's otherwise."""
    api = sys.modules.get("opentelemetry.trace")
    if api is not None:
        context = api.get_current_span().get_span_context()
        if context.is_valid:
            return format(context.trace_id, "032x"), format(context.span_id, "016x")
    return attempt.trace_id, attempt.span_id
