"""Stopping the task that runs in this process, and ending what it started when the worker is gone.

The worker asks over the socket; the thread that reads it interrupts the main thread with SIGTERM, whose handler raises
`Stopped` in the task: `finally` blocks and context managers run, also around a call that waits. A SIGTERM from anybody
else is left to the worker, which hears it too where a supervisor sends it to everyone, and lets tasks finish. When
the worker dies, the kernel sends SIGTERM (Linux) and the socket ends (everywhere): the task is stopped in the same
way, then everything below this process is killed.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from headrace.runtime.attempt import Attempt
from headrace.runtime.process_tree import adopt_orphans, end_with_parent, kill_descendants, kill_group


class Stopped(BaseException):
    """The attempt is to end. Not an Exception, so that code that goes on after any exception does not go on."""


class Interruption:
    """Of the one task that runs on the main thread."""

    def __init__(self, worker: int) -> None:
        """`worker` is the id of the process that started this one."""
        self._worker = worker
        self._process = os.getpid()
        self._attempt: Attempt | None = None
        self._raised = False
        self._idle = threading.Event()
        self._idle.set()
        self.asked = False
        """Whether the process is to end when its task has."""

    def install(self) -> None:
        """On the main thread, before any code of the user's is imported."""
        # Handlers, not SIG_IGN: the processes that a task starts would inherit that.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_signal)
        forks = _Forks()
        os.register_at_fork(
            before=forks.before, after_in_parent=forks.in_parent, after_in_child=forks.in_child
        )
        atexit.register(self._leave)  # the first to be registered is the last to run
        adopt_orphans()
        end_with_parent(signal.SIGTERM)
        if os.getppid() != self._worker:
            os._exit(0)  # the worker ended before the kernel knew that we want to hear of it

    @contextmanager
    def of(self, attempt: Attempt) -> Iterator[None]:
        """Raises Stopped in the body when the attempt is to stop."""
        self._idle.clear()
        self._attempt = attempt
        try:
            if self.asked:
                raise Stopped
            yield
        finally:
            self._attempt = None
            self._idle.set()

    def ask(self) -> None:
        """Interrupt the task; called on another thread."""
        self.asked = True
        main = threading.main_thread().ident
        if main is not None and not self._idle.is_set():
            signal.pthread_kill(main, signal.SIGTERM)

    def worker_gone(self, grace_s: float) -> None:
        """Stop the task, and end this process with everything below it. Called on another thread; does not
        return."""
        self.ask()
        self._idle.wait(grace_s)
        kill_descendants()
        if sys.platform != "linux" and os.getpgrp() == os.getpid():
            kill_group(os.getpid())
        os._exit(0)

    def _leave(self) -> None:
        if os.getpid() == self._process:  # not one that the task forked
            kill_descendants()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        asked = self.asked or os.getppid() != self._worker
        if not asked or self._raised or self._attempt is None:
            return
        self._raised = True
        self._attempt.context.cancelled = True
        raise Stopped


class _Forks(threading.local):
    """A process that the task forks is ended by SIGTERM as any other is, also by one that comes at once: Python drops
    what arrives before it has set up the new process."""

    def before(self) -> None:
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def in_parent(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def in_child(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
