"""The stacks that the worker's own thread writes while its loop is blocked (`faulthandler.dump_traceback_later`)."""

from __future__ import annotations

import os

BYTES = 64 * 1024
CHARACTERS = 4_000


class Stacks:
    """The file that they are written to, and what was in it before."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def newest(self) -> str:
        """The stacks of all threads, the main thread's last; empty when none have been written."""
        try:
            size = os.fstat(self._fd).st_size
            text = os.pread(self._fd, BYTES, max(0, size - BYTES)).decode("utf-8", "replace")
        except OSError:
            return ""
        return text.rpartition("Timeout (")[2].partition("!\n")[2].strip()

    def clear(self) -> None:
        """What is written from now on is of another block."""
        try:
            os.ftruncate(self._fd, 0)
        except OSError:
            return


def main_thread(stacks: str) -> str:
    """The stack of the thread that the loop runs on, innermost call first as faulthandler writes it."""
    return _cut(stacks.rpartition("\n\n")[2])


def every_thread(stacks: str) -> str:
    return _cut(stacks)


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[:CHARACTERS] + "\n  ..."
