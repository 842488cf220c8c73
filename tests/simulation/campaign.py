"""Running seeds, one by one or many at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import msgspec

from tests.simulation.plan import make_plan
from tests.simulation.shrink import shrink
from tests.simulation.simulate import Report, simulate
from tests.simulation.story import tell


class Result(msgspec.Struct, frozen=True):
    """What is kept of a seed."""

    seed: int
    failure: str
    executions: int
    virtual_s: float


def check_seed(seed: int) -> Result:
    """Run a seed, for its verdict alone."""
    report = simulate(make_plan(seed))
    failure = str(report.breaches[0]) if report.failed else ""
    return Result(seed, failure, report.executions, report.ended_s)


def explain(seed: int, *, shrunk: bool = True) -> tuple[Report, str]:
    """Run a seed again with its story, shrunk when it fails."""
    report = simulate(make_plan(seed), story=True)
    if report.failed and shrunk:
        smaller = shrink(report)
        report = simulate(smaller.plan, story=True)
    return report, tell(report, shrunk=shrunk and bool(report.failed))


def run_seeds(seeds: range, jobs: int) -> Iterator[Result]:
    """The seeds' results, as they come."""
    if jobs == 1:
        yield from map(check_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(check_seed, seeds, chunksize=4)
