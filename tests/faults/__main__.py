"""`python -m tests.faults --seconds 300 --seed N`: chaos on real processes; exit code 1 when an invariant broke."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.faults.campaign import Plan, Report, chaos

SHOWN = 10
LONGEST_PAUSE_S = 12.0
"""Longer than a coordinator's lease on its shards."""


def _print(report: Report, directory: Path, plan: Plan) -> None:
    print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    for name, breaches in report.breaches.items():
        print(f"{name}: {len(breaches)} breaches", file=sys.stderr)
        for breach in breaches[:SHOWN]:
            print(f"  {breach}", file=sys.stderr)
    verdict = "every invariant held" if not report.breaches else f"broken: {', '.join(report.breaches)}"
    print(
        f"{verdict}; the same faults again: python -m tests.faults --seconds {plan.seconds:g} --seed {plan.seed}",
        file=sys.stderr,
    )
    if report.breaches:
        print(f"store, journals and logs are in {directory}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="just chaos", description="Break real processes under load.")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default: 300)")
    parser.add_argument("--seed", type=int, help="which faults, and when (default: a new one)")
    parser.add_argument("--rate", type=float, default=4.0, help="runs asked for each second (default: 4)")
    parser.add_argument("--every", type=float, default=2.0, help="mean seconds between faults (default: 2)")
    parser.add_argument("--shards", type=int, default=1, help="of the coordinator (default: 1)")
    parser.add_argument("--keep", action="store_true", help="keep store, journals and logs")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    plan = Plan(
        seed=seed,
        seconds=options.seconds,
        runs_per_s=options.rate,
        strike_every_s=options.every,
        longest_pause_s=LONGEST_PAUSE_S,
        shards=options.shards,
    )
    directory = Path(tempfile.mkdtemp(prefix="headrace-chaos-"))
    print(f"seed {seed}, {plan.seconds:g} s, in {directory}", file=sys.stderr)
    report, _ = asyncio.run(chaos(directory, plan))
    _print(report, directory, plan)
    if not report.breaches and not options.keep:
        shutil.rmtree(directory)
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
