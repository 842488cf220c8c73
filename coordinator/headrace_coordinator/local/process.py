"""A child process that belongs to us: it ends when we do, and says when it is ready.

It is *stopped*, *running* (it was started and, where it says so, is ready) or *died* (it ended although
nobody asked it to). What it prints is handed on line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence

from headrace_protocol.errors import Unavailable

READY_TIMEOUT_S = 30.0
LINE_LIMIT_BYTES = 1024 * 1024
LAST_WORDS_S = 1.0
"""After its end, for what it has printed."""
LOOK_S = 0.25
LAST_LINES = 20
PR_SET_PDEATHSIG = 1

Listener = Callable[[str, str], None]
"""Hears the name of a child and a line that it printed."""


class Child:
    """One process, started again and again with the same command.

    With `says_ready` the command gets `--ready-fd N` and writes a line there when it is ready: `ready_line`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        on_line: Listener,
        *,
        says_ready: bool = False,
        grace_s: float = 10.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.died = asyncio.Event()
        """Set when the process ends although `stop` was not called; cleared by `start`."""
        self.ready_line = ""
        self.exit_code: int | None = None
        self._on_line = on_line
        self._says_ready = says_ready
        self._grace_s = grace_s
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start, and wait until it is ready when it says so; raises Unavailable when it ends before."""
        if self.pid is not None:
            return
        if self._watcher is not None:
            await self._watcher
        self._stopping = False
        self.died.clear()
        self._last_lines.clear()
        reading, writing = os.pipe() if self._says_ready else (-1, -1)
        try:
            self._process = await self._spawn(writing)
        finally:
            if self._says_ready:
                os.close(writing)
        self._watcher = asyncio.create_task(self._watch(self._process), name=f"{self.name} watcher")
        if self._says_ready:
            await self._wait_until_ready(reading)

    async def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, make it end after the grace; nothing happens when it does not run."""
        self._stopping = True
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self._grace_s if grace_s is None else grace_s):
                await _exited(self._process)
        except TimeoutError:
            self.kill()
        if self._watcher is not None:
            await self._watcher

    async def step_down(self, grace_s: float) -> None:
        """Tell a worker that others take over (SIGHUP), and wait for its end; after the grace, make it end."""
        self._stopping = True
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)
        try:
            async with asyncio.timeout(grace_s):
                await _exited(self._process)
        except TimeoutError:
            await self.stop()
        if self._watcher is not None:
            await self._watcher

    def ask_again(self) -> None:
        """Ask it once more to end, while `stop` waits."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def ended(self) -> None:
        """Return when it has ended by itself and everything it printed was handed on."""
        if self._watcher is not None:
            await self._watcher

    def kill(self) -> None:
        """End it now."""
        self._stopping = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def how_it_ended(self) -> str:
        """The exit code or signal in words."""
        code = self.exit_code
        if code is None:
            return "it runs"
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"

    async def _spawn(self, ready_fd: int) -> asyncio.subprocess.Process:
        ready = ["--ready-fd", str(ready_fd)] if self._says_ready else []
        return await asyncio.create_subprocess_exec(
            *self.command,
            *ready,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_LIMIT_BYTES,
            # A session of its own: ctrl-C in the terminal reaches us, and we stop our children in order.
            start_new_session=True,
            pass_fds=(ready_fd,) if self._says_ready else (),
            preexec_fn=_death_signal_setter() if sys.platform == "linux" else None,
        )

    async def _wait_until_ready(self, reading: int) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            try:
                async with asyncio.timeout(READY_TIMEOUT_S):
                    line = await reader.readline()
            except TimeoutError:
                await self.stop(grace_s=0)
                raise self._not_ready(f"not ready after {READY_TIMEOUT_S:.0f} s") from None
            finally:
                transport.close()
        if not line:
            self._stopping = True
            if self._watcher is not None:
                await self._watcher
            self.died.clear()  # its end may have been seen first, and it never ran
            raise self._not_ready(self.how_it_ended())
        self.ready_line = line.decode().strip()

    def _not_ready(self, what: str) -> Unavailable:
        said = "\n".join(self._last_lines)
        return Unavailable(
            f"the {self.name} did not start: {what}",
            found=said or "it printed nothing",
            expected=f"a {self.name} that is ready",
            fix="See what it printed.",
        )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Its end is its end, also when a program that it has left behind keeps its output open."""
        reading = asyncio.create_task(self._read(process), name=f"{self.name} output")
        await _exited(process)
        self.exit_code = process.returncode
        await asyncio.wait((reading,), timeout=LAST_WORDS_S)
        if not reading.done():
            reading.cancel()
            process._transport.close()  # type: ignore[attr-defined]  # it keeps our end of the pipe
        if not self._stopping:
            self.died.set()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: what was read so far is dropped by asyncio
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self._last_lines.append(text)
            self._on_line(self.name, text)


async def _exited(process: asyncio.subprocess.Process) -> None:
    """Wait for the process alone: asyncio's own `wait` may wait for its pipes, too."""
    waiting = asyncio.ensure_future(process.wait())
    while process.returncode is None:
        await asyncio.wait((waiting,), timeout=LOOK_S)
    waiting.cancel()


def _death_signal_setter() -> Callable[[], None]:
    """What the child runs between fork and exec, so that the kernel ends it with us, even by `kill -9`.

    Killed, not asked to end: what it would do in order needs the NATS server, which ends at the same moment.
    Everything is looked up before the fork: after it, only two system calls are made.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal
