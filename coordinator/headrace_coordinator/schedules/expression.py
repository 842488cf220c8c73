"""Reading a cron expression, and matching it against a wall clock that never jumps."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

from headrace_protocol.errors import ErrorCode, ScheduleError

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

FIELDS = {
    Field.SECOND: ("second", "0 to 59"),
    Field.MINUTE: ("minute", "0 to 59"),
    Field.HOUR: ("hour", "0 to 23"),
    Field.DAY: ("day of the month", "1 to 31, L or LW"),
    Field.MONTH: ("month", "1 to 12 or JAN to DEC"),
    Field.DOW: ("day of the week", "0 to 7 (0 and 7 are Sunday), SUN to SAT, 5L or 5#2"),
}

LONGEST_EXPRESSION = 256
"""Characters; also keeps numbers short enough for `int`."""

SEARCH_START = datetime.combine(date(2000, 1, 1), time())
SEARCHED_YEARS = 50
"""A 29 February falls on a given weekday every 28 years, or 40 where a century's leap day is left out."""

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


class CronExpression:
    """A cron expression as a set of wall clock times.

    cronsim reads the expression and knows its days. The step from one time to the next is ours:
    cronsim walks it hour by hour, and in a zone misses hours next to a jump of 30 minutes.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._fields = _read(text)
        self._hours = sorted(self._fields.hours)
        self._minutes = sorted(self._fields.minutes)
        self._seconds = sorted(self._fields.seconds)
        self._first_time = time(self._hours[0], self._minutes[0], self._seconds[0])
        self.has_fixed_hour = not self._fields.parts[Field.HOUR].startswith("*") and len(self._hours) < 24

    def next_shown(self, shown: datetime) -> datetime:
        """The first matching time after `shown`, on a clock without jumps."""
        shown += SECOND
        day = shown.date()
        if day.month in self._fields.months and self._fields.match_day(day):
            later = self._time_from(shown.hour, shown.minute, shown.second)
            if later is not None:
                return datetime.combine(day, later)
        return datetime.combine(self._day_after(day), self._first_time)

    def _time_from(self, hour: int, minute: int, second: int) -> time | None:
        """The first matching time of the day that is not before the one given."""
        hour_at = bisect_left(self._hours, hour)
        if hour_at < len(self._hours) and self._hours[hour_at] == hour:
            minute_at = bisect_left(self._minutes, minute)
            if minute_at < len(self._minutes) and self._minutes[minute_at] == minute:
                second_at = bisect_left(self._seconds, second)
                if second_at < len(self._seconds):
                    return time(hour, minute, self._seconds[second_at])
                minute_at += 1
            if minute_at < len(self._minutes):
                return time(hour, self._minutes[minute_at], self._seconds[0])
            hour_at += 1
        if hour_at < len(self._hours):
            return time(self._hours[hour_at], self._minutes[0], self._seconds[0])
        return None

    def _day_after(self, day: date) -> date:
        last_year = day.year + SEARCHED_YEARS
        day += DAY
        while day.year <= last_year:
            if day.month not in self._fields.months:
                day = (day.replace(day=28) + 4 * DAY).replace(day=1)
            elif self._fields.match_day(day):
                return day
            else:
                day += DAY
        raise _never_fires(self.text)

    def describe(self) -> str:
        return self._fields.explain()


@lru_cache(maxsize=4096)
def cron_expression(text: str) -> CronExpression:
    """The expression, read once. Raises `ScheduleError` when it cannot be read or no date ever matches it."""
    expression = CronExpression(text)
    expression.next_shown(SEARCH_START)
    return expression


def _read(text: str) -> CronSim:
    plain = NICKNAMES.get(text.strip().lower(), text)
    parts = plain.upper().split()
    if len(parts) not in (5, 6) or len(plain) > LONGEST_EXPRESSION:
        raise ScheduleError(
            "the cron expression does not have five fields",
            found=repr(text[:LONGEST_EXPRESSION]),
            expected="minute hour day-of-month month day-of-week, or a nickname such as @daily",
            fix="Write five fields: `0 6 * * *` is every day at 06:00.",
        )
    for field, part in zip(list(Field)[-len(parts) :], parts, strict=True):
        try:
            field.parse(part)
        except CronSimError:
            raise _unreadable(text, field, part) from None
    try:
        return CronSim(plain, SEARCH_START)
    except CronSimError:
        # Each field is readable on its own, so what is refused is their combination: a day no month has.
        raise _never_fires(text) from None


def _unreadable(text: str, field: Field, part: str) -> ScheduleError:
    name, values = FIELDS[field]
    return ScheduleError(
        f"the {name} of the cron expression {text!r} cannot be read",
        found=repr(part),
        expected=f"{values}; lists a,b, ranges a-b and steps */n of them",
        fix=f"Correct the {name}.",
    )


def _never_fires(text: str) -> ScheduleError:
    return ScheduleError(
        "the cron expression never fires: no date matches it",
        found=repr(text),
        expected="a day of the month that a chosen month has",
        fix="Change the day or the month; `L` is the last day of every month.",
        code=ErrorCode.SCHEDULE_NEVER_FIRES,
    )
