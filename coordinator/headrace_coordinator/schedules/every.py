"""Intervals aligned to an anchor."""

from __future__ import annotations

import math

from headrace_protocol.errors import ScheduleError

US_PER_S = 1_000_000

SHORTEST_S = 0.001
LONGEST_S = 100 * 366 * 86_400.0
"""A century: longer than anyone waits, short enough for every fire time to be a date."""


def check_every(every_s: float, *, where: str = "") -> None:
    """Raise `ScheduleError` unless the interval is a finite time between a millisecond and a century."""
    if not (math.isfinite(every_s) and SHORTEST_S <= every_s <= LONGEST_S):
        raise ScheduleError(
            "the interval cannot be used",
            where=where,
            found=f"{every_s} s",
            expected=f"between {SHORTEST_S} s and {LONGEST_S:.0f} s",
            fix='Give a duration such as every("10m").',
        )


def next_every_fire_us(every_s: float, anchor_us: int, after_us: int) -> int:
    """The first `anchor + n * every` (n >= 0) that is later than `after_us`."""
    check_every(every_s)
    if after_us < anchor_us:
        return anchor_us
    every_us = round(every_s * US_PER_S)
    return anchor_us + ((after_us - anchor_us) // every_us + 1) * every_us
