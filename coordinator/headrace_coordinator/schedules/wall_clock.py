"""What the wall clock of a zone shows, and when it jumps. Instants are whole seconds since the epoch."""

from __future__ import annotations

import difflib
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from headrace_protocol.errors import ScheduleError


@lru_cache(maxsize=1024)
def zone_named(tz: str) -> ZoneInfo:
    """The zone of the IANA database, or `ScheduleError`."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise unknown_zone(tz) from None


def unknown_zone(tz: str) -> ScheduleError:
    known = available_timezones()
    if not known:
        fix = "Install the time zone database: pip install tzdata."
    elif close := difflib.get_close_matches(tz, known, n=1):
        fix = f'Did you mean "{close[0]}"?'
    else:
        fix = 'Name a city of the zone, such as "Europe/Berlin", or use "UTC".'
    return ScheduleError(
        "there is no such time zone",
        found=repr(tz),
        expected="a name of the IANA time zone database",
        fix=fix,
    )


def shown_at(instant_s: int, zone: ZoneInfo) -> datetime:
    """What the clock shows, without its zone; `fold` is 1 in the second pass of a repeated stretch."""
    return datetime.fromtimestamp(instant_s, zone).replace(tzinfo=None)


def instants_of(shown: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The instants at which the clock shows a time, read with the offset before and after a jump nearby.

    They are equal for a usual time. The first is earlier for a time that is shown twice, and later for a time
    that is never shown: the jump then lies after the second and not after the first (PEP 495).
    """
    before = shown.replace(tzinfo=zone, fold=0).timestamp()
    after = shown.replace(tzinfo=zone, fold=1).timestamp()
    return int(before), int(after)


def jump_between(early_s: int, late_s: int, zone: ZoneInfo) -> int:
    """The first instant after `early_s`, up to `late_s`, with another offset than `early_s` has."""
    offset = datetime.fromtimestamp(early_s, zone).utcoffset()
    while late_s - early_s > 1:
        middle = (early_s + late_s) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            early_s = middle
        else:
            late_s = middle
    return late_s
