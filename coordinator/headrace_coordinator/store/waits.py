"""Waiting times in steps of a logarithmic scale: what is added up by step still tells percentiles.

Four steps double a time, so a time read back is at most 9 % off.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2

STEPS_TO_DOUBLE = 4


def wait_step(wait_us: int) -> str:
    """The step of a waiting time, as a tally's state."""
    return str(round(STEPS_TO_DOUBLE * log2(max(1, wait_us))))


def quantile_s(counts: Mapping[str, int], share: float) -> float | None:
    """The waiting time in seconds that a share of all stayed below; None when nothing waited."""
    total = sum(counts.values())
    wanted = ceil(total * share)
    seen = 0
    for step in sorted(counts, key=int):
        seen += counts[step]
        if seen >= wanted and total:
            return float(2 ** (int(step) / STEPS_TO_DOUBLE)) / 1e6
    return None
