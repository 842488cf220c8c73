"""Figures on their way from a test to docs/proof.md: lines of JSON in a file that the runner names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

VARIABLE = "HEADRACE_PROOF_FIGURES"
Record = Callable[[str, float], None]


class Figure(msgspec.Struct, frozen=True):
    """A measured value; its unit is the last word of the name."""

    name: str
    value: float

    def __str__(self) -> str:
        whole = f"{self.value:,.0f}" if self.value == int(self.value) else f"{self.value:.3g}"
        return f"{whole} {self.name}"


def record(name: str, value: float) -> None:
    """Keep a figure for the page. Outside of a proof nothing is kept."""
    if place := os.environ.get(VARIABLE):
        with Path(place).open("ab") as file:
            file.write(msgspec.json.encode(Figure(name, value)) + b"\n")


def recorded(place: Path) -> tuple[Figure, ...]:
    """The figures in a file; what several tests counted under one name is added up."""
    found: dict[str, float] = {}
    if place.exists():
        for line in place.read_bytes().splitlines():
            figure = msgspec.json.decode(line, type=Figure)
            found[figure.name] = found.get(figure.name, 0) + figure.value
    return tuple(Figure(name, value) for name, value in found.items())
