"""Records of `logging` that know their attempt, whatever tasks do to the configuration of `logging`.

A handler would be lost with the first `basicConfig(force=True)`, and a logger that `dictConfig` has disabled reaches
none. So records are taken where every logger hands them out, in `Logger.callHandlers`. A configuration that a task
makes is valid for that task, and, where it cannot be told apart, for the handlers of all: it decides what becomes a
line of its own attempt, and when that attempt ends, loggers are as enabled and as talkative as before.
"""

from __future__ import annotations

import logging
import logging.config
import traceback
from collections.abc import Callable
from functools import wraps
from threading import Lock
from types import TracebackType
from typing import ParamSpec, TypeVar

from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.lines import Sink, line_of
from headrace.runtime.streams import UNCAPTURED

P = ParamSpec("P")
R = TypeVar("R")

_CONFIGURE = (
    (logging, "basicConfig"),
    (logging, "disable"),
    (logging.config, "dictConfig"),
    (logging.config, "fileConfig"),
)


class LogRecords:
    """Installs itself; `close` puts back what was there. There is one at a time in a process."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = Lock()
        self._before: _Configuration | None = None
        """What was before a live attempt configured `logging`; None when none has."""
        self._configured: set[str] = set()
        """Keys of the live attempts that have."""
        self._root_level = logging.root.level
        if self._root_level == logging.WARNING:  # Python's default: nobody chose it
            logging.root.setLevel(logging.INFO)
        logger = logging.Logger
        self._originals = [
            (logger, "callHandlers", logger.callHandlers),
            (logger, "isEnabledFor", logger.isEnabledFor),
            (logger, "handle", logger.handle),
            *((module, name, getattr(module, name)) for module, name in _CONFIGURE),
        ]
        self._call_handlers = logger.callHandlers
        self._is_enabled_for = logger.isEnabledFor
        self._handle = logger.handle
        self._patch()

    def _patch(self) -> None:
        records = self

        @wraps(self._call_handlers)
        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            attempt = CURRENT.get()
            if attempt is None:
                records._call_handlers(logger, record)
            else:
                records._take(attempt, logger, record)

        setattr(logging.Logger, "callHandlers", call_handlers)  # noqa: B010 -- mypy knows no assignment to a method
        for module, name in _CONFIGURE:
            setattr(module, name, self._watched(getattr(module, name)))

    def close(self) -> None:
        if self._before is not None:
            self._before.restore()
        for owner, name, original in self._originals:
            setattr(owner, name, original)
        logging.root.setLevel(self._root_level)

    def finish(self, attempt: Attempt) -> None:
        """The attempt has ended: a configuration that it made ends with it."""
        if attempt.key not in self._configured:
            return
        with self._lock:
            self._configured.discard(attempt.key)
            if self._configured or self._before is None:
                return
            self._before.restore()
            self._before = None
            setattr(logging.Logger, "isEnabledFor", self._is_enabled_for)  # noqa: B010
            setattr(logging.Logger, "handle", self._handle)  # noqa: B010

    # -- records -------------------------------------------------------------------------------------

    def _take(self, attempt: Attempt, logger: logging.Logger, record: logging.LogRecord) -> None:
        self._tell(attempt, record)
        if not logger.hasHandlers():
            return  # without one, logging's last resort would print it once more
        token = UNCAPTURED.set(True)
        try:
            self._call_handlers(logger, record)
        finally:
            UNCAPTURED.reset(token)

    def _tell(self, attempt: Attempt, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception as error:  # the arguments do not fit the format: that is worth a line, not a crash
            message = f"{record.msg!r} {record.args!r} ({error})"
        if record.exc_info:
            message = f"{message}\n{_trace(record.exc_info)}"
        if record.stack_info:
            message = f"{message}\n{record.stack_info}"
        line = line_of(attempt, message, level=record.levelname.lower(), stream="logging", logger=record.name)
        self._sink(attempt, line)

    # -- configurations ------------------------------------------------------------------------------

    def _watched(self, configure: Callable[P, R]) -> Callable[P, R]:
        """The function, noticed when an attempt calls it."""

        @wraps(configure)
        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            attempt = CURRENT.get()
            if attempt is not None:
                self._configures(attempt)
            return configure(*args, **kwargs)

        return watched

    def _configures(self, attempt: Attempt) -> None:
        with self._lock:
            if self._before is None:
                self._before = _Configuration()
                self._shield(self._before)
            self._configured.add(attempt.key)

    def _shield(self, before: _Configuration) -> None:
        """Until it is over, other attempts log as if nothing had happened."""
        records = self

        def shielded() -> Attempt | None:
            attempt = CURRENT.get()
            return None if attempt is None or attempt.key in records._configured else attempt

        @wraps(self._is_enabled_for)
        def is_enabled_for(logger: logging.Logger, level: int) -> bool:
            if shielded() is None:
                return records._is_enabled_for(logger, level)
            return before.enabled_for(logger, level)

        @wraps(self._handle)
        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            attempt = shielded()
            if attempt is not None and logger.disabled:
                if not before.disabled(logger) and logger.filter(record):
                    records._tell(attempt, record)
                return
            records._handle(logger, record)

        setattr(logging.Logger, "isEnabledFor", is_enabled_for)  # noqa: B010
        setattr(logging.Logger, "handle", handle)  # noqa: B010


class _Configuration:
    """What decides whether a record is made: levels, and what is disabled."""

    def __init__(self) -> None:
        self._threshold = logging.root.manager.disable
        self._loggers = {
            logger: (logger.level, logger.disabled)
            for logger in (logging.root, *logging.root.manager.loggerDict.values())
            if isinstance(logger, logging.Logger)
        }

    def disabled(self, logger: logging.Logger) -> bool:
        return self._loggers.get(logger, (0, False))[1]

    def enabled_for(self, logger: logging.Logger, level: int) -> bool:
        if self.disabled(logger) or level <= self._threshold:
            return False
        above: logging.Logger | None = logger
        while above is not None:
            chosen = self._loggers.get(above, (above.level, False))[0]
            if chosen:
                return level >= chosen
            above = above.parent
        return True

    def restore(self) -> None:
        logging.disable(self._threshold)
        for logger, (level, disabled) in self._loggers.items():
            logger.disabled = disabled
            if logger.level != level:
                logger.setLevel(level)


def _trace(
    info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
) -> str:
    try:
        return "".join(traceback.format_exception(*info)).rstrip()
    except Exception as broken:  # the user's __str__ may raise anything
        return f"{info[0]} (its traceback cannot be shown: {type(broken).__name__})"
