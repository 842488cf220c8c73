"""The worker's side of the watchdog: its process, and the beat."""

from __future__ import annotations

import asyncio
import faulthandler
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from headrace.runtime.attempt import Attempt
from headrace.runtime.launch import Launch
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.watchdog.board import Board, size_bytes
from headrace.runtime.watchdog.idle import interval_s, silence_s

_IDLE = Path(__file__).with_name("idle.py")


class Hello(msgspec.Struct, frozen=True):
    """What the watchdog reads once it is needed."""

    worker: str
    settings: WorkerSettings


class Watchdog:
    """Started before the user's code is imported; it ends by itself when the worker does."""

    def __init__(self, worker: str, settings: WorkerSettings, launch: Launch) -> None:
        memory, fd = _shared(size_bytes(settings.slots + settings.prefetch))
        self.board = Board(memory, settings.ack_wait_s)
        self._stacks = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - open as long as the worker runs
        self._ours, theirs = socket.socketpair()
        self._ours.sendall(msgspec.msgpack.encode(Hello(worker, settings)))
        fds = (fd, theirs.fileno(), self._stacks.fileno())
        with theirs:
            # A session of its own: neither ctrl-C nor the end of the worker's group is meant for it.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_IDLE), *map(str, fds), str(os.getpid()), *launch.path],
                cwd="/",
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                start_new_session=True,
            )
        os.close(fd)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = threading.Event()

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(
        self,
        ack_wait_s: Callable[[], float],
        processes: Callable[[], Iterable[int]],
        working_in: Callable[[asyncio.Task[object]], Attempt | None],
    ) -> None:
        """Beat from now on, on the running loop. `processes` are the leaders of groups that are to end with the
        worker; `working_in` tells the attempt that an asyncio task works for."""
        loop = asyncio.get_running_loop()

        def name_the_blocker() -> None:
            """On a thread of its own, as far as whoever blocks lets Python run it. It costs the tasks nothing."""
            seen, looks = -1, 0
            while not self._closed.wait(interval_s(ack_wait_s())):
                looks = looks + 1 if self.board.beats == seen else 0
                if looks > 1:  # one may fall between two beats
                    task = asyncio.current_task(loop)
                    self.board.running(working_in(task) if task is not None else None)
                seen = self.board.beats

        threading.Thread(target=name_the_blocker, name="watchdog", daemon=True).start()

        def beat() -> None:
            wait_s = ack_wait_s()
            self.board.processes(processes())
            self.board.beat(wait_s)
            # Written by a thread that needs no lock of Python's, unless the next beat comes before.
            faulthandler.dump_traceback_later(silence_s(wait_s), repeat=True, file=self._stacks)
            self._timer = loop.call_later(interval_s(wait_s), beat)

        beat()

    def close(self) -> None:
        """The worker ends in order: the watchdog has nothing to do."""
        self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
        faulthandler.cancel_dump_traceback_later()
        self.board.leave()
        self._ours.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._stacks.close()


def _shared(size: int) -> tuple[mmap.mmap, int]:
    """Memory, and the descriptor that another process maps it by."""
    if sys.platform == "linux":
        fd = os.memfd_create("headrace-watchdog")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return mmap.mmap(fd, size), fd
