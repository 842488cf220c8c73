"""What tasks print and log, as lines that know their attempt.

`sys.stdout` and `sys.stderr` are replaced by streams that ask a context variable which attempt is running in
this thread or asyncio task; outside of one they pass everything on. The same holds for `logging`, through a
handler on the root logger. Where the lines go is the sink's business: the bus in a worker, a pipe in a child.
"""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TextIO

from headrace.runtime.attempt import CURRENT, Attempt, now_us
from headrace.runtime.values import utf8
from headrace_protocol.messages import LogLine

LINE_BYTES = 32 * 1024
CUT = " … [cut]"

Sink = Callable[[Attempt, LogLine], None]


def bounded(text: str) -> str:
    """The text, cut to 32 KB of UTF-8 with a mark when it is longer."""
    text = utf8(text)
    if len(text) * 4 <= LINE_BYTES:
        return text
    encoded = text.encode()
    if len(encoded) <= LINE_BYTES:
        return text
    return encoded[: LINE_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def line_of(attempt: Attempt, message: str, *, level: str, stream: str, logger: str = "") -> LogLine:
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


def _active_span(attempt: Attempt) -> tuple[str, str]:
    """The user's innermost span where there is one, the attempt's otherwise."""
    api = sys.modules.get("opentelemetry.trace")
    if api is not None:
        context = api.get_current_span().get_span_context()
        if context.is_valid:
            return format(context.trace_id, "032x"), format(context.span_id, "016x")
    return attempt.trace_id, attempt.span_id


class Captured(Protocol):
    """What a worker needs of it."""

    def finish(self, attempt: Attempt) -> None: ...

    def close(self) -> None: ...


class Capture:
    """Installs the streams and the handler; `close` puts back what was there."""

    def __init__(self, sink: Sink, *, echo: bool = False, through: bool = False) -> None:
        """`echo` also writes everything to stderr; `through` lets it go where it would have gone without us."""
        self._sink = sink
        self._before = (sys.stdout, sys.stderr)
        self._root_level = logging.root.level
        self._handler = _Handler(sink, sys.stderr if echo else None)
        to = sys.stderr if echo else None
        sys.stdout = _Stream(sys.stdout, "stdout", sink, sys.stdout if through else to)
        sys.stderr = _Stream(sys.stderr, "stderr", sink, sys.stderr if through else to)
        logging.root.addHandler(self._handler)
        if self._root_level == logging.WARNING:  # Python's default: nobody chose it
            logging.root.setLevel(logging.INFO)

    def finish(self, attempt: Attempt) -> None:
        """Send what the attempt printed without a newline at the end."""
        for stream, text in attempt.partial_lines.items():
            if text:
                self._sink(attempt, line_of(attempt, text, level=_level(stream), stream=stream))
        attempt.partial_lines.clear()

    def close(self) -> None:
        sys.stdout, sys.stderr = self._before
        logging.root.removeHandler(self._handler)
        logging.root.setLevel(self._root_level)


def _level(stream: str) -> str:
    return "error" if stream == "stderr" else "info"


def _shown(line: str) -> str:
    """What a terminal would show: a progress bar's line is its last state."""
    return line.removesuffix("\r").rpartition("\r")[2]


class _Stream(io.TextIOBase):
    """A text stream that sorts what is written by attempt."""

    def __init__(self, passed: TextIO, name: str, sink: Sink, echo: TextIO | None) -> None:
        self._passed = passed
        self._name = name
        self._sink = sink
        self._echo = echo

    def write(self, text: str, /) -> int:
        attempt = CURRENT.get()
        if attempt is None:
            return self._passed.write(text)
        if self._echo is not None:
            self._echo.write(text)
        *lines, rest = (attempt.partial_lines.get(self._name, "") + text).split("\n")
        # One character more than fits, so that the line is marked as cut however long it grows.
        attempt.partial_lines[self._name] = _shown(rest)[: LINE_BYTES + 1]
        for line in lines:
            found = line_of(attempt, _shown(line), level=_level(self._name), stream=self._name)
            self._sink(attempt, found)
        return len(text)

    def flush(self) -> None:
        self._passed.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return CURRENT.get() is None and self._passed.isatty()

    def fileno(self) -> int:
        return self._passed.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._passed.encoding

    @property
    def buffer(self) -> object:
        """Bytes cannot be told apart by attempt: they go where they always went."""
        return self._passed.buffer


class _Handler(logging.Handler):
    """Log records of attempts; all others are left to the handlers that were there before."""

    def __init__(self, sink: Sink, echo: TextIO | None) -> None:
        super().__init__()
        self._sink = sink
        self._echo = echo

    def emit(self, record: logging.LogRecord) -> None:
        attempt = CURRENT.get()
        if attempt is None:
            return
        try:
            message = record.getMessage()
        except Exception as error:  # the arguments do not fit the format: that is worth a line, not a crash
            message = f"{record.msg!r} {record.args!r} ({error})"
        if record.exc_info:
            message = f"{message}\n{_trace(record.exc_info)}"
        line = line_of(
            attempt,
            message,
            level=record.levelname.lower(),
            stream="logging",
            logger=record.name,
        )
        if self._echo is not None:
            self._echo.write(f"{line.level} {line.logger}: {line.message}\n")
        self._sink(attempt, line)


def _trace(
    info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
) -> str:
    return "".join(traceback.format_exception(*info)).rstrip()
