"""Durations as people write them: "500ms", "10m", "1h30m", a number of seconds, or a timedelta."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from headrace_protocol.errors import DefinitionError

Duration = str | float | timedelta
"""A text such as "1h30m", a number of seconds, or a timedelta."""

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
EXPECTED = 'a text such as "500ms", "10m", "1h30m" or "2d", a number of seconds, or a timedelta'


def seconds(value: object, where: str) -> float:
    """The duration in seconds, which may be 0; raises DefinitionError, naming `where`, when it is not one."""
    match value:
        case bool():
            found = math.nan
        case int() | float():
            found = float(value)
        case timedelta():
            found = value.total_seconds()
        case str():
            found = _read(value)
        case _:
            found = math.nan
    if not math.isfinite(found) or found < 0:
        raise DefinitionError("not a duration", where=where, found=repr(value), expected=EXPECTED)
    return found


def _read(text: str) -> float:
    compact = text.replace(" ", "")
    if _WHOLE.fullmatch(compact) is None:
        return math.nan
    return round(math.fsum(float(number) * SECONDS[unit] for number, unit in _PART.findall(compact)), 6)
