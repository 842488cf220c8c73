"""The time that a run is for, from the schedule to the task."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace import (
    DataInterval,
    DefinitionError,
    Retries,
    Retry,
    ScheduledAt,
    TaskContext,
    cel,
    context,
    cron,
    event,
    every,
    load,
    task,
    workflow,
)
from headrace.testing import START, Environment, attempt
from headrace.times import time_of
from headrace_protocol.errors import ParamsError

HOUR = timedelta(hours=1)
seen: list[tuple[int, datetime | None, DataInterval | None]] = []


@task(retries=Retries(max_attempts=2, backoff="10m", jitter=False))
def look(start: datetime, whole: DataInterval, at: ScheduledAt) -> bool:
    given: TaskContext = context()
    seen.append((given.attempt, given.scheduled_at, given.interval))
    if given.attempt == 1:
        raise Retry
    return given.interval == whole and given.scheduled_at == at and whole.start == start and start in whole


@workflow(triggers=[cron("0 * * * *")])
def timed(interval: DataInterval, at: ScheduledAt) -> bool:
    return look(interval.start, interval, at)


def test_a_schedule_gives_each_attempt_the_same_times() -> None:
    seen.clear()
    with Environment(timed) as env:
        env.advance(HOUR + timedelta(minutes=30))
        (run,) = env.runs(timed)
        assert run.output is True
    hour = DataInterval(START, START + HOUR)
    assert seen == [(1, START + HOUR, hour), (2, START + HOUR, hour)]
    assert hour.duration == HOUR
    assert START + HOUR not in hour
    assert seen[0][1] is not None
    assert seen[0][1].tzinfo is UTC


def test_intervals_adjoin_and_follow_what_is_missed() -> None:
    seen.clear()
    with Environment(timed) as env:
        env.advance(3 * HOUR + timedelta(minutes=30))
        assert [run.output for run in env.runs(timed)] == [True] * 3
    intervals = sorted({interval for _, _, interval in seen if interval is not None})
    assert [interval.start for interval in intervals] == [START + n * HOUR for n in range(3)]
    assert [interval.end for interval in intervals] == [START + n * HOUR for n in range(1, 4)]


def test_by_hand_the_times_are_params_like_others() -> None:
    hour = DataInterval(START, START + HOUR)

    @task
    def read(interval: DataInterval, at: datetime) -> str:
        return f"{interval.start:%H} {at:%H} {context().interval} {context().scheduled_at}"

    @workflow
    def by_hand(interval: DataInterval, at: ScheduledAt) -> str:
        return read(interval, at)

    with Environment(by_hand) as env:
        assert env.run(by_hand, hour, START + HOUR).output == "00 01 None None"


def test_computed_params_reach_the_run() -> None:
    @task
    def join(day: str, who: str, n: int) -> str:
        return f"{day} {who} {n}"

    @workflow(
        triggers=[
            every(
                "1d",
                id="nightly",
                params={
                    "day": cel("string(trigger.interval.start).substring(0, 10)"),
                    "who": cel("trigger.name"),
                    "n": 3,
                },
            )
        ]
    )
    def daily(day: str, who: str, n: int) -> str:
        return join(day, who, n)

    with Environment(daily) as env:
        env.advance("1d")
        (run,) = env.runs(daily)
        assert run.output == f"{START:%Y-%m-%d} nightly 3"


def test_a_param_without_its_time_says_how_to_give_it() -> None:
    @task
    def use(x: object) -> None: ...

    @workflow(triggers=[event("go")])
    def by_event(interval: DataInterval | None = None) -> None:
        use(interval)

    @workflow(triggers=[event("go")])
    def needs(interval: DataInterval) -> None:
        use(interval)

    with Environment(by_event, needs) as env:
        assert env.run(by_event).state == "succeeded"
        with pytest.raises(ParamsError, match="no schedule started it"):
            env.publish("go")


@pytest.mark.parametrize(
    ("form", "source"),
    [
        (DataInterval, "interval"),
        (DataInterval | None, "interval"),
        (ScheduledAt, "scheduled_at"),
        (ScheduledAt | None, "scheduled_at"),
        (datetime, ""),
        (list[DataInterval], ""),
        (int | None, ""),
    ],
)
def test_which_types_a_runs_time_fills(form: object, source: str) -> None:
    assert time_of(form) == source


def test_a_wrong_param_of_a_schedule_is_refused_when_it_is_defined() -> None:
    @task
    def use(x: object) -> None: ...

    def decorated(**params: Any) -> None:
        @workflow(triggers=[cron("0 6 * * *", params=params)])
        def w(day: str, interval: DataInterval) -> None:
            use([day, interval])

    decorated(day=cel("trigger.name"))
    with pytest.raises(DefinitionError, match="does not give every required param"):
        decorated()
    with pytest.raises(DefinitionError, match="unknown param"):
        decorated(day="x", dya=cel("trigger.name"))


def test_outside_a_worker_the_test_gives_them() -> None:
    with attempt() as given:
        assert context().interval is None
        given.interval = DataInterval(START, START + HOUR)
        assert context().interval is given.interval


def test_the_documentations_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs/authoring.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (block,) = [block for block in blocks if "def nightly" in block]
    file = tmp_path / "nightly_of_the_docs.py"
    file.write_text(block)
    monkeypatch.setattr("sys.path", list(sys.path))
    nightly = load(str(file)).workflows["nightly"]
    with Environment(nightly, start=datetime(2024, 1, 9, tzinfo=UTC)) as env:
        env.advance("1d")
        (run,) = env.runs(nightly)
        assert run.output == 1
        assert run.params["day"] == "2024-01-08"
