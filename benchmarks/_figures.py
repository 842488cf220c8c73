"""Figures: what was measured, beside what, against which target; as text or JSON."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import uvloop


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured figure."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    """The bare round trip of the same run, in the same unit, or what else `against` names."""
    against: str = ""
    ratio: float | None = None
    """Median of the ratios of neighbouring rounds, so that a machine that is slow for a while slows both."""
    ratios: tuple[float, ...] = ()
    limit: float | None = None
    """What the ratio, or without one the value, is held to."""
    at_least: bool = False
    """The limit is a lower one."""

    @property
    def held(self) -> float:
        return self.value if self.ratio is None else self.ratio

    @property
    def holds(self) -> bool | None:
        if self.limit is None:
            return None
        return self.held >= self.limit if self.at_least else self.held <= self.limit


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one script measured."""

    benchmark: str
    claim: str
    figures: tuple[Figure, ...]
    load: float = 0.0
    """The machine's load average at the end: above the number of processes of the benchmark, others were
    busy too."""


def compared(
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    *,
    limit: float | None = None,
    at_least: bool = False,
    against: str = "bare round trip",
) -> Figure:
    """A figure of rounds that were measured beside the baseline's: (value, baseline)."""
    ratios = tuple(round(value / baseline, 3) for value, baseline in pairs)
    return Figure(
        name=name,
        value=statistics.median(value for value, _ in pairs),
        unit=unit,
        baseline=statistics.median(baseline for _, baseline in pairs),
        against=against,
        ratio=statistics.median(ratios),
        ratios=ratios,
        limit=limit,
        at_least=at_least,
    )


def shown(figure: Figure) -> str:
    text = f"  {figure.name}: {number(figure.value)} {figure.unit}"
    if figure.baseline is not None and figure.ratio is not None:
        text += f"   {figure.against} {number(figure.baseline)} {figure.unit}   ratio {figure.ratio:.2f}"
        if len(figure.ratios) > 1:
            text += f" ({min(figure.ratios):.2f} to {max(figure.ratios):.2f})"
    if figure.limit is not None:
        word = "at least" if figure.at_least else "at most"
        text += f"   {word} {number(figure.limit)}: {'holds' if figure.holds else 'DOES NOT HOLD'}"
    return text


def number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def run(
    benchmark: str,
    claim: str,
    measure: Callable[[argparse.Namespace], Awaitable[Sequence[Figure]]],
    *options: tuple[str, dict[str, object]],
    gate: bool = False,
) -> None:
    """Parse the arguments, measure, print. With `gate`, a limit that does not hold is a failure."""
    parser = argparse.ArgumentParser(description=claim)
    parser.add_argument("--json", action="store_true", help="print JSON")
    for flag, settings in options:
        parser.add_argument(flag, **settings)  # type: ignore[arg-type]
    arguments = parser.parse_args()

    async def main() -> Sequence[Figure]:
        return await measure(arguments)

    figures = uvloop.run(main())
    report = Report(
        benchmark=benchmark, claim=claim, figures=tuple(figures), load=round(os.getloadavg()[0], 2)
    )
    if arguments.json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        print(f"{benchmark}: {claim}")
        for figure in report.figures:
            print(shown(figure))
    if gate and any(figure.holds is False for figure in report.figures):
        sys.exit(1)
