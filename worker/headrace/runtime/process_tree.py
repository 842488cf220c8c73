"""Ending a process together with everything that it started.

The group takes everything that stayed in it, at once. What left it (`setsid`, a daemon) is found below the leader in
`/proc`, where there is one: a leader that is a *subreaper* keeps what its own children leave behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 20
"""A tree that still grows after so many looks grows faster than it can be ended."""
_PROC = Path("/proc")


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends (Linux; elsewhere nothing)."""
    _prctl(PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of what this process' children leave behind (Linux; elsewhere nothing)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Everything below a process, parents first; empty where there is no `/proc`."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        fields = stat_of(int(entry.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    level = children.get(pid, [])
    while level:
        found += level
        level = [child for parent in level for child in children.get(parent, [])]
    return found


def stat_of(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` from the state on (proc(5), field 3); empty when it cannot be read."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def kill_tree(leader: int, *, spare: int = 0) -> None:
    """SIGKILL to a process, its group when it leads one, and all its descendants but the one to be spared. It is
    stopped first, so that the tree does not grow from its root meanwhile."""
    send(leader, signal.SIGSTOP)
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in descendants(leader) if pid not in killed and pid != spare]
        if not found:
            break
        for pid in found:
            send(pid, signal.SIGKILL)
        killed.update(found)
    kill_group(leader)
    send(leader, signal.SIGKILL)


def kill_descendants() -> None:
    """SIGKILL to everything below this process."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in descendants(os.getpid()) if pid not in killed]
        if not found:
            return
        for pid in found:
            send(pid, signal.SIGKILL)
        killed.update(found)


def kill_group(leader: int) -> None:
    """SIGKILL to what is left of a group, also when its leader has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> None:
    """A signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
