"""Figures of the page from what `benchmarks/pairs.py --json` prints."""

from __future__ import annotations

import msgspec

from tests.proof.figures import Figure


class _Compared(msgspec.Struct):
    name: str
    ratio: float
    low: float
    high: float


class _Benchmark(msgspec.Struct):
    benchmark: str
    pairs: int
    compared: list[_Compared]
    cpu_us_per_task: tuple[float, float] | None = None


def figures_of_pairs(output: str) -> tuple[Figure, ...]:
    """Ratio, interval and processor time of each benchmark. Nothing where it printed no report."""
    lines = [line for line in output.splitlines() if line.startswith("[")]
    if not lines:
        return ()
    found = []
    for one in msgspec.json.decode(lines[-1], type=list[_Benchmark]):
        for figure in one.compared:
            interval = f"{figure.low:.3f} to {figure.high:.3f}, {one.pairs} pairs"
            found.append(Figure(f"of the speed ({interval}): {figure.name}", figure.ratio))
        if one.cpu_us_per_task is not None:
            ours, theirs = one.cpu_us_per_task
            found.append(
                Figure(f"µs of processor time per task of {one.benchmark}, before {theirs:.3g}", ours)
            )
    return tuple(found)
