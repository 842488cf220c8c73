"""Where in the user's files something happened: every definition error names a file and a line."""

from __future__ import annotations

import inspect
import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dis import EXTENDED_ARG
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

import msgspec

_OWN_FOLDER = str(Path(__file__).resolve().parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class Position(msgspec.Struct, frozen=True):
    """A span of source: lines from 1, columns from 0 in bytes of UTF-8, as the syntax tree counts them.

    The columns are None where Python keeps none (`-X no_debug_ranges`).
    """

    file: str
    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    opcode: int = 0
    """What the interpreter was doing there, and with which argument."""
    argument: int = 0

    @property
    def where(self) -> str:
        """`file.py:12:9`, the column as editors count it."""
        place = f"{Path(self.file).name}:{self.line}"
        if self.column is None:
            return place
        text = linecache.getline(self.file, self.line).encode()
        before = len(text[: self.column].decode(errors="replace")) if text else self.column
        return f"{place}:{before + 1}"

    @property
    def text(self) -> str:
        """The line, stripped; empty where there is no source."""
        return linecache.getline(self.file, self.line).strip()


def caller_place() -> str:
    """`file.py:12` of the innermost frame that is not ours: the line of the user's code that called us."""
    frame = _caller()
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def caller_names() -> dict[str, object]:
    """Local names of the user's code that called us, innermost frame first: annotations may refer to them."""
    return dict(_caller().f_locals)


def caller_position() -> tuple[CodeType, Position]:
    """What of the user's code is being executed, also where it called us by way of a library."""
    frames = list(_above())
    frame = next((frame for frame in frames if not _foreign(frame)), frames[0])
    return frame.f_code, position_in(frame.f_code, frame.f_lasti, frame.f_lineno)


def position_of(error: BaseException) -> Position | None:
    """Where in the user's code an error was raised, also by a library that it called."""
    entry = error.__traceback__
    while entry is not None and _foreign(entry.tb_frame):
        entry = entry.tb_next
    return None if entry is None else position_in(entry.tb_frame.f_code, entry.tb_lasti, entry.tb_lineno)


def position_in(code: CodeType, offset: int, line: int) -> Position:
    """The position of the instruction at an offset of the code."""
    found = next(islice(code.co_positions(), offset // 2, None), None) if offset >= 0 else None
    if found is None or found[0] is None:
        return Position(code.co_filename, line)
    start, end, column, end_column = found
    opcode, argument = code.co_code[offset : offset + 2]
    if offset >= 2 and code.co_code[offset - 2] == EXTENDED_ARG:
        argument |= code.co_code[offset - 1] << 8
    return Position(code.co_filename, start or line, column, end, end_column, opcode, argument)


def function_place(function: Callable[..., object]) -> str:
    """`path/file.py:12` of a function's definition."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _caller() -> FrameType:
    return next(_above())


def _above() -> Iterator[FrameType]:
    """The frames between the innermost of ours and the next of ours, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None and _own(frame):
        frame = frame.f_back
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is not None and _own(frame):
            return


def _own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN_FOLDER)


def _foreign(frame: FrameType) -> bool:
    return _own(frame) or frame.f_code.co_filename.startswith(_LIBRARIES)
