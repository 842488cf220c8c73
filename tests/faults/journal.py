"""The effects of tasks, as an outsider would see them: one line of JSON in an append-only file for each beginning
and each end of an execution.

What is in the file survives `kill -9`, because the kernel has it. An execution without an end was killed. Its token
is its result: whoever reads a result has read which execution made it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from headrace import context

JOURNAL = "HEADRACE_TEST_JOURNAL"
"""Environment variable: the directory of the journals."""


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A beginning or an end."""

    phase: str
    """`begin`, `ok`, `failed`, or `stopped` when the task saw that it was not wanted any more."""
    run_id: str
    node: str
    attempt: int
    token: str
    at_us: int
    pid: int
    parent: int
    item: int | None = None
    reads: tuple[str, ...] = ()
    """Tokens of the executions whose results came as arguments."""


class Stopped(Exception):
    """The task gives up because its attempt is not wanted any more."""


_encode = msgspec.json.Encoder().encode


def _write(effect: Effect) -> None:
    path = Path(os.environ[JOURNAL]) / f"{effect.pid}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, _encode(effect) + b"\n")
    finally:
        os.close(descriptor)


@contextmanager
def execution(*reads: str) -> Iterator[str]:
    """Journal an execution of the running attempt; gives its token."""
    where = context()
    name = f"{where.run_id}/{where.node}/{'' if where.item is None else where.item}/{where.attempt}"
    token = f"{name}#{os.urandom(6).hex()}"

    def note(phase: str) -> None:
        _write(
            Effect(
                phase=phase,
                run_id=where.run_id,
                node=where.node,
                item=where.item,
                attempt=where.attempt,
                token=token,
                at_us=time.time_ns() // 1_000,
                pid=os.getpid(),
                parent=os.getppid(),
                reads=tuple(value.partition("|")[0] for value in reads) if phase == "begin" else (),
            )
        )

    note("begin")
    try:
        yield token
    except (Stopped, asyncio.CancelledError):
        note("stopped")
        raise
    except BaseException:
        note("failed")
        raise
    note("ok")


def read_journals(directory: Path) -> list[Effect]:
    """Every effect in order of time. A line that a kill cut short cannot be: each was one write."""
    decode = msgspec.json.Decoder(Effect).decode
    lines = (line for file in directory.glob("*.jsonl") for line in file.read_bytes().splitlines())
    return sorted((decode(line) for line in lines), key=lambda effect: effect.at_us)
