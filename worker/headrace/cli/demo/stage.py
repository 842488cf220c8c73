"""The processes of the demo: `headrace dev` as a child, as a user would start it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace_protocol.errors import Unavailable

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
WORKERS = 2
PR_SET_PDEATHSIG = 1


class Stage:
    """A running `headrace dev`: `start` begins, entering waits until it is ready, leaving stops it."""

    def __init__(self, pipeline: Path, data: Path, *, state_file: Path) -> None:
        self.api = ""
        self.nats = ""
        self.ready_after_s = 0.0
        self.log_file = data / "dev.log"
        self._pipeline = pipeline
        self._data = data
        self._state_file = state_file
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = -1
        self._began = 0.0

    def start(self) -> None:
        """Start it, and go on meanwhile."""
        self._data.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        command = [
            *(sys.executable, "-m", "headrace.cli", "dev", str(self._pipeline)),
            *("--data", str(self._data), "--state-file", str(self._state_file)),
            *("--workers", str(WORKERS), "--port", "0", "--nats-port", "0", "--no-reload"),
            *("--ready-fd", str(writing)),
        ]
        self._began = time.perf_counter()
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                # Ctrl-C reaches us; we end the child, which ends its own in order.
                start_new_session=True,
                preexec_fn=_death_signal_setter() if sys.platform == "linux" else None,  # noqa: PLW1509
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        os.close(writing)
        self._ready = reading

    def __enter__(self) -> Self:
        """Wait until it is ready; raises Unavailable with the end of its log when it does not get there."""
        try:
            readable, _, _ = select.select([self._ready], [], [], READY_TIMEOUT_S)
            line = os.read(self._ready, 4096).decode() if readable else ""
            if not line:
                raise self._not_ready()
        except BaseException:
            self.stop()
            raise
        self.api, self.nats = line.split()
        self.ready_after_s = time.perf_counter() - self._began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and all that it started."""
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _not_ready(self) -> Unavailable:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return Unavailable(
            "headrace dev did not get ready",
            where=str(self.log_file),
            found="\n".join(lines[-15:]) or "it printed nothing",
            fix="Read the log file named.",
        )


def _death_signal_setter() -> Callable[[], None]:
    """What the child runs between fork and exec, so that it ends in order even when we are killed with -9.

    Everything is looked up before the fork: after it, only two system calls are made.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal
