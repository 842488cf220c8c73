"""One process that runs tasks, and the socket to it.

It leads a session and a group of its own. However it ends, what is left of its group is killed before the process
itself is reaped, while its id cannot mean anybody else; what it was ended for is read with how much memory it used.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading

import msgspec

from headrace.runtime.deaths import RSS_UNIT_BYTES, Death
from headrace.runtime.lanes.frames import LENGTH_BYTES, FromChild, Prepare, Stop, ToChild, frame, from_child
from headrace.runtime.launch import Launch
from headrace.runtime.output_pipes import AttemptOutput
from headrace.runtime.process_tree import kill_group, kill_tree

EOF_S = 1.0
"""What a process wrote before its end is read for so long; longer only its own daemons hold the socket open."""


class ChildProcess:
    """See the module."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        outputs: socket.socket,
    ) -> None:
        self._outputs = outputs
        self.output: AttemptOutput | None = None
        """Where its attempt prints, or the last one did."""
        self._process = process
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._reaping = threading.Lock()
        self._reaped = False
        self._inherited_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        """Linux counts what the worker had used when it started the process as used by the process."""
        self._ended: asyncio.Future[Death] = self._loop.create_future()
        threading.Thread(target=self._wait, name=f"end of process {process.pid}", daemon=True).start()

    @classmethod
    async def start(cls, launch: Launch, prepare: Prepare) -> ChildProcess:
        """Raises OSError when the system refuses another process."""
        process, ours, outputs = _spawn(launch)
        try:
            child = cls(process, *await asyncio.open_connection(sock=ours), outputs)
        except BaseException:
            kill_group(process.pid)
            process.wait()
            outputs.close()
            raise
        child.send(prepare)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._ended.done() and not self._reader.at_eof()

    def prints_to(self, output: AttemptOutput) -> None:
        """Before the attempt is sent: where it prints."""
        self.output = output
        output.hand_over(self._outputs)

    def send(self, message: ToChild) -> None:
        self._writer.write(frame(message))

    async def receive(self) -> FromChild | None:
        """The next frame; None when the process has ended and everything it wrote is read."""
        try:
            head = await self._reader.readexactly(LENGTH_BYTES)
            return from_child.decode(await self._reader.readexactly(int.from_bytes(head, "big")))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None

    def ask_to_stop(self) -> None:
        """Interrupt the task: its `finally` blocks run, then the process ends."""
        self.send(Stop())

    def kill(self) -> None:
        """End the process and everything it started, now."""
        with self._reaping:
            if not self._reaped:
                kill_tree(self.pid)
        self._writer.close()

    async def ended(self, patience_s: float) -> Death:
        """How it ended. A process that only closed its socket is killed after the patience."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ended), patience_s)
        except TimeoutError:
            self.kill()
            return await asyncio.shield(self._ended)

    def close(self) -> None:
        """An idle process ends by itself when its socket is closed."""
        self._writer.close()

    def _wait(self) -> None:
        code: int | None = None
        used = 0
        if sys.platform != "darwin":
            with contextlib.suppress(
                ChildProcessError
            ):  # the user's code waits for any process: it has read ours
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._reaping:
            self._reaped = True
            kill_group(self.pid)
            with contextlib.suppress(ChildProcessError):
                _, status, usage = os.wait4(self.pid, 0)
                code = os.waitstatus_to_exitcode(status)
                if usage.ru_maxrss > self._inherited_rss:
                    used = usage.ru_maxrss * RSS_UNIT_BYTES
        self._process.returncode = code if code is not None else 0
        death = Death(pid=self.pid, code=code, max_rss_bytes=used)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._tell, death)

    def _tell(self, death: Death) -> None:
        self._ended.set_result(death)
        self._outputs.close()
        if self.output is not None:
            self.output.end_groups()
        self._loop.call_later(EOF_S, self._writer.close)


def _spawn(launch: Launch) -> tuple[subprocess.Popen[bytes], socket.socket, socket.socket]:
    """Not asyncio's subprocess: it reaps by itself, and does not say how much memory was used."""
    ours, theirs = socket.socketpair()
    outputs, their_outputs = socket.socketpair(type=socket.SOCK_DGRAM)
    with theirs, their_outputs:
        fds = (theirs.fileno(), their_outputs.fileno())
        arguments = (str(fds[0]), str(os.getpid()), str(fds[1]))
        try:
            process = subprocess.Popen(
                launch.command("headrace.runtime.child", *arguments),
                cwd=launch.folder,
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            outputs.close()
            raise
    ours.setblocking(False)
    return process, ours, outputs
