"""The child's end of its attempts' output: file descriptors 1 and 2, and what Python code prints and logs.

See `output_frames` for what is written, `output_pipes` for who reads it. Between attempts, descriptors 1 and 2 are
what they were when the process started: its worker's.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import faulthandler
import fcntl
import io
import os
import resource
import select
import signal
import socket
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from headrace import program_runner
from headrace.runtime import streams
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.capture import Capture
from headrace.runtime.output_frames import MARK_BYTES, Clean, Frame, Group, Told, Unfinished, pieces
from headrace.runtime.streams import printed_of
from headrace_protocol.messages import LogLine

MESSAGE_BYTES = 4096
_LINE_BUFFERED = 1
"""`_IOLBF` of C's stdio, on Linux and macOS alike."""


class Channel:
    """The pipes of one attempt. They are closed with the last thread that works for it."""

    def __init__(self, mark: bytes, out: int, err: int) -> None:
        self._mark = mark
        self.out = out
        self.err = err

    def send(self, frame: Frame) -> None:
        """Returns when the worker can read it, whatever becomes of this process."""
        for piece in pieces(self._mark, frame, stderr_first=self._stderr_waits()):
            self._write(piece)

    def _write(self, piece: bytes) -> None:
        while True:
            try:
                os.write(self.out, piece)
            except BlockingIOError:  # a program that was started has made the pipe non-blocking
                select.select((), (self.out,), ())
            except OSError:  # nobody reads any more: the worker is gone, or follows this attempt no longer
                return
            else:
                return

    def _stderr_waits(self) -> bool:
        count = array.array("i", [0])
        try:
            fcntl.ioctl(self.err, termios.FIONREAD, count)
        except OSError:
            return True
        return count[0] > 0

    def __del__(self) -> None:
        for end in (self.out, self.err):
            with contextlib.suppress(OSError):
                os.close(end)


class ChildOutput:
    """Installs the capture of this process. `of` gives an attempt its pipes."""

    def __init__(self, fd: int) -> None:
        """`fd` is the socket that pipes come through."""
        self._socket = socket.socket(fileno=fd)
        self._own = tuple(os.dup(end) for end in (1, 2))
        out, err = (_text(end) for end in self._own)
        for stream, end in zip(streams.install(out, err), (1, 2), strict=True):
            stream.descriptor = end
        self._capture = Capture(self._line, forks=True, unfinished=self._flushed)
        for text in (sys.__stdout__, sys.__stderr__):
            if isinstance(text, io.TextIOWrapper):
                text.reconfigure(line_buffering=True)
        program_runner.on_group = _tell_group
        self._clean: Channel | None = None
        """Of the attempt before, when nobody else can write there: see `AttemptOutput.serve`."""
        self._libc = _line_buffered_c()
        faulthandler.enable(file=2)

    @contextmanager
    def of(self, attempt: Attempt) -> Iterator[None]:
        """What is printed until the end is the attempt's; what its threads print later, too."""
        channel = self._clean or self._received(attempt.key)
        printed_of(attempt).channel = channel
        self._clean = None
        os.dup2(channel.out, 1)
        os.dup2(channel.err, 2)
        threads, children = threading.active_count(), _reaped_children()
        try:
            yield
        finally:
            self._capture.finish(attempt)
            self._flush()
            if threading.active_count() <= threads and children == _reaped_children() and _alone():
                channel.send(Clean())
                self._clean = channel
            else:
                for own, end in zip(self._own, (1, 2), strict=True):
                    os.dup2(own, end)

    def _flush(self) -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
        if self._libc is not None:
            self._libc.fflush(None)

    def _received(self, key: str) -> Channel:
        while True:
            message, ends, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES, 2)
            for end in ends:
                os.set_inheritable(end, False)
            channel = Channel(message[:MARK_BYTES], *ends)
            if message[MARK_BYTES:] == key.encode():
                return channel

    def _line(self, attempt: Attempt, line: LogLine, /) -> None:
        told = Told(
            line.at_us, line.level, line.message, line.stream, line.logger, line.trace_id, line.span_id
        )
        self._send(attempt, told)

    def _flushed(self, attempt: Attempt, stream: str, thread: int, text: str) -> None:
        self._send(attempt, Unfinished(stream, thread, text))

    def _send(self, attempt: Attempt, frame: Frame) -> None:
        channel = printed_of(attempt).channel
        if isinstance(channel, Channel):
            channel.send(frame)


def _tell_group(pgid: int, live: bool) -> None:
    """Have the worker end a program's process group, should this process not come to it."""
    attempt = CURRENT.get()
    channel = None if attempt is None or attempt.printed is None else attempt.printed.channel
    if isinstance(channel, Channel):
        channel.send(Group(pgid, live))


def _reaped_children() -> tuple[float, ...]:
    """Changes with every child process that has ended and was waited for."""
    return tuple(resource.getrusage(resource.RUSAGE_CHILDREN))


def _alone() -> bool:
    """Whether this process has no child processes, nor had one that nobody had to wait for."""
    try:
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN or not os.get_blocking(1):
            return False
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    except OSError:  # the task has closed the descriptor
        return False
    return False


def _text(end: int) -> TextIO:
    return io.TextIOWrapper(
        io.FileIO(end, "w", closefd=False), encoding="utf-8", errors="backslashreplace", write_through=True
    )


def _line_buffered_c() -> ctypes.CDLL | None:
    """C's `stdout` keeps 4 KB back when it writes into a pipe, which a crash would lose: by lines instead."""
    try:
        libc = ctypes.CDLL(None)
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, 0)
    except (OSError, ValueError, AttributeError):
        return None
    return libc
