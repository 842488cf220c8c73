"""The data interval of a fire time: from the fire time before it on, up to and without the fire time itself.

A run that a schedule starts when an interval is over can so read everything that has come since the run before,
once. Fire times that catch-up leaves out have intervals of their own, which no run covers.
"""

from __future__ import annotations

from headrace_coordinator.schedules.cron import next_cron_fire_us
from headrace_protocol.definition import CronTrigger, EveryTrigger
from headrace_protocol.interval import Interval

FIRST_LOOK_US = 60_000_000
LONGEST_LOOK_US = 60 * 366 * 86_400_000_000
"""Further back than the longest gap: 29 February on a given weekday comes every 40 years at the latest."""


def interval_of(schedule: CronTrigger | EveryTrigger, fire_us: int) -> Interval:
    """The interval of one of the schedule's fire times."""
    if isinstance(schedule, EveryTrigger):
        return Interval(fire_us - round(schedule.every_s * 1e6), fire_us)
    return Interval(previous_cron_fire_us(schedule.expression, schedule.tz, fire_us), fire_us)


def previous_cron_fire_us(expression: str, tz: str, before_us: int) -> int:
    """The last fire time before one, found by looking forward from further and further back.

    `before_us` itself where there is none within 60 years.
    """
    look_us = FIRST_LOOK_US
    while look_us <= LONGEST_LOOK_US:
        fire_us = next_cron_fire_us(expression, tz, before_us - look_us)
        if fire_us < before_us:
            while (following_us := next_cron_fire_us(expression, tz, fire_us)) < before_us:
                fire_us = following_us
            return fire_us
        look_us *= 2
    return before_us
