"""Every fault, by what it does to a run, and by what the run comes to all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from headrace import Retries, context, task, workflow
from headrace.testing import START, Environment, FaultUnused
from headrace_protocol.errors import ConfigError
from tests.unit.testing.shop import accept, fulfil, restock

done: list[tuple[str, int]] = []
"""What tasks did outside: the run, and the second at which they did it."""


@task
def ship(parcel: str) -> str:
    done.append((context().run_id, 0))
    return f"{parcel} is on its way"


@task
async def load(parcel: str) -> str:
    await asyncio.sleep(5)
    done.append((context().run_id, 1))
    return parcel


@workflow
def delivery(parcel: str) -> str:
    return ship(load(parcel))


@task(timeout="1m", retries=Retries(max_attempts=2, backoff="1s", jitter=False))
async def weigh(parcel: str) -> int:
    return len(parcel)


@task(timeout="1m", retries=1)
def measure(parcel: str) -> int:
    for _ in range(1_000):
        if context().cancelled:
            done.append(("cancelled", context().attempt))
            return -1
        time.sleep(1)
        if context().attempt == 2:
            return len(parcel)
    return 0


@workflow
def weighing(parcel: str) -> int:
    return weigh(parcel)


@workflow
def measuring(parcel: str) -> int:
    return measure(parcel)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def test_a_killed_worker_has_its_task_delivered_again() -> None:
    with Environment(fulfil) as env:
        env.faults.kill_worker(task="accept", attempt=1)
        run = env.run(fulfil, 7, ["tea"])
        assert run.output == "order 7: 4.50"
        lost, attempt = run.attempts("accept")
        assert (lost.number, lost.state, lost.worker) == (1, "lost", "worker-1.1")
        assert (attempt.number, attempt.state, attempt.worker) == (2, "succeeded", "worker-1.2")
        assert attempt.started_at is not None
        waited = attempt.started_at - START
        assert timedelta(seconds=30) <= waited < timedelta(seconds=32), "the ack wait, and a roll call"


def test_a_worker_killed_after_the_work_repeats_it() -> None:
    with Environment(delivery) as env:
        env.faults.kill_worker(task=ship, when="finished")
        run = env.run(delivery, "box")
        assert run.output == "box is on its way"
        assert done == [("delivery-1", 1), ("delivery-1", 0), ("delivery-1", 0)]


def test_a_killed_worker_is_gone_in_the_middle_of_a_sleep() -> None:
    with Environment(delivery, ack_wait="10s") as env:
        run = env.start(delivery, "box")
        env.advance("3s")
        env.faults.kill_worker()
        env.advance("4s")
        assert done == [], "what a dead worker would have done at 5 s is never done"
        assert run.wait().output == "box is on its way"
        assert [attempt.state for attempt in run.attempts("load")] == ["lost", "succeeded"]


def test_another_worker_takes_over() -> None:
    with Environment(delivery, workers=2) as env:
        env.faults.kill_worker(task="load", back_after="1h")
        run = env.run(delivery, "box")
        lost, won = run.attempts("load")
        assert {lost.worker, won.worker} == {"worker-1.1", "worker-2.1"}
        assert timedelta(seconds=35) <= run.duration < timedelta(seconds=37)


def test_a_worker_paused_past_its_lease_comes_back_too_late() -> None:
    with Environment(delivery, workers=2) as env:
        env.faults.pause_worker("2m", task="load")
        run = env.run(delivery, "box")
        assert run.output == "box is on its way"
        assert [attempt.state for attempt in run.attempts("load")] == ["lost", "succeeded"]
        env.advance("5m")
        assert done.count(("delivery-1", 1)) == 1, "the one that comes back is told to stop"
        assert len(run.attempts("ship")) == 1, "and it counted once"


def test_a_killed_coordinator_goes_on_where_it_was() -> None:
    with Environment(fulfil) as env:
        env.faults.kill_coordinator(task="price", back_after="3m")
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.output == "order 7: 10.50"
        assert [attempt.number for attempt in run.attempts()] == [1, 1, 1, 1]
        assert run.duration == timedelta(minutes=3, seconds=30)


def test_commands_wait_for_a_coordinator() -> None:
    with Environment(fulfil) as env:
        env.faults.kill_coordinator(back_after="1m")
        run = env.run(fulfil, 7, ["tea"])
        assert run.created_at == START + timedelta(minutes=1)


def test_a_lost_bus_loses_no_run() -> None:
    with Environment(fulfil) as env:
        env.faults.lose_bus(task="price", back_after="10s")
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.output == "order 7: 10.50"


def test_results_that_went_with_the_bus_are_made_again() -> None:
    large = "tea" * 100_000
    with Environment(fulfil) as env:
        env.faults.cut_bus(task="price")
        assert [one.number for one in env.run(fulfil, 7, [large]).attempts("accept")] == [1]
        env.faults.lose_bus(task="price")
        run = env.run(fulfil, 7, [large])
        assert run.output == "order 7: 450000.00"
        assert [one.number for one in run.attempts("accept")] == [1, 2]


def test_a_bus_that_is_lost_now_has_what_was_queued_published_again() -> None:
    with Environment(delivery) as env:
        run = env.start(delivery, "box")
        env.faults.lose_bus(back_after="1m")
        assert run.wait().output == "box is on its way"
        assert run.duration >= timedelta(minutes=1)


def test_a_cut_bus_is_waited_for() -> None:
    with Environment(delivery) as env:
        env.faults.cut_bus(task="ship", when="finished", back_after="20s")
        run = env.run(delivery, "box")
        assert run.output == "box is on its way"
        assert run.duration >= timedelta(seconds=25)


def test_outcomes_that_come_twice_count_once() -> None:
    with Environment(fulfil) as env:
        env.faults.duplicate_outcomes()
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.output == "order 7: 10.50"
        counted = [attempt for attempt in run.attempts() if attempt.state == "succeeded"]
        assert len(counted) == 4


def test_events_that_come_twice_start_one_run() -> None:
    with Environment(fulfil) as env:
        env.faults.duplicate_events()
        env.publish("orders.placed", {"number": 8, "skus": ["tea"]})
        env.advance("1m")
        assert len(env.runs(fulfil)) == 1


def test_late_messages_are_waited_for() -> None:
    with Environment(delivery) as env:
        env.faults.delay("outcomes", "3s", times=1)
        run = env.run(delivery, "box")
        assert run.duration == timedelta(seconds=8)


def test_dropped_outcomes_are_sent_again() -> None:
    with Environment(delivery) as env:
        env.faults.drop("outcomes", times=2)
        run = env.run(delivery, "box")
        assert run.output == "box is on its way"
        assert run.duration > timedelta(seconds=20)


def test_dropped_tasks_are_found_and_sent_again() -> None:
    with Environment(delivery) as env:
        env.faults.drop("tasks", times=1)
        assert env.run(delivery, "box").output == "box is on its way"


def test_an_attempt_is_made_to_fail() -> None:
    with Environment(restock) as env:
        env.faults.fail("flaky", ConnectionError("the warehouse is closed"), attempt=1)
        run = env.run(restock)
        assert [attempt.state for attempt in run.attempts("flaky")] == ["failed", "succeeded"]
        error = run.attempts("flaky")[0].error
        assert error is not None
        assert (error.kind, error.message) == ("builtins.ConnectionError", "the warehouse is closed")


def test_an_attempt_that_hangs_is_ended_by_its_timeout() -> None:
    with Environment(weighing) as env:
        env.faults.hang(weigh, attempt=1)
        run = env.run(weighing, "box")
        assert run.output == 3
        assert run.duration == timedelta(seconds=61)
        error = run.attempts("weigh")[0].error
        assert error is not None
        assert error.code == "task.timeout"


def test_a_sync_task_past_its_timeout_is_abandoned_and_sees_it() -> None:
    with Environment(measuring) as env:
        run = env.run(measuring, "box")
        assert run.output == 3
        assert [attempt.state for attempt in run.attempts("measure")] == ["failed", "succeeded"]
        env.advance("1m")
        assert done == [("cancelled", 1)]


def test_faults_of_one_item_strike_that_item() -> None:
    with Environment(fulfil) as env:
        env.faults.fail("price", ValueError("no price"), item=1)
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.state == "failed"
        assert [(one.item, one.state) for one in run.attempts("price") if one.item == 1] == [(1, "failed")]


def test_faults_end_when_the_test_says_so() -> None:
    with Environment(delivery) as env:
        env.faults.delay("tasks", "2m")
        assert env.run(delivery, "box").duration >= timedelta(minutes=4)
        env.faults.stop()
        assert env.run(delivery, "box").duration == timedelta(seconds=5)


def test_a_fault_that_never_happens_is_an_error() -> None:
    env = Environment(fulfil)
    env.__enter__()
    env.faults.kill_worker(task=accept, attempt=4)
    env.faults.drop("events")
    env.run(fulfil, 7, ["tea"])
    with pytest.raises(FaultUnused, match=r"kill_worker\('accept', attempt=4\), drop\('events'\)"):
        env.__exit__(None, None, None)


def test_another_error_is_not_hidden_by_an_unused_fault() -> None:
    env = Environment(fulfil)
    env.__enter__()
    env.faults.kill_worker(task="accept")
    env.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


@pytest.mark.parametrize(
    "plan",
    [
        lambda env: env.faults.drop("outcome"),
        lambda env: env.faults.kill_worker(task="accept", when="later"),
    ],
)
def test_mistakes_in_faults_are_named(plan: Callable[[Environment], None]) -> None:
    with Environment(fulfil) as env, pytest.raises(ConfigError, match="found"):
        plan(env)
