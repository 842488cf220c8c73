"""When a schedule fires next: pure functions from a definition and an instant to the next instant.

A schedule has no state of its own. The trigger actor remembers the last fire time it has handled and asks
for the next one; the same question always has the same answer, on every coordinator, after every restart.
Instants are integer microseconds since the epoch (UTC), and the answer is always later than the instant
asked about.

**Intervals** (`every`) fire at `anchor + n * interval`. They know nothing of calendars.

**Cron** fires when the wall clock of the schedule's zone shows a matching time. Where the zone shifts its
clock (daylight saving, or a government's decision), the hour field decides:

- *Fixed hour* (`0 6 * * *`, `*/10 2 * * *`, `0 9-17 * * 1-5`): the author means times of the day, so each
  happens once. A time that the clock jumps over fires at the first instant after the jump; several such
  times, or one that matches right there, fire there together, once. A time that the clock shows twice fires
  the first time.
- *Wildcard hour* (`*/15 * * * *`, `0 */2 * * *`, `0 0-23 * * *`): the author means the passing of time, so
  the schedule fires at every instant whose wall clock matches: in a repeated hour again, in a skipped one
  not at all. The clock may still pull fires apart or together: across a jump of 30 minutes
  (Australia/Lord_Howe), `0 * * * *` fires after 90 minutes. Whoever needs even spacing uses `every`.

Expressions have five fields, or six with seconds in front: lists, ranges, steps, names (`MON`, `JAN`), `L`
and `LW` for the last day and last weekday of the month, `5L` and `5#2` for the last and second Friday, and
the nicknames `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually`. Where both
day fields restrict, either one matches; where one begins with `*`, both must, as in Debian's cron.
"""

from headrace_coordinator.schedules.cron import check_cron, describe_cron, next_cron_fire_us
from headrace_coordinator.schedules.every import check_every, next_every_fire_us
from headrace_coordinator.schedules.intervals import interval_of, previous_cron_fire_us

__all__ = [
    "check_cron",
    "check_every",
    "describe_cron",
    "interval_of",
    "next_cron_fire_us",
    "next_every_fire_us",
    "previous_cron_fire_us",
]
