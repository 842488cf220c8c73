"""The data intervals of fire times."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.schedules import interval_of, next_cron_fire_us, previous_cron_fire_us
from headrace_protocol.definition import CronTrigger, EveryTrigger
from headrace_protocol.interval import Interval, microseconds, moment

EXPRESSIONS = [
    "*/5 * * * * *",
    "* * * * *",
    "*/15 9-17 * * 1-5",
    "0 6 * * *",
    "0 0 1 * *",
    "0 0 29 2 *",
    "30 2 * * 0",
    "0 */2 * * *",
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
instants_us = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: seconds * 1_000_000)


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), instants_us)
def test_intervals_of_one_schedule_adjoin(expression: str, tz: str, at_us: int) -> None:
    fire_us = next_cron_fire_us(expression, tz, at_us)
    before_us = previous_cron_fire_us(expression, tz, fire_us)
    assert before_us < fire_us
    assert next_cron_fire_us(expression, tz, before_us) == fire_us
    following_us = next_cron_fire_us(expression, tz, fire_us)
    assert previous_cron_fire_us(expression, tz, following_us) == fire_us


@pytest.mark.parametrize(
    ("expression", "tz", "fire", "start"),
    [
        ("0 6 * * *", "Europe/Berlin", "2024-04-01T04:00+00:00", "2024-03-31T04:00+00:00"),
        ("0 6 * * *", "Europe/Berlin", "2024-03-31T04:00+00:00", "2024-03-30T05:00+00:00"),  # 23 hours
        ("0 6 * * *", "Europe/Berlin", "2024-10-27T05:00+00:00", "2024-10-26T04:00+00:00"),  # 25 hours
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2024-04-01T00:30+00:00",
            "2024-03-31T01:00+00:00",
        ),  # fired at the jump
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00+00:00", "2020-02-29T00:00+00:00"),
        ("0 0 29 2 *", "UTC", "2104-02-29T00:00+00:00", "2096-02-29T00:00+00:00"),
        ("0 9 * * 1-5", "UTC", "2024-01-08T09:00+00:00", "2024-01-05T09:00+00:00"),
    ],
)
def test_the_interval_of_a_fire_time(expression: str, tz: str, fire: str, start: str) -> None:
    fire_us = microseconds(datetime.fromisoformat(fire))
    found = interval_of(CronTrigger(id="c", expression=expression, tz=tz), fire_us)
    assert moment(found.start_us) == datetime.fromisoformat(start)
    assert found.end_us == fire_us


def test_the_interval_of_every() -> None:
    fire_us = microseconds(datetime(2024, 1, 1, tzinfo=UTC))
    assert interval_of(EveryTrigger(id="e", every_s=0.5), fire_us) == Interval(fire_us - 500_000, fire_us)
