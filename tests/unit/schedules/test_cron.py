"""Cron fire times, above all where the clock jumps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.schedules import check_cron, describe_cron, next_cron_fire_us
from headrace_protocol.errors import ErrorCode, ScheduleError

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
ZONES = [BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Asia/Kolkata", "Africa/Cairo", "America/Santiago"]

MINUTE_S = 60
DAY_S = 86_400
FIRST_S = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
LAST_S = int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())

zones = st.sampled_from(ZONES)
instants_us = st.integers(FIRST_S * 10**6, LAST_S * 10**6)


def to_us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**6


def shown(instant_us: int, tz: str) -> datetime:
    return datetime.fromtimestamp(instant_us // 10**6, ZoneInfo(tz))


def fires(expression: str, tz: str, after: str, count: int) -> list[str]:
    """The next fire times as a clock in the zone shows them, with the offset."""
    found: list[str] = []
    instant_us = to_us(after)
    for _ in range(count):
        instant_us = next_cron_fire_us(expression, tz, instant_us)
        found.append(shown(instant_us, tz).isoformat())
    return found


def jumps(tz: str) -> list[int]:
    """The instants (seconds) at which the zone's offset changes in the years tested."""
    zone = ZoneInfo(tz)
    found: list[int] = []
    for day_s in range(FIRST_S, LAST_S, DAY_S):
        if offset_at(day_s, zone) != offset_at(day_s + DAY_S, zone):
            found += [
                minute_s
                for minute_s in range(day_s + MINUTE_S, day_s + DAY_S + 1, MINUTE_S)
                if offset_at(minute_s, zone) != offset_at(minute_s - MINUTE_S, zone)
            ]
    return found


def offset_at(instant_s: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(instant_s, zone).utcoffset()


JUMPS = [(tz, jump_s) for tz in (BERLIN, NEW_YORK, LORD_HOWE) for jump_s in jumps(tz)]


@pytest.mark.parametrize(
    ("expression", "tz", "after", "expected"),
    [
        # A skipped time fires at the jump.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28T12:00:00Z",
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        (
            "30 2 * * *",
            NEW_YORK,
            "2026-03-07T12:00:00Z",
            ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
        ),
        (
            "15 2 * * *",
            LORD_HOWE,
            "2026-10-03T12:00:00Z",
            ["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
        ),
        # Several skipped times, and one that matches at the jump itself, fire there together.
        (
            "*/20 2,3 * * *",
            BERLIN,
            "2026-03-28T12:00:00Z",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00"],
        ),
        # A repeated time fires the first time it is shown.
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00:00Z",
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
        (
            "30 1 * * *",
            NEW_YORK,
            "2026-10-31T12:00:00Z",
            ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
        ),
        (
            "45 1 * * *",
            LORD_HOWE,
            "2026-04-04T12:00:00Z",
            ["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
        ),
        # A wildcard hour fires in each real hour, and in no hour that is not shown.
        (
            "30 * * * *",
            BERLIN,
            "2026-10-24T23:45:00Z",
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"],
        ),
        (
            "30 * * * *",
            NEW_YORK,
            "2026-03-08T06:00:00Z",
            ["2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", "2026-03-08T04:30:00-04:00"],
        ),
        (
            "*/15 * * * *",
            LORD_HOWE,
            "2026-04-04T14:40:00Z",
            ["2026-04-05T01:45:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T01:45:00+10:30"],
        ),
        (
            "0 * * * *",
            LORD_HOWE,
            "2026-10-03T14:00:00Z",
            ["2026-10-04T01:00:00+10:30", "2026-10-04T03:00:00+11:00"],
        ),
        # Asked in the second pass, a fixed time that fired in the first waits for tomorrow.
        ("30 2 * * *", BERLIN, "2026-10-25T01:10:00Z", ["2026-10-26T02:30:00+01:00"]),
        # A day that begins with a jump.
        ("30 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", ["2026-04-24T01:00:00+03:00"]),
    ],
)
def test_jumps_of_the_clock(expression: str, tz: str, after: str, expected: list[str]) -> None:
    assert fires(expression, tz, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 6 * * *", "2026-05-16T06:00:00+00:00"),
        ("0 0 L * *", "2026-05-31T00:00:00+00:00"),
        ("0 0 LW * *", "2026-05-29T00:00:00+00:00"),
        ("0 9 * * MON-FRI", "2026-05-18T09:00:00+00:00"),
        ("0 0 * * 5#2", "2026-06-12T00:00:00+00:00"),
        ("0 0 * * 5L", "2026-05-29T00:00:00+00:00"),
        ("0 0 20 * MON", "2026-05-18T00:00:00+00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00+00:00"),
        ("0 0 31 * *", "2026-05-31T00:00:00+00:00"),
        ("*/7 * * * * *", "2026-05-15T12:30:07+00:00"),
        ("@hourly", "2026-05-15T13:00:00+00:00"),
        ("@Weekly", "2026-05-17T00:00:00+00:00"),
        ("@yearly", "2027-01-01T00:00:00+00:00"),
        ("  0   6 * jun  * ", "2026-06-01T06:00:00+00:00"),
    ],
)
def test_kinds_of_expressions(expression: str, expected: str) -> None:
    assert fires(expression, "UTC", "2026-05-15T12:30:00Z", 1) == [expected]


def test_an_instant_between_seconds_counts_as_its_second() -> None:
    six_us = to_us("2026-05-15T06:00:00Z")
    assert next_cron_fire_us("0 6 * * *", "UTC", six_us - 1) == six_us
    assert next_cron_fire_us("0 6 * * *", "UTC", six_us + 1) == six_us + DAY_S * 10**6


@given(tz=zones, hour=st.integers(0, 23), minute=st.integers(0, 59), start_us=instants_us)
def test_a_daily_schedule_fires_once_on_every_local_day(
    tz: str, hour: int, minute: int, start_us: int
) -> None:
    days: list[date] = []
    for _ in range(400):
        fire_us = next_cron_fire_us(f"{minute} {hour} * * *", tz, start_us)
        assert fire_us > start_us
        start_us = fire_us
        days.append(shown(fire_us, tz).date())
    assert days == [days[0] + timedelta(days=n) for n in range(400)]


@given(
    tz=zones,
    start_us=instants_us,
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.one_of(st.just("*"), st.just("*/2"), st.just("2"), st.just("1-3"), st.just("0,23")),
)
def test_fire_times_grow_and_none_is_skipped(tz: str, start_us: int, minutes: set[int], hours: str) -> None:
    """Asking from anywhere before a fire time gives the same fire time."""
    expression = f"{','.join(map(str, minutes))} {hours} * * *"
    fire_us = next_cron_fire_us(expression, tz, start_us)
    assert fire_us > start_us
    assert next_cron_fire_us(expression, tz, fire_us - 1) == fire_us
    assert next_cron_fire_us(expression, tz, (start_us + fire_us) // 2) in {
        fire_us,
        next_cron_fire_us(expression, tz, fire_us),
    }


@given(
    jump=st.sampled_from(JUMPS),
    step=st.sampled_from([7, 10, 15, 25, 30]),
    hours=st.sampled_from(["*", "*/2", "*/3", "0-23"]),
)
def test_a_wildcard_hour_fires_whenever_the_clock_matches(
    jump: tuple[str, int], step: int, hours: str
) -> None:
    tz, jump_s = jump
    start_s, end_s = jump_s - 6 * 3600, jump_s + 6 * 3600
    every_hours = int(hours[2:]) if hours.startswith("*/") else 1
    expected = [
        instant_s
        for instant_s in range(start_s + MINUTE_S, end_s + 1, MINUTE_S)
        if (clock := shown(instant_s * 10**6, tz)).minute % step == 0 and clock.hour % every_hours == 0
    ]
    assert all_fires(f"*/{step} {hours} * * *", tz, start_s, end_s) == expected


@given(
    jump=st.sampled_from(JUMPS),
    hours=st.sets(st.integers(0, 5), min_size=1, max_size=4),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
)
def test_a_fixed_hour_fires_once_for_each_time_of_the_day(
    jump: tuple[str, int], hours: set[int], minutes: set[int]
) -> None:
    tz, jump_s = jump
    start_s, end_s = jump_s - 6 * 3600, jump_s + 6 * 3600
    expected: set[int] = set()
    clocks = {instant_s: shown(instant_s * 10**6, tz) for instant_s in range(start_s, end_s + 1, MINUTE_S)}
    seen: set[datetime] = set()
    for instant_s, clock in clocks.items():
        if clock.hour in hours and clock.minute in minutes and clock.replace(tzinfo=None) not in seen:
            expected.add(instant_s)
        seen.add(clock.replace(tzinfo=None))
    before, after = clocks[jump_s - MINUTE_S].replace(tzinfo=None), clocks[jump_s].replace(tzinfo=None)
    skipped = before + timedelta(minutes=1)
    while skipped < after:
        if skipped.hour in hours and skipped.minute in minutes:
            expected.add(jump_s)
        skipped += timedelta(minutes=1)
    expression = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    assert all_fires(expression, tz, start_s, end_s) == sorted(expected - {start_s})


def all_fires(expression: str, tz: str, start_s: int, end_s: int) -> list[int]:
    found: list[int] = []
    fire_us = next_cron_fire_us(expression, tz, start_s * 10**6)
    while fire_us <= end_s * 10**6:
        found.append(fire_us // 10**6)
        fire_us = next_cron_fire_us(expression, tz, fire_us)
    return found


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 */30 * 1#2"])
def test_an_expression_that_can_never_fire_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        check_cron(expression, "UTC", where="workflow report, trigger 1")
    assert caught.value.code == ErrorCode.SCHEDULE_NEVER_FIRES
    assert caught.value.where == "workflow report, trigger 1"
    assert expression in caught.value.found
    assert "month" in caught.value.fix


@pytest.mark.parametrize(
    ("expression", "found", "expected"),
    [
        ("61 * * * *", "'61'", "0 to 59"),
        ("* 24 * * *", "'24'", "0 to 23"),
        ("* * 0 * *", "'0'", "1 to 31"),
        ("* * * FOO *", "'FOO'", "JAN to DEC"),
        ("* * * * MON#6", "'MON#6'", "5#2"),
        ("*/0 * * * *", "'*/0'", "0 to 59"),
        ("5-1 * * * *", "'5-1'", "0 to 59"),
        ("every monday", "every monday", "minute hour"),
        ("", "''", "minute hour"),
        ("@sometimes", "@sometimes", "minute hour"),
        ("1," * 200 + "1 * * * *", "1,1", "minute hour"),
    ],
)
def test_an_expression_that_cannot_be_read_names_its_field(
    expression: str, found: str, expected: str
) -> None:
    with pytest.raises(ScheduleError) as caught:
        check_cron(expression, "UTC")
    assert caught.value.code == ErrorCode.SCHEDULE_INVALID
    assert found in caught.value.found
    assert expected in caught.value.expected


@given(st.text("0123456789*/,-#LWMONJA ²é@", max_size=40))
def test_any_text_is_a_schedule_or_a_schedule_error(text: str) -> None:
    try:
        check_cron(text, "UTC")
    except ScheduleError:
        return
    assert next_cron_fire_us(text, BERLIN, FIRST_S * 10**6) > FIRST_S * 10**6


@pytest.mark.parametrize("tz", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
def test_an_unknown_zone_is_refused(tz: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        check_cron("0 6 * * *", tz, where="trigger daily")
    assert caught.value.found == repr(tz)
    assert caught.value.where == "trigger daily"


def test_a_misspelt_zone_is_recognised() -> None:
    with pytest.raises(ScheduleError, match=r'Did you mean "Europe/Berlin"\?'):
        check_cron("0 6 * * *", "Europe/Berln")


def test_a_schedule_in_plain_words() -> None:
    assert describe_cron("0 6 * * *", BERLIN) == "At 06:00 every day (Europe/Berlin)"
