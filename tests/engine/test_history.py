"""What a run tells about itself: trace ids, wait reasons, lifecycle events, attempt records, errors."""

from __future__ import annotations

import msgspec
import pytest

from headrace_coordinator.engine.effects import CancelAttempt, Finish, TimerKey
from headrace_coordinator.engine.inputs import Collected, Redispatch, TimerFired
from headrace_coordinator.engine.state import RunHead, RunState, Wait, WaitKind
from headrace_coordinator.engine.transitions.start import NO_PARENT, new_run
from headrace_protocol.codec import raw
from headrace_protocol.definition import Output, Param
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.headers import TraceContext, parse_traceparent
from headrace_protocol.ids import derived_span_id, derived_trace_id
from headrace_protocol.messages import CancelRun, LifecycleEvent, OutcomeState, Result, RetryAdvice, StartRun
from tests.engine.building import T0, TASK, Driver, node, plan_of

S = 1_000_000
CALLER = parse_traceparent(f"00-{'ab' * 16}-{'cd' * 8}-01", "vendor=1")


def head_of(**command: object) -> RunHead:
    start = StartRun(**{"run_id": "r", "workflow": "flow", "params": raw({}), **command})
    return new_run(plan_of(node("a")), start, 3, T0).head


def test_a_triggered_run_continues_the_publishers_trace() -> None:
    head = head_of(trigger="event:up", event_id="e", event_source="s", trace=CALLER, received_at_us=T0 - 5)
    assert head.trace == TraceContext("ab" * 16, derived_span_id("r"), True, "vendor=1")
    assert head.parent_span_id == derived_span_id("r/trigger")
    assert head.publisher_span_id == "cd" * 8
    assert (head.received_at_us, head.created_at_us, head.shard) == (T0 - 5, T0, 3)


def test_a_trigger_without_a_context_starts_a_trace_of_its_own() -> None:
    head = head_of(trigger="cron:daily", scheduled_at_us=T0)
    assert head.trace == TraceContext(derived_trace_id("r"), derived_span_id("r"))
    assert (head.parent_span_id, head.publisher_span_id) == (derived_span_id("r/trigger"), "")
    assert head.received_at_us == T0


@pytest.mark.parametrize("trigger", ["", "manual"])
def test_a_run_started_by_hand_has_no_trigger_span(trigger: str) -> None:
    head = head_of(trigger=trigger, trace=CALLER)
    assert (head.trigger, head.parent_span_id, head.publisher_span_id) == ("manual", "", "cd" * 8)


def test_sampling_is_honoured_also_without_a_parent() -> None:
    unsampled = head_of(trace=msgspec.structs.replace(CALLER, sampled=False))
    assert not unsampled.trace.sampled
    orphan = head_of(trace=TraceContext("ef" * 16, NO_PARENT, False))
    assert (orphan.trace.trace_id, orphan.trace.sampled, orphan.publisher_span_id) == ("ef" * 16, False, "")


def told_of_code(d: Driver) -> list[LifecycleEvent]:
    return [event for event in d.last.events if event.kind.endswith(".code_changed")]


def test_a_run_that_meets_other_code_says_so_once() -> None:
    d = Driver(plan_of(node("a"), node("b", "a"), node("m", over=Output("b"), window=3)))
    d.done("a", code="one")
    assert not told_of_code(d)
    d.done("b", [1, 2, 3], code="two")
    (told,) = told_of_code(d)
    assert (told.kind, told.node, told.attempt) == ("node.code_changed", "b", 1)
    assert told.data == {"task": TASK.name, "before": "one", "code": "two", "worker": "w"}
    for item, code in enumerate(("one", "two")):
        d.done("m", item=item, code=code)
        assert not told_of_code(d), "both are known: workers of both are at work"
    d.done("m", item=2, code="three")
    assert [told.kind for told in told_of_code(d)] == ["item.code_changed"]


def test_a_task_message_carries_the_span_of_its_task() -> None:
    d = Driver(plan_of(node("a")), trace=CALLER)
    assert d.sent[0].trace == TraceContext("ab" * 16, derived_span_id("r/a"), True, "vendor=1")


def told(d: Driver) -> dict[str, LifecycleEvent]:
    return {event.kind: event for event in d.last.events}


def test_a_success_tells_what_queries_need() -> None:
    d = Driver(plan_of(node("a"), node("b", "a"), output=Output("b")), trigger="event:up", event_id="e")
    assert told(d)["run.created"].data == {"trigger": "event:up", "event_id": "e", "received_at_us": T0}
    assert (told(d)["node.dispatched"].attempt, told(d)["node.dispatched"].data) == (1, {"queue": "default"})
    queued_us = d.now_us
    d.done("a", started_at_us=queued_us + 3, finished_at_us=queued_us + 9, worker="host-1")
    event = told(d)["node.succeeded"]
    assert (event.node, event.attempt) == ("a", 1)
    assert event.data == {
        "ready_at_us": queued_us,
        "queued_at_us": queued_us,
        "started_at_us": queued_us + 3,
        "finished_at_us": queued_us + 9,
        "worker": "host-1",
    }
    record = d.last.attempts[0]
    assert (
        record.state,
        record.queued_at_us,
        record.started_at_us,
        record.finished_at_us,
        record.worker,
    ) == (
        "succeeded",
        queued_us,
        queued_us + 3,
        queued_us + 9,
        "host-1",
    )
    assert record.result is None, "the result of a plain node is kept with the node"
    d.done("b", 5)
    assert [event.kind for event in d.last.events] == ["node.succeeded", "run.succeeded"]
    assert Finish("r", RunState.SUCCEEDED) in d.last.effects


def test_a_failure_tells_its_error_and_what_it_blocks() -> None:
    d = Driver(plan_of(node("a", max_attempts=2, backoff_s=4.0), node("b", "a"), node("c", "b"), node("z")))
    d.fail("a")
    retrying = told(d)["node.retrying"]
    assert retrying.data == {"retry_at_us": d.now_us + 4 * S}
    assert retrying.error is not None
    d.feed(TimerFired(TimerKey("r", "retry", "a"), d.now_us + 4 * S), later_us=4 * S)
    assert d.dispatched() == [("a", None, 2)]
    d.fail("a", advice=RetryAdvice.NEVER)
    blocked = [(event.kind, event.node, event.data.get("because")) for event in d.last.events]
    assert blocked[1:] == [("node.upstream_failed", "b", "a"), ("node.upstream_failed", "c", "a")]
    assert d.run.head.state is RunState.RUNNING, "other branches go on"
    d.done("z")
    assert d.run.head.state is RunState.FAILED
    assert (d.run.head.error.where, d.run.head.error.code) == ("a", ErrorCode.TASK_FAILED)
    assert told(d)["run.failed"].error == d.run.head.error


def test_an_item_tells_its_place_and_keeps_its_result_with_the_attempt() -> None:
    d = Driver(plan_of(node("m", over=Param("items"), window=2)))
    d.done("m", "r0", 0)
    assert (d.last.attempts[0].item, d.last.attempts[0].result) == (0, Result(raw("r0")))
    assert d.last.events == []
    d.fail("m", 1)
    assert d.run.head.error.where == "m[1]"
    assert (told(d)["item.failed"].item, told(d)["node.failed"].error.where) == (1, "m[1]")
    stopped = [effect.message.attempts for effect in d.last.effects if isinstance(effect, CancelAttempt)]
    assert [[(held.item, held.attempt) for held in held_ones] for held_ones in stopped] == [[(2, 1)]]
    d.done("m", "late", 2)
    assert [record.state for record in d.last.attempts] == ["ignored"]
    d.fail("m", 1)
    assert d.last.attempts == [], "the failure has been applied already"


def test_why_a_run_is_not_finished() -> None:
    d = Driver(plan_of(node("a", max_attempts=2, backoff_s=9.0), node("m", "a", over=Param("none"))))
    assert d.run.head.wait == Wait(WaitKind.WORKER, "a")
    d.fail("a")
    assert d.run.head.wait == Wait(WaitKind.TIMER, "a", d.now_us + 9 * S)
    d.feed(CancelRun(run_id="r", by="ann", reason="test"))
    assert d.run.head.wait is None
    assert d.run.head.error.message == "cancelled by ann: test"


def test_why_a_map_is_not_finished() -> None:
    d = Driver(plan_of(node("m", over=Param("box", ("rows",)), max_attempts=2, backoff_s=9.0), deadline_s=60))
    deadline_us = T0 + 60 * S
    assert d.run.head.wait == Wait(WaitKind.WORKER, "m", deadline_us)
    d.fail("m", 0)
    due_us = d.now_us + 9 * S
    assert d.run.head.wait == Wait(WaitKind.WORKER, "m", deadline_us)
    d.fail("m", 1)
    assert d.run.head.wait == Wait(WaitKind.TIMER, "m", due_us), "nothing is with a worker"
    for item in (0, 1):
        d.feed(TimerFired(TimerKey("r", "retry", "m", item), d.now_us), later_us=20 * S)
        d.done("m", item, item)
    assert d.run.head.wait == Wait(WaitKind.COLLECT, "m", deadline_us)
    d.feed(Collected("r", "m", Result(raw([0, 1]))))
    assert told(d)["node.succeeded"].data["total"] == 2
    assert d.run.head.wait is None


def test_a_deadline_names_what_the_run_waited_for() -> None:
    d = Driver(plan_of(node("a"), node("b"), deadline_s=2))
    d.feed(TimerFired(TimerKey("r", "deadline"), T0 + 2 * S), later_us=2 * S)
    error = d.run.head.error
    assert (d.run.head.state, error.code, error.where) == (RunState.FAILED, ErrorCode.RUN_DEADLINE, "a, b")
    assert "2 s" in error.message
    assert told(d)["node.cancelled"].data["ready_at_us"]
    d.outcome("a", state=OutcomeState.SUCCEEDED)
    assert [record.state for record in d.last.attempts] == ["ignored"]


@pytest.mark.parametrize("item", [None, 0])
@pytest.mark.parametrize("early_us", [0, 1])
def test_a_worker_may_notice_the_deadline_before_the_timer_does(item: int | None, early_us: int) -> None:
    over = None if item is None else Output("source")
    d = Driver(plan_of(node("source"), node("a", over=over, after=("source",)), node("b"), deadline_s=2))
    d.done("source", [1, 2])
    d.now_us = T0 + 2 * S - 1 - early_us
    late = ErrorInfo(code=ErrorCode.RUN_DEADLINE, message="the run's deadline has passed")
    d.outcome("a", item, state=OutcomeState.FAILED, error=late)
    assert [record.state for record in d.last.attempts] == ["failed"]
    if early_us:
        assert d.run.head.state is RunState.RUNNING, (
            "not before its time (I10), whatever a worker's clock says"
        )
        return
    error = d.run.head.error
    assert (d.run.head.state, error.code, error.where) == (RunState.FAILED, ErrorCode.RUN_DEADLINE, "b, a")
    assert "2 s" in error.message


@pytest.mark.parametrize(("node_name", "item"), [("nobody", None), ("a", 0), ("a", None)])
def test_an_outcome_of_nothing_known_changes_nothing(node_name: str, item: int | None) -> None:
    d = Driver(plan_of(node("a"), node("b")))
    d.outcome(node_name, item, attempt=7)
    assert (d.last.effects, d.last.touched, d.last.head) == ([], {}, False)
    assert [event.kind for event in d.last.events] == ["outcome.ignored"]


def test_what_is_published_again_is_queued_anew() -> None:
    """The sweeper judges by that time whether the bus can still hold the message."""
    d = Driver(plan_of(node("a"), node("m", over=Param("items"), window=1)))
    d.feed(Redispatch("r", (("a", None, 1),)), later_us=S)
    assert d.sent[-1].queued_at_us == d.run.nodes["a"].queued_at_us == d.now_us
    d.done("m", 0, 0, started_at_us=0)
    assert d.dispatched() == [("m", 1, 1)]
    assert d.sent[-1].queued_at_us == d.run.nodes["m"].queued_at_us == d.now_us
