"""Ratios of pairs: which way is better, and the interval of their median."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

import msgspec

RESAMPLES = 2_000
SHARE = 0.95


class Interval(msgspec.Struct, frozen=True):
    """A median and where it lies with 95 % confidence."""

    median: float
    low: float
    high: float


def speed(unit: str, ours: float, theirs: float) -> float:
    """How many times as good ours is: rates are better when they are higher, times and sizes when they are lower."""
    return ours / theirs if unit.endswith("/s") else theirs / ours


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The percentile bootstrap of the median. The same values give the same interval."""
    if not values:
        raise ValueError("an interval wants at least one value")
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    cut = round((1 - SHARE) / 2 * RESAMPLES)
    return Interval(statistics.median(values), medians[cut], medians[-1 - cut])
