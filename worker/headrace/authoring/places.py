"""Where in the user's files something happened: every definition error names a file and a line."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

_OWN_FOLDER = str(Path(__file__).resolve().parent)


def caller_place() -> str:
    """`file.py:12` of the innermost frame that is not ours: the line of the user's code that called us."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def caller_names() -> dict[str, object]:
    """Local names of the user's code that called us, innermost frame first: annotations may refer to them."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    return dict(frame.f_locals)


def function_place(function: Callable[..., object]) -> str:
    """`path/file.py:12` of a function's definition."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
