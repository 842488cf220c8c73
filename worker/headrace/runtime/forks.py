"""A process that a task forks, and that comes back out of the task, is not the worker: it ends there.

It would go on as a second copy of the worker, on its connections.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def only_here() -> Iterator[None]:
    """Around the code of a task: whoever comes out of it in another process than went in ends, as a program does."""
    home = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != home:
            _end(error)
        raise
    if os.getpid() != home:
        _end(None)


def _end(error: BaseException | None) -> None:
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        code = 1
        with suppress(BaseException):
            traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    os._exit(code)
