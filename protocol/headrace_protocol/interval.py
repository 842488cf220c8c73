"""The time that a run is for: when it was scheduled, and the interval of data that it covers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

SCHEDULED_AT = "scheduled_at"
INTERVAL = "interval"
TIMES = (SCHEDULED_AT, INTERVAL)
"""What `WorkflowDefinition.times` may fill a param with."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Interval(msgspec.Struct, frozen=True, gc=False):
    """Half open: from `start_us` on, before `end_us`; microseconds since the epoch."""

    start_us: int
    end_us: int


def moment(at_us: int) -> datetime:
    """The instant in UTC; raises OverflowError beyond the year 9999."""
    return _EPOCH + timedelta(microseconds=at_us)


def microseconds(at: datetime) -> int:
    """Since the epoch; a time without a zone counts as UTC."""
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def time_params(
    times: Mapping[str, str], scheduled_at_us: int | None, interval: Interval | None
) -> dict[str, object]:
    """Values of the params that a run's times fill, as JSON has them: RFC 3339 texts in UTC.

    A param whose time the run does not have is left out.
    """
    known: dict[str, object] = {}
    if scheduled_at_us is not None:
        known[SCHEDULED_AT] = _text(scheduled_at_us)
    if interval is not None:
        known[INTERVAL] = {"start": _text(interval.start_us), "end": _text(interval.end_us)}
    return {name: known[source] for name, source in times.items() if source in known}


def _text(at_us: int) -> str:
    return moment(at_us).isoformat().replace("+00:00", "Z")
