"""In a worker's own process, what a program prints cannot be told apart: the attempt's log says so.

Descriptors 1 and 2 are those of all attempts that run here. A program that a task starts without taking its output
prints into the worker's terminal, and nothing in the run's log would say where it went.
"""

from __future__ import annotations

import subprocess
from functools import wraps

from headrace.runtime.attempt import CURRENT
from headrace.runtime.lines import Sink, line_about
from headrace.runtime.streams import printed_of
from headrace_protocol.definition import Isolation

NOTICE = (
    "a program that this task has started prints into the worker's terminal, not into this log: start it with "
    'headrace.shell(...), or give the task isolation="process"'
)


class ProgramNotice:
    """Installs itself; `close` puts back what was there."""

    def __init__(self, sink: Sink) -> None:
        self._init = init = subprocess.Popen.__init__

        @wraps(init)
        def told(process: subprocess.Popen[bytes], *args: object, **kwargs: object) -> None:
            _tell(sink, args, kwargs)
            init(process, *args, **kwargs)  # type: ignore[call-overload]

        setattr(subprocess.Popen, "__init__", told)  # noqa: B010 -- mypy knows no assignment to a method

    def close(self) -> None:
        setattr(subprocess.Popen, "__init__", self._init)  # noqa: B010


def _tell(sink: Sink, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    attempt = CURRENT.get()
    if attempt is None or attempt.isolation in (Isolation.PROCESS, Isolation.FRESH):
        return  # it is the process for the attempt that is started here
    # Popen(args, bufsize, executable, stdin, stdout, stderr, ...)
    given = dict(zip(("stdout", "stderr"), args[4:6], strict=False)) | kwargs
    printed = printed_of(attempt)
    if not printed.noticed and (given.get("stdout") is None or given.get("stderr") is None):
        printed.noticed = True
        sink(attempt, line_about(attempt, NOTICE))
