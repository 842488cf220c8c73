"""`python -m tests.simulation.mutants [MUTANT ...]`: find the first seed that notices each mutant, for `seeds`."""

from __future__ import annotations

import sys
import time

from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.seeds import WITHIN, caught_by


def main() -> int:
    missed = 0
    for name in sys.argv[1:] or sorted(MUTANTS):
        began = time.process_time()
        report = caught_by(MUTANTS[name], range(WITHIN))
        took_s = time.process_time() - began
        missed += report is None
        found = f"{report.plan.seed},  # {report.breaches[0].invariant}" if report else "None,"
        print(f'    "{name}": {found} ({took_s:.1f} s)', flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
