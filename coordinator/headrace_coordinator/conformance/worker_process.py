"""The worker under test: a process of its own group, and the last lines that it printed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from headrace_protocol.errors import ConfigError

LAST_LINES = 20
LINE_LIMIT_BYTES = 1024 * 1024


class WorkerProcess:
    """Start it, ask it to end, make it end."""

    def __init__(self, command: Sequence[str], on_end: Callable[[], None]) -> None:
        self._command = list(command)
        self._on_end = on_end
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.printed: deque[str] = deque(maxlen=LAST_LINES)
        self.exit_code: int | None = None
        """None while it runs."""

    async def start(self, environment: Mapping[str, str]) -> None:
        """Raises ConfigError for a command that cannot be run."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **environment},
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(
                f"the worker's command cannot be run: {error.strerror or error}",
                where="the command after --",
                found=" ".join(self._command),
                expected="a program that can be executed, and its arguments",
                fix="Correct its name or path, and install what it needs.",
            ) from error
        self._watcher = asyncio.create_task(self._watch(self._process), name="worker under test")

    @property
    def ended(self) -> bool:
        return self.exit_code is not None

    def how_it_ended(self) -> str:
        """In words."""
        match self.exit_code:
            case None:
                return "it runs"
            case code if code < 0:
                return f"it was ended by {signal.Signals(-code).name}"
            case code:
                return f"it ended with exit code {code}"

    def terminate(self) -> None:
        """Ask it to end, as a supervisor does: its own process only."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def kill(self) -> None:
        """End it and what it started."""
        if self._process is None or self._watcher is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._watcher

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        reader = asyncio.create_task(self._read(process.stdout), name="its output")
        self.exit_code = await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # who it started would keep its output open
        await reader
        self._on_end()

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: asyncio drops what was read so far
                continue
            if not line:
                return
            self.printed.append(line.decode("utf-8", "replace").rstrip("\r\n"))
