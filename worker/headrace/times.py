"""The time that a run is for, as params of workflows and parameters of tasks.

    @workflow(triggers=[cron("0 6 * * *", tz="Europe/Berlin")])
    def nightly(interval: DataInterval, at: ScheduledAt) -> str:
        return load(interval.start, interval.end)

A schedule fills both. A run that is started by hand or by an event has what it was given: `headrace run nightly
--interval FROM TO`, or the params themselves. With `| None = None` such a run gets None.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import msgspec

from headrace_protocol.interval import INTERVAL, SCHEDULED_AT, Interval, moment


class TimeOfRun(msgspec.Struct, frozen=True):
    """Marks a type that the run's own time fills."""

    source: str


class DataInterval(msgspec.Struct, frozen=True, order=True):
    """The data that a run covers: from `start` on, before `end` (half open). Both have a time zone, UTC where a
    schedule gave them.

    The interval of a fire time begins with the fire time before it: the intervals of one schedule adjoin.
    """

    start: Annotated[datetime, msgspec.Meta(tz=True)]
    end: Annotated[datetime, msgspec.Meta(tz=True)]

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


ScheduledAt = Annotated[datetime, msgspec.Meta(tz=True), TimeOfRun(SCHEDULED_AT)]
"""A `datetime`: the fire time of the schedule that started the run, which is not when it started."""


def interval_from(given: Interval | None) -> DataInterval | None:
    """The interval of a message."""
    return None if given is None else DataInterval(moment(given.start_us), moment(given.end_us))


def time_of(form: object) -> str:
    """Which time of the run fills a param of this type, also of a union with it; empty when none does."""
    union = get_origin(form) in {Union, UnionType}
    for part in get_args(form) if union else (form,):
        marks = [mark for mark in getattr(part, "__metadata__", ()) if isinstance(mark, TimeOfRun)]
        if marks:
            return marks[0].source
        if part is DataInterval:
            return INTERVAL
    return ""
