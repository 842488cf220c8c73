"""Spans from history, spans from the stored run, and the workers' spans are one trace."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.inputs import TimerFired
from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.jaeger import jaeger_json
from headrace_coordinator.queries.projection import spans_of
from headrace_coordinator.queries.trace import assemble, trace_view
from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_span_id
from headrace_protocol.messages import Span, SpanEvent, SpanLink
from tests.unit.queries.samples import TRACE, Story


def projected(story: Story) -> dict[str, Span]:
    spans = [span for batch in story.batches for span in spans_of(story.run.head, batch)]
    return {span.span_id: span for span in spans}


def user_span(span_id: str, parent: str, *, start_us: int, end_us: int, **attributes: object) -> Span:
    return Span(
        trace_id=TRACE.trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=f"span {span_id}",
        service="headrace-worker",
        start_us=start_us,
        end_us=end_us,
        attributes=attributes,
    )


def test_the_chain_reaches_from_publisher_to_task() -> None:
    story = Story()
    story.to_the_end()
    spans = {span.name: span for span in projected(story).values()}
    assert set(spans) == {"trigger event:landed", "run flights", "task load", "task carriers", "task report"}
    trigger, run, load = spans["trigger event:landed"], spans["run flights"], spans["task load"]
    assert trigger.parent_span_id == TRACE.span_id
    assert run.parent_span_id == trigger.span_id
    assert load.parent_span_id == run.span_id
    assert {span.trace_id for span in spans.values()} == {TRACE.trace_id}
    assert run.end_us - run.start_us == 5_000_000
    assert load.attributes["headrace.attempts"] == 1
    assert load.attributes["headrace.queue_wait_s"] == 0.6


def test_history_and_stored_run_say_the_same() -> None:
    for finish in (Story.to_the_end, lambda story: story.fail("load", "a")):
        story = Story()
        finish(story)
        drawn, open_ids = assemble(story.full, [], story.now_us)
        closed = {span.span_id: span for span in drawn if span.span_id not in open_ids}
        exported = projected(story)
        attempts = {span_id for span_id, span in closed.items() if span.name.startswith("attempt")}
        assert closed.keys() - attempts == exported.keys()
        for span_id, span in exported.items():
            other = closed[span_id]
            assert (span.name, span.parent_span_id, span.start_us, span.end_us, span.error) == (
                other.name,
                other.parent_span_id,
                other.start_us,
                other.end_us,
                other.error,
            )


def test_the_span_of_a_run_that_goes_on_by_order_tells_of_the_end_that_it_had() -> None:
    story = Story()
    story.fail("load", "broken")
    due_us = story.run.nodes["load"].retry_at_us
    assert due_us is not None
    story.retry(TimerFired(TimerKey("r1", "retry", "load"), due_us))
    story.fail("load", "broken for good")
    assert story.run.head.state is RunState.FAILED
    story.run.head.state, story.run.head.error = RunState.RUNNING, None
    run = projected(story)[derived_span_id("r1")]
    assert (run.error, run.attributes["headrace.run.state"]) == ("broken for good", "failed")


def test_an_unfinished_run_is_drawn_up_to_now() -> None:
    story = Story()
    rows = {row.name: row for row in trace_view(story.full, [], story.now_us).rows}
    assert rows["run flights"].status == rows["task load"].status == "running"
    assert rows["run flights"].duration_s == 1.0


def test_spans_of_other_runs_in_the_trace_are_left_out() -> None:
    story = Story()
    story.to_the_end()
    at_us = story.run.head.created_at_us
    kept = [
        user_span("aa", derived_span_id("r1/load"), start_us=at_us, end_us=at_us + 10),
        user_span("bb", "aa", start_us=at_us, end_us=at_us + 5),
        user_span("cc", derived_span_id("r2/load"), start_us=at_us, end_us=at_us + 5),
        user_span("dd", "cc", start_us=at_us, end_us=at_us + 5),
        user_span("ee", "ff", start_us=at_us, end_us=at_us + 5, **{"headrace.run.id": "r1"}),
        user_span("gg", "gg", start_us=at_us, end_us=at_us + 5),
    ]
    spans, _ = assemble(story.full, kept, story.now_us)
    ids = {span.span_id for span in spans}
    assert {"aa", "bb", "ee"} <= ids
    assert not ids & {"cc", "dd", "gg"}


def test_rows_are_a_tree_with_a_critical_path() -> None:
    story = Story()
    story.to_the_end()
    view = trace_view(story.full, [], story.now_us)
    assert [(row.depth, row.name) for row in view.rows] == [
        (0, "trigger event:landed"),
        (1, "run flights"),
        (2, "task load"),
        (3, "attempt load"),
        (2, "task carriers"),
        (2, "task report"),
        (3, "attempt report"),
    ]
    assert all(row.critical for row in view.rows[1:])
    assert view.rows[1].offset_s == 0.5
    assert view.rows[2].queue_wait_s == view.rows[3].queue_wait_s == 0.6


def test_attempts_are_drawn_from_their_records() -> None:
    story = Story()
    story.to_the_end()
    items = [record for record in story.attempts if record.item is not None]
    spans, _ = assemble(story.full, [], story.now_us, items)
    by_id = {span.span_id: span for span in spans}
    load = by_id[derived_span_id("r1/load/1")]
    (record,) = [record for record in story.attempts if record.node == "load"]
    assert (load.name, load.kind, load.service, load.error) == (
        "attempt load",
        "consumer",
        "headrace-worker",
        "",
    )
    assert load.parent_span_id == derived_span_id("r1/load")
    assert (load.start_us, load.end_us) == (record.started_at_us, record.finished_at_us)
    assert load.attributes == {
        "headrace.run.id": "r1",
        "headrace.workflow": "flights",
        "headrace.node": "load",
        "headrace.task": "load",
        "headrace.attempt": 1,
        "headrace.delivery": 1,
        "headrace.queue": "data",
        "headrace.queue_wait_s": 0.6,
        "headrace.worker.id": "w1",
    }
    for item in (0, 1):
        span = by_id[derived_span_id(f"r1/carriers/{item}/1")]
        assert span.parent_span_id == derived_span_id("r1/carriers")
        assert span.attributes["headrace.item"] == item


def test_an_attempt_that_failed_says_why() -> None:
    story = Story()
    story.fail("load", "no such file")
    spans, _ = assemble(story.full, [], story.now_us)
    (attempt,) = [span for span in spans if span.name == "attempt load"]
    assert attempt.error == "ValueError: no such file"


def test_a_redelivered_attempt_has_the_id_that_its_worker_gave_it() -> None:
    story = Story()
    story.succeed("load", [], counts=(0,))
    story.attempts = [msgspec.structs.replace(story.attempts[0], delivery=2, state="ignored")]
    spans, _ = assemble(story.full, [], story.now_us)
    by_id = {span.span_id: span for span in spans}
    assert derived_span_id("r1/load/1") not in by_id
    assert by_id[derived_span_id("r1/load/1/delivery-2")].attributes["headrace.ignored"] is True


def test_what_the_worker_told_of_an_attempt_wins() -> None:
    story = Story()
    story.to_the_end()
    span_id = derived_span_id("r1/load/1")
    at_us = story.run.head.created_at_us
    told = user_span(span_id, derived_span_id("r1/load"), start_us=at_us, end_us=at_us + 9, rows=7)
    below = user_span("aa", derived_span_id("r1/report/1"), start_us=at_us, end_us=at_us + 5)
    spans, _ = assemble(story.full, [told, below], story.now_us)
    by_id = {span.span_id: span for span in spans}
    assert by_id[span_id].attributes == {"rows": 7}
    assert "aa" in by_id


def test_items_that_were_not_read_are_counted() -> None:
    story = Story()
    story.to_the_end()
    items = [record for record in story.attempts if record.item is not None]
    assert trace_view(story.full, [], story.now_us, items).omitted == 0
    assert trace_view(story.full, [], story.now_us, items[:1]).omitted == 1


def test_a_short_branch_is_not_critical() -> None:
    story = Story()
    story.to_the_end()
    at_us = story.run.head.created_at_us
    parent = derived_span_id("r1/load")
    kept = [
        user_span("long", parent, start_us=at_us, end_us=at_us + 900_000),
        user_span("short", parent, start_us=at_us, end_us=at_us + 100_000),
    ]
    rows = {row.span_id: row for row in trace_view(story.full, kept, story.now_us).rows}
    assert rows["long"].critical
    assert not rows["short"].critical


def test_many_rows_are_cut() -> None:
    story = Story()
    at_us = story.run.head.created_at_us
    parent = derived_span_id("r1/load")
    kept = [user_span(f"s{n}", parent, start_us=at_us + n, end_us=at_us + n) for n in range(50)]
    view = trace_view(story.full, kept, story.now_us, max_rows=10)
    assert (len(view.rows), view.omitted, len(view.spans)) == (10, 43, 53)


def test_an_unsampled_trace_is_drawn_all_the_same() -> None:
    story = Story()
    trace = story.run.head.trace
    assert trace is not None
    story.run.head.trace = TraceContext(trace.trace_id, trace.span_id, sampled=False)
    view = trace_view(story.full, [], story.now_us)
    assert not view.sampled
    assert view.rows


def test_jaeger_document() -> None:
    story = Story()
    story.fail("load", "broken")
    span = user_span("aa" * 8, derived_span_id("r1/load"), start_us=5, end_us=9, ok=True, n=3, f=1.5, s="x")
    linked = msgspec.structs.replace(span, links=(SpanLink("12" * 16, "34" * 8),), error="broken")
    linked = msgspec.structs.replace(linked, events=(SpanEvent("halfway", 7, {"row": 3}),))
    (trace,) = jaeger_json([*projected(story).values(), linked])["data"]
    shown = next(one for one in trace["spans"] if one["spanID"] == "aa" * 8)
    assert (shown["startTime"], shown["duration"]) == (5, 4)
    assert [one["refType"] for one in shown["references"]] == ["CHILD_OF", "FOLLOWS_FROM"]
    (log,) = shown["logs"]
    assert log["timestamp"] == 7
    assert [(field["key"], field["value"]) for field in log["fields"]] == [("event", "halfway"), ("row", 3)]
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in shown["tags"]}
    assert tags["ok"] == ("bool", True)
    assert tags["n"] == ("int64", 3)
    assert tags["f"] == ("float64", 1.5)
    assert tags["s"] == ("string", "x")
    assert tags["error"] == ("bool", True)
    assert trace["processes"][shown["processID"]]["serviceName"] == "headrace-worker"
