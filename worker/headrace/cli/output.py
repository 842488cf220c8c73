"""Where text goes, and whether it may be coloured: plain in a pipe, JSON when asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from headrace.cli.failures import in_color
from headrace_protocol.printable import printable, printable_json

Row = Sequence[str]

STATE_COLOURS = {
    "running": "36",
    "ready": "36",
    "dispatched": "36",
    "queued": "2",
    "no free slot": "33",
    "no worker": "31",
    "no worker has it": "31",
    "lost": "31",
    "mapping": "36",
    "collecting": "36",
    "retrying": "33",
    "succeeded": "32",
    "live": "32",
    "failed": "31",
    "upstream_failed": "31",
    "silent": "31",
    "cancelled": "35",
    "draining": "33",
}


def say(*lines: str) -> None:
    """Print lines on stdout, with what a terminal would obey escaped."""
    sys.stdout.write("".join(printable(line) + "\n" for line in lines))


def note(*lines: str) -> None:
    """Print lines on stderr: what is not the answer itself."""
    sys.stderr.write("".join(printable(line) + "\n" for line in lines))
    sys.stderr.flush()


def flush() -> None:
    """Let a reader see now what was printed."""
    sys.stdout.flush()


def say_json(body: bytes) -> None:
    """Print JSON as it came, indented."""
    say(printable_json(msgspec.json.format(body, indent=2).decode()))


def as_json(value: object) -> str:
    """A value on one line, whatever it holds."""
    try:
        return printable_json(msgspec.json.encode(value).decode())
    except (TypeError, ValueError):
        return repr(value)


def paint(text: str, colour: str) -> str:
    """Text in an SGR colour, when stdout is a terminal."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and in_color(sys.stdout) else text


def dim(text: str) -> str:
    return paint(text, "2")


def bold(text: str) -> str:
    return paint(text, "1")


def state(text: str) -> str:
    """A state in its colour."""
    return paint(text, STATE_COLOURS.get(text, ""))


def table(headings: Row, rows: Sequence[Row]) -> list[str]:
    """Lines of aligned columns. A cell that is a state is coloured; columns of numbers are aligned right."""
    headings, *rows = ([printable(cell) for cell in row] for row in (headings, *rows))
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    right = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(headings))]
    lines = [dim(_line(headings, widths, right))]
    lines += [_line(row, widths, right, colour=True) for row in rows]
    return lines


def _line(cells: Row, widths: Sequence[int], right: Sequence[bool], *, colour: bool = False) -> str:
    shown = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        last = index == len(cells) - 1
        padding = " " * (width - len(cell))
        text = state(cell) if colour else cell
        shown.append(padding + text if right[index] else text + ("" if last else padding))
    return "  ".join(shown).rstrip()


def _is_number(text: str) -> bool:
    return text in {"", "-"} or text.replace(",", "").replace(".", "").replace("/", "").isdigit()
