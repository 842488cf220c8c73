"""The processor time of a benchmark's coordinator and workers, seen from outside: scripts of old commits do not tell.

What they use until the bare round trip's worker starts is their start, and is taken off. A benchmark without a bare
round trip has no such moment, and nothing is told of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from _usage import cpu_s

EVERY_S = 0.05


class Usage:
    """So far."""

    def __init__(self) -> None:
        self._used: dict[int, float] = {}
        self._start_s: float | None = None

    @property
    def complete(self) -> bool:
        """Whether it is known what the start took."""
        return self._start_s is not None

    @property
    def work_s(self) -> float:
        """Since the start."""
        return sum(self._used.values()) - (self._start_s or 0.0)

    def look(self, root: int) -> None:
        bare = False
        for pid, command in _below(root):
            if "_process.py" in command:
                with suppress(FileNotFoundError, ProcessLookupError):
                    self._used[pid] = cpu_s(pid)
            bare = bare or "_bare.py" in command
        if bare and self._start_s is None:
            self._start_s = sum(self._used.values())


@contextmanager
def watched(pid: int) -> Iterator[Usage]:
    """Look at the processes below one until the block ends."""
    usage, over = Usage(), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_S):
            usage.look(pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        over.set()
        thread.join()


def _below(root: int) -> Iterator[tuple[int, str]]:
    """Every process below one, with its command line."""
    left = [root]
    while left:
        pid = left.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                left += map(int, (thread / "children").read_text().split())
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
