"""What `headrace dev` prints: its own lines, and those of its parts with their names before them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

import msgspec
import typer

from headrace_protocol.printable import printable

NAME_WIDTH = 11
_COLOURS = ("cyan", "green", "magenta", "blue", "yellow")
_QUIET_LEVELS = frozenset({"debug", "info"})


class _LogRecord(msgspec.Struct):
    """A line of the coordinator's log."""

    event: str
    level: str
    logger: str = ""
    exception: str = ""


class Terminal:
    """Lines on stdout, coloured in a terminal only."""

    def tell(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._print("headrace", text, bold=True)

    def line(self, part: str, text: str) -> None:
        """A line that a part printed. Of the coordinator's log only warnings and errors are shown."""
        record = _record(text)
        if record is None:
            self._print(part, text)
        elif record.level not in _QUIET_LEVELS:
            shown = f"{record.level}: {record.event}"
            self._print(part, f"{shown}\n{record.exception}" if record.exception else shown)

    def _print(self, part: str, text: str, *, bold: bool = False) -> None:
        name = typer.style(f"{part:<{NAME_WIDTH}} │", fg=_colour(part), bold=bold)
        # A terminal that was closed must not keep us from stopping in order.
        with contextlib.suppress(OSError):
            for line in printable(text).split("\n"):
                typer.echo(f"{name} {line}")


def _colour(part: str) -> str:
    return "white" if part == "headrace" else _COLOURS[sum(part.encode()) % len(_COLOURS)]


def _record(text: str) -> _LogRecord | None:
    if not text.startswith("{"):
        return None
    try:
        return msgspec.json.decode(text, type=_LogRecord)
    except (msgspec.MsgspecError, ValueError):
        return None


def seconds_since_start() -> float:
    """How long this process has been alive, the start of Python included."""
    if sys.platform != "linux":
        return time.process_time()
    # Field 22 of proc_pid_stat(5), counted from the one after the name, which may itself hold spaces.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
