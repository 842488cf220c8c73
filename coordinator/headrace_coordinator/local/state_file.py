"""`.headrace/dev.json`: how other commands find a running `headrace dev`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from headrace_protocol.errors import Conflict

FOLDER = Path(".headrace")
NAME = "dev.json"


class DevState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of a running `headrace dev` are."""

    pid: int
    api: str
    nats: str
    data: str
    namespace: str = "default"
    coordinator_pid: int | None = None
    nats_pid: int | None = None
    worker_pids: tuple[int, ...] = ()


def write(path: Path, state: DevState) -> None:
    """Write the file in one step: a reader sees the old or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
    partial.replace(path)


def remove(path: Path) -> None:
    """Remove our own file, and its folder when nothing else is in it."""
    state = read(path)
    if state is not None and state.pid == os.getpid():
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def read(path: Path) -> DevState | None:
    """What the file says; None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DevState)
    except (OSError, msgspec.MsgspecError):
        return None


def refuse_second(path: Path, data: Path) -> None:
    """Raises Conflict when the `headrace dev` of the file still runs on the same data."""
    state = read(path)
    if state is None or Path(state.data) != data:
        return
    try:
        os.kill(state.pid, 0)
    except ProcessLookupError:
        return
    except PermissionError:
        pass
    raise Conflict(
        "headrace dev runs here already",
        where=str(path),
        found=f"process {state.pid}, API at {state.api}",
        expected="one headrace dev for a data directory",
        fix="Use it, stop it with ctrl-C, or start this one with another --data directory.",
    )
