"""`sys.stdout` and `sys.stderr` that sort what is written by attempt.

A context variable says which attempt runs in this thread or asyncio task. What is written outside of one is passed
on. Assigning to `sys.stdout` (`contextlib.redirect_stdout` does that too) would take the lines of everybody in this
process, now and later. So the module `sys` gets a class whose two properties keep an assignment to the attempt that
made it, or, outside of attempts, to what is passed on. Code in C that asks for `sys.stdout`, `print` above all, finds
the stream itself, which follows the same assignments.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock, get_ident
from types import ModuleType
from typing import TextIO, cast

from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.lines import LINE_BYTES, Printed, Sink, bounded, last_state, level_of, line_of

UNCAPTURED: ContextVar[bool] = ContextVar("headrace_uncaptured", default=False)
"""Set while a log record, which is captured as such, is written by the user's own handlers."""
_FIRST = Lock()

Flushed = Callable[[Attempt, str, int, str], None]
"""Hears the attempt, stream and thread of text without a newline."""


class AttemptStream(io.TextIOBase):
    """One of the two streams. Without a sink it only passes on."""

    def __init__(self, name: str, passed: TextIO) -> None:
        self._stream = name
        self.passed = passed
        self._replaced: TextIO | None = None
        self._sink: Sink | None = None
        self._forks = False
        self.echo: TextIO | None = None
        """Where everything of attempts is written to as well."""
        self.descriptor: int | None = None
        """What an attempt may write to beside the stream; None: the descriptor of what is passed on."""
        self._unfinished: Flushed | None = None

    def start(self, sink: Sink, *, forks: bool, unfinished: Flushed | None = None) -> None:
        """Sort from now on. Without `forks`, only in this process, not in those that are forked from it.
        `unfinished` is told of text without a newline that is flushed, and, with empty text, when it is a line."""
        self._sink = sink
        self._forks = forks
        self._unfinished = unfinished

    def stop(self) -> None:
        """Pass everything on."""
        self._sink = self.echo = None

    def forked(self) -> None:
        """This is a copy in a forked process."""
        if not self._forks:
            self.stop()

    # -- assignments to sys.stdout -------------------------------------------------------------------

    def assigned(self) -> object:
        """What `sys.stdout` is for whoever asks."""
        return self._redirect() or self

    def assign(self, stream: object) -> None:
        """Somebody sets `sys.stdout`: it holds for the attempt, or for what is outside of attempts."""
        attempt = CURRENT.get()
        if attempt is None:
            self._replaced = None if stream is self or stream is self.passed else cast(TextIO, stream)
        elif stream is self or stream is self.passed:
            printed_of(attempt).redirects.pop(self._stream, None)
        else:
            printed_of(attempt).redirects[self._stream] = cast(TextIO, stream)

    def _redirect(self) -> TextIO | None:
        attempt = CURRENT.get()
        if attempt is None:
            return self._replaced
        return None if attempt.printed is None else attempt.printed.redirects.get(self._stream)

    # -- writing -------------------------------------------------------------------------------------

    def write(self, text: str, /) -> int:
        target = self._redirect()
        if target is not None:
            return target.write(text)
        attempt = CURRENT.get()
        if attempt is None or self._sink is None or UNCAPTURED.get():
            return self.passed.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.echo is not None:
            self.echo.write(text)
        printed = printed_of(attempt)
        key = (self._stream, get_ident())
        if "\n" not in text:
            self._keep(printed, key, printed.partial.get(key, "") + text)
            return len(text)
        if key in printed.flushed:
            printed.flushed.discard(key)
            self._tell_unfinished(attempt, "")
        *lines, rest = (printed.partial.get(key, "") + text).split("\n")
        self._keep(printed, key, rest)
        for line in lines:
            self._sink(
                attempt,
                line_of(attempt, last_state(line), level=level_of(self._stream), stream=self._stream),
            )
        return len(text)

    def _keep(self, printed: Printed, key: tuple[str, int], rest: str) -> None:
        if rest:
            # One character more than fits, so that the line is marked as cut however long it grows.
            printed.partial[key] = last_state(rest)[: LINE_BYTES + 1]
        else:
            printed.partial.pop(key, None)

    def flush(self) -> None:
        target = self._redirect()
        if target is not None:
            target.flush()
            return
        attempt = CURRENT.get()
        if attempt is None or self._sink is None:
            self.passed.flush()
        elif self._unfinished is not None and attempt.printed is not None:
            key = (self._stream, get_ident())
            text = attempt.printed.partial.get(key, "")
            if text:
                attempt.printed.flushed.add(key)
                self._tell_unfinished(attempt, bounded(text))

    def _tell_unfinished(self, attempt: Attempt, text: str) -> None:
        if self._unfinished is not None:
            self._unfinished(attempt, self._stream, get_ident(), text)

    # -- what else a text stream is asked for --------------------------------------------------------

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return CURRENT.get() is None and self.passed.isatty()

    def fileno(self) -> int:
        target = self._redirect()
        if target is not None:
            return target.fileno()
        return self.passed.fileno() if self.descriptor is None else self.descriptor

    def close(self) -> None:
        """Nothing: other attempts write here, too."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.passed.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.passed.errors

    @property
    def buffer(self) -> object:
        """Bytes that are written here become text of this stream."""
        attempt, target = CURRENT.get(), self._redirect()
        if target is not None:
            return target.buffer
        if attempt is None or self._sink is None:
            return self.passed.buffer
        return _Bytes(self, printed_of(attempt), self._stream)

    def __getattr__(self, name: str) -> object:
        """`getvalue` of a `StringIO` that was assigned, `name`, `reconfigure`: whatever the stream below has."""
        return getattr(self._redirect() or self.passed, name)


class _Bytes(io.BufferedIOBase):
    """The `buffer` of a stream, for one attempt."""

    def __init__(self, text: AttemptStream, printed: Printed, name: str) -> None:
        self._text = text
        self._printed = printed
        self._name = name

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        key = (self._name, get_ident())
        decoder = self._printed.decoders.get(key)
        if decoder is None:  # it is kept: a character may be written in two halves
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._printed.decoders[key] = decoder
        whole = bytes(data)
        self._text.write(decoder.decode(whole))
        return len(whole)

    def flush(self) -> None:
        self._text.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()

    def close(self) -> None:
        """Nothing, as for its stream."""


class _Sys(ModuleType):
    """The module `sys`, while streams are installed."""

    @property
    def stdout(self) -> object:
        return _assigned("stdout")

    @stdout.setter
    def stdout(self, stream: object) -> None:
        _assign("stdout", stream)

    @property
    def stderr(self) -> object:
        return _assigned("stderr")

    @stderr.setter
    def stderr(self, stream: object) -> None:
        _assign("stderr", stream)


def _own(name: str) -> object:
    """What the module itself holds, whatever has been assigned."""
    return vars(sys)[name]


def _assigned(name: str) -> object:
    found = _own(name)
    return found.assigned() if isinstance(found, AttemptStream) else found


def _assign(name: str, stream: object) -> None:
    found = _own(name)
    if isinstance(found, AttemptStream):
        found.assign(stream)
    else:
        vars(sys)[name] = stream


def install(out: TextIO | None = None, err: TextIO | None = None) -> tuple[AttemptStream, AttemptStream]:
    """Replace both streams; `out` and `err` are where text of nobody's attempt goes, by default where it went."""
    streams = (AttemptStream("stdout", out or sys.stdout), AttemptStream("stderr", err or sys.stderr))
    vars(sys).update(stdout=streams[0], stderr=streams[1])
    sys.__class__ = _Sys
    return streams


def installed() -> tuple[AttemptStream, AttemptStream] | None:
    out, err = _own("stdout"), _own("stderr")
    return (out, err) if isinstance(out, AttemptStream) and isinstance(err, AttemptStream) else None


def restore(before: tuple[TextIO, TextIO]) -> None:
    """Put back what was there before `install`."""
    sys.__class__ = ModuleType
    sys.stdout, sys.stderr = before


def stderr() -> TextIO:
    """The stream below, which nobody's attempt gets."""
    found = installed()
    return sys.stderr if found is None else found[1].passed


def _forked() -> None:
    for stream in installed() or ():
        stream.forked()


os.register_at_fork(after_in_child=_forked)


def printed_of(attempt: Attempt) -> Printed:
    printed = attempt.printed
    if printed is None:
        with _FIRST:  # several threads of the attempt may print for the first time at once
            printed = attempt.printed
            if printed is None:
                printed = attempt.printed = Printed()
    return printed
