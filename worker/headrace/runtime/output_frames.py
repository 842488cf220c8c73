"""What a child process writes into its attempt's output pipe: bytes of anybody, and frames of ours between them.

File descriptor 1 of the child is a pipe that the worker reads. Programs, libraries in C and `os.write` write bytes
there; what Python code prints and logs is known better (level, logger, span, time), and is written into the same pipe
as frames, so that all of it stays in order. A frame begins with a mark that only the two processes know, and is at most
as long as what a pipe takes in one piece; longer bodies come in parts.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator

import msgspec

PIECE = 4096
"""Writes of this size are never mixed with those of other processes: PIPE_BUF of Linux."""
MARK_BYTES = 12
_HEAD = struct.Struct(">IBH")
_MORE, _STDERR_FIRST = 1, 2
HEAD_BYTES = MARK_BYTES + _HEAD.size
_BODY = PIECE - HEAD_BYTES


class Told(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A line: what a `LogLine` says beyond its attempt."""

    at_us: int
    level: str
    message: str
    stream: str
    logger: str
    trace_id: str
    span_id: str


class Unfinished(msgspec.Struct, frozen=True, array_like=True, tag="u", gc=False):
    """Text without a newline that was flushed. It counts if its thread says no more; empty: forget it."""

    stream: str
    thread: int
    text: str


class Group(msgspec.Struct, frozen=True, array_like=True, tag="g", gc=False):
    """A process group that must not outlive the child; `live` is false when it has ended."""

    pgid: int
    live: bool


class Clean(msgspec.Struct, frozen=True, array_like=True, tag="c", gc=False):
    """The attempt has ended, and nobody but the child can write here: the pipes may serve the next attempt."""


Frame = Told | Unfinished | Group | Clean

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_numbers = itertools.count()


def new_mark() -> bytes:
    return b"\0HR\0" + os.urandom(MARK_BYTES - 4)


def pieces(mark: bytes, frame: Frame, *, stderr_first: bool) -> Iterator[bytes]:
    """The frame as writes. `stderr_first` says that bytes wait in the other pipe, which came before it."""
    body = _encoder.encode(frame)
    # Processes that were forked count on from the same number.
    number = (os.getpid() << 16 ^ next(_numbers)) & 0xFFFFFFFF
    for start in range(0, len(body), _BODY):
        part = body[start : start + _BODY]
        flags = (_MORE if start + _BODY < len(body) else 0) | (_STDERR_FIRST if stderr_first else 0)
        yield mark + _HEAD.pack(number, flags, len(part)) + part


class Parser:
    """Takes the pipe's bytes apart."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._rest = b""
        self._parts: dict[int, bytes] = {}

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Frame | None, bool]]:
        """In order: bytes of anybody, or a frame and whether stderr comes before it."""
        buffer, at = self._rest + data, 0
        self._rest = b""
        while (found := buffer.find(self._mark, at)) >= 0:
            if found > at:
                yield buffer[at:found], None, False
            body = found + HEAD_BYTES
            if len(buffer) < body:
                self._rest = buffer[found:]
                return
            number, flags, length = _HEAD.unpack_from(buffer, found + MARK_BYTES)
            if len(buffer) < body + length:
                self._rest = buffer[found:]
                return
            yield from self._part(number, flags, buffer[body : body + length])
            at = body + length
        kept = self._beginning(buffer, at)
        if len(buffer) - kept > at:
            yield buffer[at : len(buffer) - kept], None, False
        self._rest = buffer[len(buffer) - kept :] if kept else b""

    def rest(self) -> bytes:
        """What is left when nothing follows."""
        rest, self._rest = self._rest, b""
        return rest

    def _part(self, number: int, flags: int, part: bytes) -> Iterator[tuple[bytes, Frame | None, bool]]:
        body = self._parts.pop(number, b"") + part
        if flags & _MORE:
            self._parts[number] = body
            return
        try:
            yield b"", _decoder.decode(body), bool(flags & _STDERR_FIRST)
        except msgspec.DecodeError:
            yield body, None, False  # somebody plays with our mark: then it is theirs

    def _beginning(self, buffer: bytes, at: int) -> int:
        """How many bytes at the end may begin a mark."""
        for length in range(min(MARK_BYTES - 1, len(buffer) - at), 0, -1):
            if buffer.endswith(self._mark[:length]):
                return length
        return 0
