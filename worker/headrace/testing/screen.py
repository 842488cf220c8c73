"""What tasks print and log while an environment works."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.runtime.attempt import Attempt
from headrace.runtime.capture import Capture, Sink
from headrace.runtime.failures import Failure
from headrace.testing.loop import PROCESS, Process
from headrace_protocol.messages import LogLine

_LEVELS = {"headrace": logging.WARNING, "headrace.task": logging.INFO}
"""The machinery is quiet and tasks are heard, unless somebody has chosen otherwise."""


class Screen:
    """Replaces the streams only while the environment works: test runners replace them as well."""

    def __init__(self) -> None:
        self._sinks: dict[Process | None, Sink] = {}
        self._capture: Capture | None = None

    def of_worker(self, sink: Sink) -> WorkerScreen:
        """For the worker in whose process this is called."""
        self._sinks[PROCESS.get()] = sink
        return WorkerScreen(self)

    @contextmanager
    def lit(self) -> Iterator[None]:
        loggers = {logging.getLogger(name): level for name, level in _LEVELS.items()}
        quiet = [logger for logger in loggers if logger.level == logging.NOTSET]
        for logger in quiet:
            logger.setLevel(loggers[logger])
        self._capture = Capture(self._route, through=True)
        try:
            yield
        finally:
            self._capture.close()
            self._capture = None
            for logger in quiet:
                logger.setLevel(logging.NOTSET)

    def finish(self, attempt: Attempt, failure: Failure | None = None) -> None:
        if self._capture is not None:
            self._capture.finish(attempt, failure)

    def _route(self, attempt: Attempt, line: LogLine) -> None:
        sink = self._sinks.get(PROCESS.get())
        if sink is not None:
            sink(attempt, line)


class WorkerScreen:
    """See `headrace.runtime.capture.Captured`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def finish(self, attempt: Attempt, failure: Failure | None = None) -> None:
        self._screen.finish(attempt, failure)

    def close(self) -> None:
        return None
