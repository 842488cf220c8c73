"""Schedules, timeouts and waits in virtual time. What is asserted is what the virtual clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headrace.testing import START, Environment, RunStuck
from headrace_protocol.errors import ConfigError
from tests.unit.testing.shop import hourly, waiting, workdays


def test_a_day_of_an_hourly_schedule() -> None:
    with Environment(hourly) as env:
        env.advance("1d")
        runs = env.runs(hourly)
        hours = [START + timedelta(hours=hour) for hour in range(1, 25)]
        assert [run.scheduled_at for run in runs] == hours
        assert [run.created_at for run in runs] == hours
        assert {run.state for run in runs} == {"succeeded"}
        assert all(run.attempts("count")[0].delivery == 1 for run in runs)
        assert env.now == START + timedelta(days=1)


def test_what_is_due_at_the_end_of_an_advance_has_happened() -> None:
    with Environment(hourly) as env:
        env.advance("59m 59s")
        assert env.runs(hourly) == []
        env.advance("1s")
        assert [run.state for run in env.runs(hourly)] == ["succeeded"]


def test_a_year_is_no_trouble() -> None:
    with Environment(workdays) as env:
        env.advance_to(datetime(2025, 1, 1, tzinfo=UTC))
        runs = env.runs(workdays)
        assert len(runs) == 262
        assert runs[0].created_at == datetime(2024, 1, 1, 5, tzinfo=UTC)
        # Berlin's summer time began on 31 March.
        april = datetime(2024, 4, 1, 4, tzinfo=UTC)
        assert april in [run.created_at for run in runs]


def test_the_start_is_chosen() -> None:
    start = datetime(2024, 2, 28, 23, 30, tzinfo=UTC)
    with Environment(hourly, start=start) as env:
        assert env.now == start
        env.advance(timedelta(minutes=30))
        assert env.runs(hourly)[0].scheduled_at == datetime(2024, 2, 29, tzinfo=UTC)


def test_time_goes_forward_only() -> None:
    with Environment() as env, pytest.raises(ConfigError, match="forward"):
        env.advance_to(START - timedelta(days=1))
    with pytest.raises(ConfigError, match="time zone"):
        Environment(start=datetime(2024, 1, 1))  # noqa: DTZ001 - that is the mistake


def test_a_long_wait_is_waited_for() -> None:
    with Environment(waiting, patience="1d") as env:
        run = env.run(waiting, days=0.25)
        assert run.output == "done"
        assert run.duration == timedelta(hours=6)


def test_a_stuck_run_says_what_it_waits_for() -> None:
    with Environment(waiting, patience="2h") as env:
        with pytest.raises(RunStuck) as found:
            env.run(waiting, days=1)
        assert "node patient attempt 1 runs on worker worker-1.1 since 7200 s" in str(found.value)
        assert env.now == START + timedelta(hours=2)


def test_a_queue_that_nobody_serves_is_named() -> None:
    with (
        Environment(hourly, queues=("gpu",), patience="1h") as env,
        pytest.raises(RunStuck, match="no live worker serves default"),
    ):
        env.run(hourly)
