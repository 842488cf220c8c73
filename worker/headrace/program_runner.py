"""Running a program under the eyes of an attempt; `headrace.programs` is what users call."""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import IO, TextIO

import msgspec

from headrace.context import current_context
from headrace_protocol.errors import ErrorCode, HeadraceError

GRACE_S = 5.0
LOOK_S = 0.1
"""How often a program that is silent is looked after."""
LEFT_BEHIND_S = 0.5
"""How long to wait for lines of processes that the program has left behind."""
OUTPUT_CHARACTERS = 1_000_000
LAST_LINES = 10
_CHUNK = 64 * 1024
TIMEOUT = "timeout"

LIVE_GROUPS: set[int] = set()
"""Process groups of programs that run now."""
on_group: Callable[[int, bool], None] | None = None
"""In a child process of a worker: hears of groups that begin (True) and end."""


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended."""

    command: str
    exit_code: int | None
    """None when a signal ended it."""
    signal: str = ""
    """Such as `SIGKILL`."""
    stdout: str = ""
    """What it wrote; of more than a million characters, the last ones."""
    stderr: str = ""
    duration_s: float

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class ProgramFailed(HeadraceError):
    """A program ended with another exit code than 0, or by a signal. `completed` is all about it."""

    default_code = ErrorCode.TASK_FAILED

    def __init__(self, completed: Completed, how: str = "") -> None:
        self.completed = completed
        self._how = how
        super().__init__(_told(completed, how))

    @property
    def exit_code(self) -> int | None:
        return self.completed.exit_code

    @property
    def signal(self) -> str:
        return self.completed.signal

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[ProgramFailed], tuple[Completed, str]]:
        return type(self), (self.completed, self._how)


class ProgramTimeout(ProgramFailed):
    """A program took longer than its timeout, and was ended."""


class Program:
    """One program: `run` returns when it has ended. `stop`, from any thread, ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: str | PathLike[str] | None,
        env: Mapping[str, str] | None,
        stdin: str | bytes | None,
        timeout_s: float | None,
        grace_s: float,
    ) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._env = None if env is None else {**os.environ, **env}
        self._stdin = stdin.encode() if isinstance(stdin, str) else stdin
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self, *, check: bool) -> Completed:
        """See `headrace.programs.shell`."""
        started_s = time.monotonic()
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL if self._stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._cwd,
            env=self._env,
            start_new_session=True,
            bufsize=0,
        )
        _group(process.pid, live=True)
        out, err = _Printed(sys.stdout), _Printed(sys.stderr)
        try:
            why = self._follow(process, out, err, started_s)
        finally:
            self._end(process)
            _group(process.pid, live=False)
            out.finish()
            err.finish()
        completed = self._completed(process.returncode, out, err, time.monotonic() - started_s)
        if why == TIMEOUT:
            raise ProgramTimeout(completed, f"took longer than {self._timeout_s:g} s, and was ended")
        if check and (why or not completed.ok):
            raise ProgramFailed(completed, why)
        return completed

    def _follow(
        self, process: subprocess.Popen[bytes], out: _Printed, err: _Printed, started_s: float
    ) -> str:
        """Print what it writes, until it ends (empty) or has been stopped: why."""
        ended_s = asked_s = killed_s = 0.0
        why = ""
        with _Pipes(process, self._stdin, out, err) as pipes:
            while pipes.open or process.poll() is None:
                if pipes.open:
                    pipes.move(LOOK_S)
                else:  # it has closed its streams
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_S)
                now_s = time.monotonic()
                if process.poll() is not None:
                    ended_s = ended_s or now_s
                if not why and not ended_s and (why := self._why_to_stop(now_s - started_s)):
                    asked_s = now_s
                    _signal(process.pid, signal.SIGTERM)
                if asked_s and not killed_s and now_s - asked_s > self._grace_s:
                    killed_s = now_s
                    _signal(process.pid, signal.SIGKILL)
                left_s = killed_s if asked_s else ended_s
                if left_s and now_s - left_s > LEFT_BEHIND_S:
                    break  # what still has the streams is left to itself
        return why

    def _why_to_stop(self, passed_s: float) -> str:
        context = current_context()
        if self._stopped.is_set() or (context is not None and context.cancelled):
            return "was stopped: the attempt is cancelled"
        if self._timeout_s is not None and passed_s > self._timeout_s:
            return TIMEOUT
        return ""

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """For an exception on the way, of whatever kind: what runs is ended."""
        if process.poll() is None:
            _signal(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._grace_s)
            _signal(process.pid, signal.SIGKILL)
            process.wait()

    def _completed(self, code: int, out: _Printed, err: _Printed, duration_s: float) -> Completed:
        if self._command[:2] == ["/bin/sh", "-c"] and len(self._command) == 3:
            command = self._command[2]
        else:
            command = shlex.join(self._command)
        name = ""
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
        return Completed(
            command=command,
            exit_code=code if code >= 0 else None,
            signal=name,
            stdout=out.text,
            stderr=err.text,
            duration_s=duration_s,
        )


class _Pipes:
    """The three streams of a program, served together."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: bytes | None, out: _Printed, err: _Printed
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._files: list[IO[bytes]] = []
        self._left = memoryview(stdin or b"")
        for file, printed in ((process.stdout, out), (process.stderr, err)):
            if file is not None:
                self._watch(file, selectors.EVENT_READ, printed)
        if process.stdin is not None:
            self._watch(process.stdin, selectors.EVENT_WRITE, None)

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        self._selector.close()

    @property
    def open(self) -> bool:
        return bool(self._selector.get_map())

    def move(self, timeout_s: float) -> None:
        """Move what can be moved, once."""
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                self._write(key.fd)
            elif data := os.read(key.fd, _CHUNK):
                key.data.feed(data)
            else:
                self._selector.unregister(key.fileobj)

    def _watch(self, file: IO[bytes], event: int, printed: _Printed | None) -> None:
        os.set_blocking(file.fileno(), False)
        self._files.append(file)
        self._selector.register(file, event, printed)

    def _write(self, fd: int) -> None:
        file = next(file for file in self._files if file.fileno() == fd)
        try:
            self._left = self._left[os.write(fd, self._left[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it reads no more, as it may
            self._left = self._left[:0]
        if not self._left:
            self._selector.unregister(file)
            self._files.remove(file)
            file.close()


class _Printed:
    """One output: printed as it comes, and its end kept."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._kept: list[str] = []
        self._length = 0
        self._open_line = False

    @property
    def text(self) -> str:
        return "".join(self._kept)[-OUTPUT_CHARACTERS:]

    def feed(self, data: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(data, final=final)
        if not text:
            return
        self._to.write(text)
        self._to.flush()
        self._open_line = not text.endswith("\n")
        self._kept.append(text)
        self._length += len(text)
        if self._length > 2 * OUTPUT_CHARACTERS:
            self._kept = [self.text]
            self._length = OUTPUT_CHARACTERS

    def finish(self) -> None:
        """Its last line ends here, also where it has no newline."""
        self.feed(b"", final=True)
        if self._open_line:
            self._to.write("\n")


def _told(completed: Completed, how: str) -> str:
    if not how:
        code = completed.exit_code
        how = f"was ended by {completed.signal}" if code is None else f"ended with exit code {code}"
    first, *more = completed.command.strip().split("\n") or [""]
    told = f"`{first}{' …' if more else ''}` {how}"
    last = [line for line in (completed.stderr or completed.stdout).rstrip().split("\n") if line.strip()]
    return "\n".join([told, *(f"  {line}" for line in last[-LAST_LINES:])])


def _signal(pgid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def _group(pgid: int, *, live: bool) -> None:
    (LIVE_GROUPS.add if live else LIVE_GROUPS.discard)(pgid)
    if on_group is not None:
        on_group(pgid, live)


def end_programs() -> None:
    """This process is about to be gone: what runs under its eyes goes with it."""
    for pgid in tuple(LIVE_GROUPS):
        _signal(pgid, signal.SIGKILL)
