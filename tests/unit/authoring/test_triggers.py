from __future__ import annotations

from datetime import timedelta

import pytest

from headrace import ScheduleError, cron, event, every
from headrace_protocol.definition import CronTrigger, EventTrigger, EveryTrigger


def test_they_make_the_definitions_structs() -> None:
    assert event("a.b", where="true") == EventTrigger(id="", type="a.b", where="true")
    assert cron("@daily") == CronTrigger(id="", expression="@daily")
    assert every(timedelta(hours=1), id="x") == EveryTrigger(id="x", every_s=3600.0)


@pytest.mark.parametrize("expression", ["", "0 6 *", "0 6 * * * * *"])
def test_what_is_no_cron_expression(expression: str) -> None:
    with pytest.raises(ScheduleError, match="not a cron expression"):
        cron(expression)


@pytest.mark.parametrize("tz", ["Europe/Atlantis", "", "../etc/passwd"])
def test_unknown_time_zones(tz: str) -> None:
    with pytest.raises(ScheduleError, match="unknown time zone"):
        cron("0 6 * * *", tz=tz)


@pytest.mark.parametrize("interval", ["soon", 0, "0s", -1])
def test_what_is_no_interval(interval: str | float) -> None:
    with pytest.raises(ScheduleError, match="interval"):
        every(interval)
