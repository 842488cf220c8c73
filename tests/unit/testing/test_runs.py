"""Runs in an environment: what they return, and what can be read of them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from opentelemetry import trace

from headrace import task, workflow
from headrace.testing import START, Environment, NothingFound, RunNotSucceeded
from headrace_protocol.errors import Conflict, DefinitionError, ParamsError
from tests.unit.testing import shop
from tests.unit.testing.shop import Order, flaky, fulfil, patient, refused, restock, waiting


@task
def measure() -> int:
    time.sleep(1)
    with trace.get_tracer("shop").start_as_current_span("query") as span:
        span.set_attribute("rows", 3)
        time.sleep(5)
    return 3


@workflow
def measured() -> int:
    return measure()


def test_a_run_returns_what_the_workflow_means() -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, number=7, skus=["tea", "milk", "tea"])
        assert run.state == "succeeded"
        assert run.output == "order 7: 10.50"
        assert run.params == {"number": 7, "skus": ["tea", "milk", "tea"]}
        assert run.trigger == "manual"
        assert run.error is None


def test_results_are_decoded_to_the_tasks_types() -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.node("accept").result == Order(7, ["milk", "tea"])
        assert run.node("price").result == [6.0, 4.5]
        assert list(run.nodes()) == ["accept", "price", "invoice"]


def test_sleeps_of_async_sync_and_process_tasks_take_virtual_time() -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.duration == timedelta(seconds=90)
        assert env.now == START + timedelta(seconds=90)
        [invoice] = run.attempts("invoice")
        assert invoice.duration == timedelta(seconds=30)
        assert [(one.item, one.number) for one in run.attempts("price", item=1)] == [(1, 1)]


def test_backoffs_take_virtual_time() -> None:
    with Environment(restock) as env:
        run = env.run(restock, failures=2)
        assert run.output == 3
        states = [(one.number, one.state, one.started_at - START) for one in run.attempts("flaky")]
        assert states == [
            (1, "failed", timedelta()),
            (2, "failed", timedelta(minutes=10)),
            (3, "succeeded", timedelta(minutes=30)),
        ]


def test_a_failed_run_says_why() -> None:
    with Environment(refused) as env:
        run = env.run(refused, "no stock")
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.code == "task.gave_up"
        assert run.error.details == {"row": "7"}
        with pytest.raises(RunNotSucceeded, match=r"refuse attempt 1: failed, Fail: refused: no stock"):
            _ = run.output


def test_logs_and_prints_know_their_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, 7, ["tea"])
        found = [(line.node, line.attempt, line.stream, line.text, line.at) for line in run.logs]
    assert found == [
        ("accept", 1, "stdout", "order 7", START),
        ("accept", 1, "logging", "attempt 1", START),
    ]
    assert capsys.readouterr().out == "order 7\n"


def test_the_trace_is_a_tree_in_virtual_time() -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, 7, ["tea", "milk"])
        assert run.trace.outline().splitlines() == [
            "run fulfil",
            "  task accept",
            "    attempt accept",
            "  task price",
            "    attempt price",
            "    attempt price",
            "  task invoice",
            "    attempt invoice",
        ]
        assert run.trace.find("attempt invoice").duration == timedelta(seconds=30)
        assert run.trace.find("run fulfil").start == START
        assert {line.trace_id for line in run.logs} == {run.trace.trace_id}
        with pytest.raises(NothingFound, match="attempt invoice"):
            run.trace.find("attempt voice")


def test_events_start_runs() -> None:
    with Environment(fulfil) as env:
        [run] = env.publish("orders.placed", {"number": 8, "skus": ["tea"]}, id="e1")
        assert run.output == "order 8: 4.50"
        assert run.trigger == "event:event-1"
        assert env.publish("orders.placed", {"number": 9, "skus": []}) == []
        assert env.publish("orders.lost") == []
        [again] = env.publish("orders.placed", {"number": 8, "skus": ["tea"]}, id="e1")
        assert again.id == run.id
        assert [one.id for one in env.runs(fulfil)] == [run.id]


def test_an_event_without_wait_is_answered_at_once() -> None:
    with Environment(fulfil) as env:
        [run] = env.publish("orders.placed", {"number": 8, "skus": ["tea"]}, wait=False)
        assert run.state == "running"
        assert env.now == START
        assert run.wait().state == "succeeded"


def test_a_run_goes_on_while_the_test_acts() -> None:
    with Environment(fulfil) as env:
        run = env.start(fulfil, 7, ["tea"])
        env.advance("30s")
        assert run.node("accept").state == "succeeded"
        assert run.node("price").state == "mapping"
        run.cancel("the customer has changed their mind")
        assert run.state == "cancelled"
        env.advance("10m")
        assert run.node("invoice").state == "cancelled"


def test_ids_and_times_are_the_same_every_time() -> None:
    def once() -> tuple[str, str, str]:
        with Environment(fulfil, restock) as env:
            run = env.run(fulfil, 7, ["tea", "milk"])
            env.run(restock, failures=1)
            return run.id, run.story, run.trace.trace_id

    assert once() == once()
    assert once()[0] == "fulfil-1"


def test_params_are_checked() -> None:
    with Environment(fulfil) as env:
        with pytest.raises(ParamsError, match="skus"):
            env.run(fulfil, number=7, skus="tea")  # type: ignore[arg-type]
        with pytest.raises(DefinitionError, match="has no parameter 'numbr'"):
            env.run(fulfil, numbr=7)  # type: ignore[call-arg]


def test_workflows_are_deployed_when_they_are_used() -> None:
    with Environment() as env:
        assert env.run(restock).output == 1
        assert env.run(fulfil, 1, ["tea"]).output == "order 1: 4.50"
        assert [run.id for run in env.all_runs()] == ["restock-1", "fulfil-1"]


def test_modules_and_files_are_deployed() -> None:
    with Environment(shop) as env:
        [run] = env.publish("orders.placed", {"number": 8, "skus": ["tea"]})
        assert run.workflow == "fulfil"
    with Environment(shop.__file__) as env:
        assert env.publish("orders.placed", {"number": 8, "skus": ["tea"]})


def test_what_is_no_workflow_is_refused() -> None:
    with pytest.raises(DefinitionError, match="a task, flaky"):
        Environment(flaky)  # type: ignore[arg-type]


def test_an_environment_is_used_inside_its_with() -> None:
    env = Environment(fulfil)
    with pytest.raises(Conflict, match="not open"):
        env.run(fulfil, 1, ["tea"])
    with env:
        run = env.run(fulfil, 1, ["tea"])
    with pytest.raises(Conflict, match="not open"):
        run.wait()
    with env:
        assert env.run(fulfil, 2, ["tea"]).id == "fulfil-1"


def test_runs_are_read_after_the_end_too() -> None:
    with Environment(fulfil) as env:
        run, unfinished = env.run(fulfil, 7, ["tea"]), env.start(fulfil, 8, ["tea"])
    assert run.output == "order 7: 4.50"
    assert run.trace.find("attempt invoice").duration == timedelta(seconds=30)
    assert [line.text for line in run.logs] == ["order 7", "attempt 1"]
    assert unfinished.state == "running"
    assert "price: mapping, 0 of 1 items" in unfinished.story


def test_large_results_are_stored_beside_messages() -> None:
    with Environment(fulfil) as env:
        run = env.run(fulfil, 7, ["tea" * 100_000])
        assert run.node("accept").result == Order(7, ["tea" * 100_000])
        assert run.output == "order 7: 450000.00"


def test_users_own_spans_are_part_of_the_trace() -> None:
    with Environment(measured) as env:
        run = env.run(measured)
        assert run.trace.outline().splitlines()[-1] == "      query"
        query = run.trace.find("query")
        assert (query.start - START, query.duration) == (timedelta(seconds=1), timedelta(seconds=5))
        assert query.attributes == {"rows": 3}


def test_a_new_version_leaves_running_runs_alone() -> None:
    @workflow(name="waiting")
    def shorter(days: float) -> str:
        return patient.options(timeout="1h")(days)

    with Environment(waiting) as env:
        old = env.start(waiting, days=0.5)
        env.deploy(shorter)
        new = env.start(shorter, days=0.5)
        env.wait(old, new)
        assert (old.state, new.state) == ("succeeded", "failed")
        assert [run.id for run in env.runs(shorter)] == ["waiting-1", "waiting-2"]


def test_a_failed_run_is_retried_when_its_cause_is_mended() -> None:
    with Environment(fulfil) as env:
        env.faults.fail("invoice", OSError("no paper"))
        run = env.run(fulfil, 7, ["tea"])
        assert run.state == "failed"
        assert run.retry("there is paper now").wait().output == "order 7: 4.50"
        assert [one.node for one in run.attempts()] == ["accept", "price", "invoice", "invoice"]
        with pytest.raises(Conflict):
            run.retry()
