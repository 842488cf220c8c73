"""`python -m tests.simulation [COUNT]`: run seeds; `--seed N`: one of them, with its story; `--seed N --crash
everywhere`: one of them without its misfortunes, with a crash at every await of every process."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from tests.proof.figures import record
from tests.simulation.campaign import Result, T, check_crash, check_seed, crash_points, explain, run_all
from tests.simulation.plan import Plan, crash_plan, make_plan

WIDTH = 40
SHOWN = 10


def _run_many(check: Callable[[T], Result], cases: Sequence[T], jobs: int) -> int:
    began = time.monotonic()
    failures: list[Result] = []
    executions, virtual_s = 0, 0.0
    progress = _Progress(len(cases), began)
    for done, result in enumerate(run_all(check, cases, jobs), 1):
        executions += result.executions
        virtual_s += result.virtual_s
        if result.failure:
            failures.append(result)
            progress.say(f"{_named(result)} fails: {result.failure}")
        progress.show(done, len(failures))
    progress.end()
    took_s = time.monotonic() - began
    print(
        f"{len(cases)} seeds in {took_s:.1f} s ({len(cases) / took_s:.1f} seeds/s): {len(failures)} failed; "
        f"{executions} attempts executed, {virtual_s / 3600:.1f} simulated hours"
    )
    record("seeds", len(cases))
    record("seeds failed", len(failures))
    record("attempts executed", executions)
    record("simulated hours", round(virtual_s / 3600, 1))
    if not failures:
        return 0
    print(f"\nfailed: {', '.join(_named(result) for result in failures[:SHOWN])}\n")
    first = min(failures, key=lambda result: (result.seed, result.crash))
    print(explain(_plan(first.seed, first.crash))[1])
    return 1


def _named(result: Result) -> str:
    return f"seed {result.seed}" + (f" --crash {result.crash}" if result.crash else "")


def _plan(seed: int, crash: str) -> Plan:
    who, _, callbacks = crash.partition(":")
    return crash_plan(seed, who, int(callbacks)) if crash else make_plan(seed)


class _Progress:
    """A bar on a terminal; a line every tenth elsewhere."""

    def __init__(self, total: int, began: float) -> None:
        self._total = total
        self._began = began
        self._bar = sys.stdout.isatty()
        self._told = 0

    def show(self, done: int, failed: int) -> None:
        rate = done / max(1e-9, time.monotonic() - self._began)
        counts = f"{done}/{self._total}  {rate:.1f} seeds/s  {failed} failed"
        if self._bar:
            filled = WIDTH * done // self._total
            print(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {counts} ", end="", flush=True)
        elif done * 10 // self._total > self._told:
            self._told = done * 10 // self._total
            print(counts, flush=True)

    def say(self, line: str) -> None:
        print(f"\r{line[:300]}" if self._bar else line[:300], flush=True)

    def end(self) -> None:
        if self._bar:
            print()


def main() -> int:
    parser = argparse.ArgumentParser(prog="just sim", description="Simulate the whole system from seeds.")
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many seeds (default: 100)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seed", type=int, help="run this seed alone and tell its story")
    parser.add_argument(
        "--crash",
        default="",
        help="with --seed: `everywhere`, or PROCESS:CALLBACKS, such as coordinator-0:17",
    )
    parser.add_argument("--whole", action="store_true", help="with --seed: do not shrink a failure")
    options = parser.parse_args()
    if options.seed is None:
        return _run_many(check_seed, range(options.first, options.first + options.count), options.jobs)
    if options.crash == "everywhere":
        return _run_many(check_crash, crash_points(options.seed), options.jobs)
    report, story = explain(_plan(options.seed, options.crash), shrunk=not options.whole)
    print(story)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
