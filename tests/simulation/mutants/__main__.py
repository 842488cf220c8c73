"""`python -m tests.simulation.mutants [MUTANT ...]`: find the first seed that notices each mutant, for `seeds`."""

from __future__ import annotations

import sys
import time

from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.seeds import WITHIN, caught_by, plan_of


def main() -> int:
    missed = 0
    for name in sys.argv[1:] or sorted(MUTANTS):
        began = time.process_time()
        mutant = MUTANTS[name]
        report = caught_by(mutant, (plan_of(mutant, seed) for seed in range(WITHIN)))
        took_s = time.process_time() - began
        missed += report is None
        found = f"{report.plan.seed},  # {took_s:.1f} s: {report.breaches[0]}" if report else "None,"
        print(f'    "{name}": {found}', flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
