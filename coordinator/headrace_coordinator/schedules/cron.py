"""The next fire time of a cron expression in a zone; the package's docstring holds the rules."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from headrace_coordinator.schedules.expression import CronExpression, cron_expression
from headrace_coordinator.schedules.wall_clock import instants_of, jump_between, shown_at, zone_named
from headrace_protocol.errors import ScheduleError

US_PER_S = 1_000_000
SECOND = timedelta(seconds=1)


def check_cron(expression: str, tz: str, *, where: str = "") -> None:
    """Raise `ScheduleError` for an expression that cannot be read or never fires, and for an unknown zone."""
    try:
        cron_expression(expression)
        zone_named(tz)
    except ScheduleError as error:
        error.where = where
        raise


def describe_cron(expression: str, tz: str) -> str:
    """The schedule in plain words, such as "At 06:00 every day (Europe/Berlin)"."""
    return f"{cron_expression(expression).describe()} ({zone_named(tz).key})"


def next_cron_fire_us(expression: str, tz: str, after_us: int) -> int:
    """The first fire time later than `after_us`. Raises `ScheduleError` as `check_cron` does."""
    cron, zone = cron_expression(expression), zone_named(tz)
    after_s = after_us // US_PER_S
    next_fire_s = _next_fixed_s if cron.has_fixed_hour else _next_wildcard_s
    return next_fire_s(cron, zone, after_s) * US_PER_S


def _next_fixed_s(cron: CronExpression, zone: ZoneInfo, after_s: int) -> int:
    """Every shown time once: a repeated one at its first instant, a skipped one at the jump."""
    shown = shown_at(after_s, zone)
    while True:
        shown = cron.next_shown(shown)
        first, second = instants_of(shown, zone)
        fire_s = jump_between(second, first, zone) if first > second else first
        if fire_s > after_s:
            return fire_s


def _next_wildcard_s(cron: CronExpression, zone: ZoneInfo, after_s: int) -> int:
    """Every instant at which the clock shows a matching time."""
    shown = shown_at(after_s, zone)
    first, second = instants_of(shown, zone)
    repeats_from_s = jump_between(first, second, zone) if first == after_s < second else None
    while True:
        shown = cron.next_shown(shown)
        first, second = instants_of(shown, zone)
        if repeats_from_s is not None and first >= repeats_from_s:
            # Before the clock gets this far it goes back, and shows once more what lies behind it.
            after_s = repeats_from_s - 1
            shown = shown_at(repeats_from_s, zone) - SECOND
            repeats_from_s = None
        elif first > second:
            shown = shown_at(jump_between(second, first, zone), zone) - SECOND
        else:
            return first if first > after_s else second
