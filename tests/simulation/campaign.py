"""Running seeds, one by one or many at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from tests.simulation.plan import NEVER_CALLBACKS, Plan, crash_plan, make_plan
from tests.simulation.shrink import shrink
from tests.simulation.simulate import Report, simulate
from tests.simulation.story import tell

T = TypeVar("T")


class Result(msgspec.Struct, frozen=True):
    """What is kept of a seed."""

    seed: int
    crash: str
    failure: str
    executions: int
    virtual_s: float


def check_seed(seed: int) -> Result:
    """Run a seed, for its verdict alone."""
    return _check(make_plan(seed))


def check_crash(point: tuple[int, str, int]) -> Result:
    """Run a seed with one crash: seed, process, callbacks."""
    return _check(crash_plan(*point))


def _check(plan: Plan) -> Result:
    report = simulate(plan)
    failure = str(report.breaches[0]) if report.failed else ""
    return Result(plan.seed, plan.crash, failure, report.executions, report.ended_s)


def crash_points(seed: int, stride: int = 1) -> list[tuple[int, str, int]]:
    """A crash of each process after each of its callbacks: wherever it awaits something."""
    quiet = simulate(crash_plan(seed, "coordinator-0", NEVER_CALLBACKS))
    counted = {who: count for who, count in quiet.callbacks.items() if who != "user"}
    return [(seed, who, callbacks) for who, count in counted.items() for callbacks in range(0, count, stride)]


def explain(plan: Plan, *, shrunk: bool = True) -> tuple[Report, str]:
    """Run a plan again with its story, shrunk when it fails."""
    report = simulate(plan, story=True)
    if report.failed and shrunk:
        smaller = shrink(report)
        report = simulate(smaller.plan, story=True)
    return report, tell(report, shrunk=shrunk and bool(report.failed))


def run_all(check: Callable[[T], Result], cases: Sequence[T], jobs: int) -> Iterator[Result]:
    """The results of seeds or crashes, as they come."""
    if jobs == 1:
        yield from map(check, cases)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(check, cases, chunksize=4)
