"""What a warm process gives back after each task, so that every task finds what the first one found.

It is what belongs to the process as a whole and is not an object of some module: working directory, environment,
import path, umask, signal handlers and mask, timers, locale, warnings filters, resource limits, user, priority, the
standard streams, hooks, and the interpreter's own settings. Modules and their globals are not reset, and random
generators are among them: a process of its own for each attempt (`isolation="fresh"`) is for that. Context variables
need nothing here: each task runs in a copy of the context that the first one had. The decimal context, one of them, is
copied since it is mutable.

What cannot be put back (a limit lowered for good, another user, a folder that is gone) makes the process *spent*: it
ends after the attempt, and another one takes its place.
"""

from __future__ import annotations

import gc
import locale
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = sorted({number for name, number in vars(resource).items() if name.startswith("RLIMIT_")})
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class ProcessState:
    """The state of this process when it was made; to be used on the main thread."""

    def __init__(self) -> None:
        self._parts: tuple[tuple[str, _Restorable], ...] = (
            ("timers", _Part(_timers, _stop_timers)),
            ("signal mask", _Part(_mask, _set_mask)),
            ("signal handlers", _Part(_handlers, _set_handlers)),
            ("working directory", _Part(_directory, os.chdir)),
            ("environment", _Part(lambda: dict(os.environ), _set_environment)),
            ("import path", _Part(_paths, _set_paths)),
            ("umask", _Umask()),
            ("locale", _Part(lambda: locale.setlocale(locale.LC_ALL), _set_locale)),
            ("warnings filters", _Part(_filters, _set_filters)),
            ("resource limits", _Part(_limits, _set_limits)),
            ("user and group", _Part(_identity, _refuse)),
            ("priority", _Part(_priority, _set_priority)),
            ("streams and hooks", _Part(_hooks, _set_hooks)),
            ("interpreter settings", _Part(_switches, _set_switches)),
        )
        self._context = copy_context()
        decimal = sys.modules.get("decimal")
        self._decimal = None if decimal is None else decimal.getcontext().copy()

    def context(self) -> Context:
        """A copy of the context that the first task had."""
        context = self._context.copy()
        if self._decimal is not None:
            context.run(sys.modules["decimal"].setcontext, self._decimal.copy())
        return context

    def restore(self) -> list[str]:
        """Put back what differs; returns the names of what could not be put back."""
        return [name for name, part in self._parts if not part.restore()]


class _Restorable(Protocol):
    def restore(self) -> bool: ...


class _Part(Generic[T]):
    """One thing that is read, compared and set."""

    def __init__(self, read: Callable[[], T], write: Callable[[T], None]) -> None:
        self._read = read
        self._write = write
        self._first = read()

    def restore(self) -> bool:
        try:
            if self._read() == self._first:
                return True
            self._write(self._first)
            return self._read() == self._first
        except Exception:  # what the operating system refuses, or an object of the user's raises
            return False


class _Umask:
    """It cannot be read without being set: it is set every time, so that no thread ever meets another one."""

    def __init__(self) -> None:
        self._first = os.umask(0o077)
        os.umask(self._first)

    def restore(self) -> bool:
        os.umask(self._first)
        return True


def _timers() -> tuple[bool, ...]:
    return tuple(signal.getitimer(timer)[0] > 0 for timer in _TIMERS)


def _stop_timers(first: tuple[bool, ...]) -> None:
    for timer, armed in zip(_TIMERS, first, strict=True):
        if not armed:
            signal.setitimer(timer, 0)


def _mask() -> set[int]:
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def _set_mask(first: set[int]) -> None:
    for number in {int(pending) for pending in signal.sigpending()} - first:
        signal.signal(number, signal.SIG_IGN)  # drops the one that waits; its handler is put back afterwards
    signal.pthread_sigmask(signal.SIG_SETMASK, first)


def _handlers() -> list[object]:
    return [signal.getsignal(number) for number in _SIGNALS]


def _set_handlers(first: list[object]) -> None:
    for number, handler in zip(_SIGNALS, first, strict=True):
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from getsignal


def _directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - called after every task
    except FileNotFoundError:  # somebody has removed it
        return ""


def _set_environment(first: dict[str, str]) -> None:
    zone = os.environ.get("TZ")
    for name in os.environ.keys() - first.keys():
        del os.environ[name]
    os.environ.update(first)
    if zone != first.get("TZ"):
        time.tzset()


def _paths() -> tuple[list[str], list[str]]:
    return list(sys.path), list(sys.argv)


def _set_paths(first: tuple[list[str], list[str]]) -> None:
    sys.path[:], sys.argv[:] = first


def _set_locale(first: str) -> None:
    locale.setlocale(locale.LC_ALL, first)


def _filters() -> tuple[list[object], object]:
    return list(warnings.filters), warnings.showwarning


def _set_filters(first: tuple[list[object], object]) -> None:
    warnings.resetwarnings()  # also makes modules ask the filters again
    warnings.filters[:], warnings.showwarning = first  # type: ignore[index,assignment]


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(number) for number in _LIMITS]


def _set_limits(first: list[tuple[int, int]]) -> None:
    for number, limits in zip(_LIMITS, first, strict=True):
        if resource.getrlimit(number) != limits:
            resource.setrlimit(number, limits)


def _identity() -> tuple[object, ...]:
    return os.getresuid(), os.getresgid(), os.getgroups()


def _refuse(_: object) -> None:
    raise PermissionError("a process that has changed its user is not to be trusted with the next task")


def _priority() -> tuple[int, set[int]]:
    affinity = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()
    return os.getpriority(os.PRIO_PROCESS, 0), affinity


def _set_priority(first: tuple[int, set[int]]) -> None:
    priority, affinity = first
    if sys.platform == "linux":
        os.sched_setaffinity(0, affinity)
    if os.getpriority(os.PRIO_PROCESS, 0) != priority:
        os.setpriority(os.PRIO_PROCESS, 0, priority)


def _hooks() -> tuple[object, ...]:
    return (
        sys.stdin,
        sys.stdout,
        sys.stderr,
        sys.excepthook,
        sys.unraisablehook,
        sys.displayhook,
        threading.excepthook,
    )


def _set_hooks(first: tuple[object, ...]) -> None:
    names = ("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook")
    for name, value in zip(names, first, strict=False):
        setattr(sys, name, value)
    threading.excepthook = first[-1]  # type: ignore[assignment]


def _switches() -> tuple[object, ...]:
    return (
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        gc.isenabled(),
        gc.get_threshold(),
        socket.getdefaulttimeout(),
        sys.gettrace(),
        sys.getprofile(),
    )


def _set_switches(first: tuple[object, ...]) -> None:
    recursion, interval, collects, threshold, timeout, trace, profile = first
    sys.setrecursionlimit(recursion)  # type: ignore[arg-type]
    sys.setswitchinterval(interval)  # type: ignore[arg-type]
    (gc.enable if collects else gc.disable)()
    gc.set_threshold(*threshold)  # type: ignore[misc]
    socket.setdefaulttimeout(timeout)  # type: ignore[arg-type]
    sys.settrace(trace)  # type: ignore[arg-type]
    sys.setprofile(profile)  # type: ignore[arg-type]
