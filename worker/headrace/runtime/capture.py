"""What tasks print and log, and what their threads do, as lines that know their attempt.

Three things are installed in a process that runs tasks: streams (`streams`), a tap on `logging` (`log_records`), and
threads that know whom they work for (`thread_context`). Where the lines go is the sink's business: the bus in a
worker, a pipe in a child.
"""

from __future__ import annotations

import sys
from threading import get_ident
from typing import Protocol, TextIO

from headrace.runtime import streams
from headrace.runtime.attempt import Attempt
from headrace.runtime.failures import Failure
from headrace.runtime.lines import Sink, failure_line, level_of, line_of
from headrace.runtime.log_records import LogRecords
from headrace.runtime.thread_context import ThreadContext
from headrace.runtime.uncaptured import ProgramNotice

__all__ = ["Capture", "Captured", "Sink"]


class Captured(Protocol):
    """What a worker needs of it."""

    def finish(self, attempt: Attempt, failure: Failure | None = None) -> None:
        """The attempt has ended: its last lines, the failure's line among them, reach the sink."""
        ...

    def close(self) -> None: ...


class Capture:
    """Installs everything; `close` puts back what was there."""

    def __init__(
        self,
        sink: Sink,
        *,
        through: bool = False,
        forks: bool = False,
        unfinished: streams.Flushed | None = None,
    ) -> None:
        """`through` lets everything go where it would have gone without us, too.
        `forks` says that the sink works in processes that are forked from this one, too; `unfinished` hears of text
        without a newline, see `AttemptStream.start`."""
        self._sink = sink
        self._unfinished = unfinished
        self._before: tuple[TextIO, TextIO] | None = None
        if streams.installed() is None:
            self._before = (sys.stdout, sys.stderr)
        self._streams = streams.installed() or streams.install()
        out, err = self._streams
        if through:
            out.echo, err.echo = out.passed, err.passed
        self._notice = None if through or forks else ProgramNotice(sink)
        self._records = LogRecords(sink)
        self._threads = ThreadContext(sink, self._flush_thread)
        out.start(sink, forks=forks, unfinished=unfinished)
        err.start(sink, forks=forks, unfinished=unfinished)

    def finish(self, attempt: Attempt, failure: Failure | None = None) -> None:
        self._records.finish(attempt)
        printed = attempt.printed
        if printed is not None:
            partial, printed.partial = printed.partial, {}
            flushed, printed.flushed = printed.flushed, set()
            for stream, thread in flushed:
                if self._unfinished is not None:
                    self._unfinished(attempt, stream, thread, "")
            for (stream, _), text in partial.items():
                self._sink(attempt, line_of(attempt, text, level=level_of(stream), stream=stream))
            printed.redirects.clear()
        if failure is not None:
            self._sink(attempt, failure_line(attempt, failure))

    def close(self) -> None:
        self._threads.close()
        if self._notice is not None:
            self._notice.close()
        self._records.close()
        for stream in self._streams:
            stream.stop()
        if self._before is not None:
            streams.restore(self._before)

    def _flush_thread(self, attempt: Attempt) -> None:
        """Another thread may get this one's id."""
        printed = attempt.printed
        if printed is None:
            return
        for stream in ("stdout", "stderr"):
            text = printed.partial.pop((stream, get_ident()), "")
            if text:
                self._sink(attempt, line_of(attempt, text, level=level_of(stream), stream=stream))
