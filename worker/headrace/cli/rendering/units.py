"""Times, durations and sizes for people."""

from __future__ import annotations

import time
from datetime import datetime

SHORT_ID = 10
VERSION_CHARACTERS = 12


def duration(seconds: float | None) -> str:
    """`8 ms`, `1.4 s`, `3 min 20 s`, `2 h 05 min`, `4 d 3 h`; `-` for None."""
    if seconds is None:
        return "-"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 60:
        return f"{minutes} min {whole % 60:02d} s"
    if hours < 48:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours % 24} h"


def ago(at_us: int, now_us: int | None = None) -> str:
    """How long ago a time was, or how far ahead it is."""
    passed_s = ((now_us if now_us is not None else time.time_ns() // 1_000) - at_us) / 1e6
    if abs(passed_s) < 1:
        return "now"
    return f"{duration(passed_s)} ago" if passed_s > 0 else f"in {duration(-passed_s)}"


def clock(at_us: int) -> str:
    """The local time of day, with milliseconds."""
    return datetime.fromtimestamp(at_us / 1e6).astimezone().strftime("%H:%M:%S.%f")[:-3]


def moment(at_us: int) -> str:
    """Local date and time."""
    return datetime.fromtimestamp(at_us / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(size_bytes: int) -> str:
    """A number of bytes in the largest unit that leaves three digits."""
    value, units = float(size_bytes), ("B", "KB", "MB", "GB", "TB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1024
    return f"{size_bytes} B"


def short(run_id: str) -> str:
    """A run id as lists show it: long enough to be unique, and accepted by every command."""
    return run_id[:SHORT_ID]


def clip(text: str, width: int) -> str:
    """The first line of a text, cut to a width."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= width else first[: max(0, width - 1)] + "…"
