"""The benchmarks of this tree and of another commit, in turns: how many times as fast we are, and how sure that is.

A machine is slow for a while and quick for a while, so two figures of different hours say little. Here a benchmark
runs once in each tree, one right after the other, and which goes first alternates. The median of the ratios of such
pairs has a 95 % interval by the bootstrap (B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979). Above
1 is faster. The verdict asks whether a loss of more than 3 % can be told from the noise: it holds when the interval
contains 0.97 or lies above it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from _figures import Figure, Report, number
from _processor_time import Usage, watched
from _ratios import Interval, interval, speed
from _trees import Tree, other_tree, this_tree

LEAST = 0.97
ENOUGH = 20
"""Pairs; the interval of fewer is too narrow."""


class Benchmark(msgspec.Struct, frozen=True):
    """How one script is called for a pair, and how many tasks the cluster then does beside a bare round trip."""

    script: str
    arguments: tuple[str, ...] = ()
    tasks: int = 0
    """0: processor time is not told; the script says it itself, or its tasks are not the point."""


BENCHMARKS = {
    one.script: one
    for one in (
        Benchmark("chain", ("--rounds", "5", "--runs", "4"), (3 + 5 * 4) * 40),
        Benchmark("trigger", ("--rounds", "5", "--count", "100"), 50 + 5 * 100),
        Benchmark("runs", ("--rounds", "3"), 3 * (100 + 3 * 1_000)),
        Benchmark("fanout", ("--rounds", "2"), 2 * 3 * 1_002),
        Benchmark("map", ("--large", "20000"), 20_000 + 11 * 1_000),
        Benchmark("fairness", ("--rounds", "1")),
        Benchmark("cpu", ("--rounds", "1")),
        Benchmark("tracing", ("--rounds", "2")),
        Benchmark("idle", ("--seconds", "5", "--runs", "2000")),
        Benchmark("memory"),
        Benchmark("disk", ("--runs", "2000")),
        Benchmark("start", ("--rounds", "1")),
        Benchmark("large_values", ("--rounds", "2", "--mb", "32")),
    )
}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of both trees."""

    name: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    """Median of the pairs' ratios; above 1, ours is better."""
    low: float
    high: float
    holds: bool


class Compare(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark of both trees."""

    benchmark: str
    against: str
    pairs: int
    compared: tuple[Compared, ...] = ()
    cpu_us_per_task: tuple[float, float] | None = None
    """Of coordinator and worker, user and system, without their start: ours and theirs."""
    missing: str = ""
    """Why there is nothing to compare."""


class Turn(msgspec.Struct, frozen=True):
    """One call of a script."""

    figures: dict[str, Figure]
    usage: Usage


def turn(tree: Tree, benchmark: Benchmark) -> Turn:
    command = [tree.python, str(tree.script(benchmark.script)), "--json", *benchmark.arguments]
    environment = tree.environment()
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tree.path, env=environment) as process,
        watched(process.pid) as usage,
    ):
        printed = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"{benchmark.script} of {tree.name} ended with exit code {process.returncode}")
    report = msgspec.json.decode(printed, type=Report)
    return Turn({figure.name: figure for figure in report.figures}, usage)


def in_turns(ours: Tree, theirs: Tree, benchmark: Benchmark, pairs: int) -> Compare:
    """Run the pairs of one benchmark, told on stderr as they end."""
    name = benchmark.script
    if not theirs.script(name).exists():
        return Compare(
            benchmark=name, against=theirs.name, pairs=0, missing=f"{theirs.name} has no such benchmark"
        )
    turns: list[tuple[Turn, Turn]] = []
    for place in range(pairs):
        order = (ours, theirs) if place % 2 == 0 else (theirs, ours)
        done = {tree.name: turn(tree, benchmark) for tree in order}
        turns.append((done[ours.name], done[theirs.name]))
        print(f"{name}: pair {place + 1} of {pairs}", file=sys.stderr, flush=True)
    return Compare(
        benchmark=name,
        against=theirs.name,
        pairs=pairs,
        compared=tuple(_compared(turns)),
        cpu_us_per_task=_cpu_us_per_task(turns, benchmark.tasks),
    )


def _compared(turns: Sequence[tuple[Turn, Turn]]) -> list[Compared]:
    """The figures that both trees measured in every pair."""
    found = []
    for name, figure in turns[0][0].figures.items():
        if not all(name in one.figures for pair in turns for one in pair):
            continue
        values = [(ours.figures[name].value, theirs.figures[name].value) for ours, theirs in turns]
        if any(value <= 0 for pair in values for value in pair):
            continue
        found.append(_figure(name, figure.unit, values))
    return found


def _figure(name: str, unit: str, values: Sequence[tuple[float, float]]) -> Compared:
    within: Interval = interval([speed(unit, *pair) for pair in values])
    ours, theirs = (interval([pair[side] for pair in values]).median for side in (0, 1))
    return Compared(
        name=name,
        unit=unit,
        ours=ours,
        theirs=theirs,
        ratio=within.median,
        low=within.low,
        high=within.high,
        holds=within.high >= LEAST,
    )


def _cpu_us_per_task(turns: Sequence[tuple[Turn, Turn]], tasks: int) -> tuple[float, float] | None:
    if not tasks or not all(one.usage.complete for pair in turns for one in pair):
        return None
    ours, theirs = (
        interval([pair[side].usage.work_s / tasks * 1e6 for pair in turns]).median for side in (0, 1)
    )
    return ours, theirs


def shown(found: Compare) -> str:
    lines = [
        f"{found.benchmark}: {found.pairs} pairs with {found.against}{found.missing and ', ' + found.missing}"
    ]
    for one in found.compared:
        verdict = "holds" if one.holds else "SLOWER"
        lines.append(
            f"  {one.name}: {number(one.ours)} {one.unit}, before {number(one.theirs)}; "
            f"ratio {one.ratio:.3f} ({one.low:.3f} to {one.high:.3f}), {verdict}"
        )
    if found.cpu_us_per_task is not None:
        ours, theirs = found.cpu_us_per_task
        lines.append(f"  processor time per task: {number(ours)} µs, before {number(theirs)} µs")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmarks", nargs="*", metavar="benchmark", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--against", default="5893cfe", help="the other commit (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=20, help="of each benchmark (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if options.pairs < 1:
        parser.error("a comparison takes at least one pair")
    if options.pairs < ENOUGH:
        print(f"fewer than {ENOUGH} pairs: the intervals are too narrow to judge by", file=sys.stderr)
    found = []
    with other_tree(Path(__file__).resolve().parent.parent, options.against) as theirs:
        for name in options.benchmarks or BENCHMARKS:
            found.append(in_turns(this_tree(), theirs, BENCHMARKS[name], options.pairs))
            if not options.json:
                print(shown(found[-1]), flush=True)
    if options.json:
        print(msgspec.json.encode(found).decode())
    return 0 if all(one.holds for compare in found for one in compare.compared) else 1


if __name__ == "__main__":
    sys.exit(main())
