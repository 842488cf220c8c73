"""The attempt's span is an OpenTelemetry span, as far as a task can tell."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanContext, Status, StatusCode

from headrace.runtime.attempt import Attempt
from headrace.runtime.attempt_span import AttemptSpan
from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_span_id
from headrace_protocol.messages import SpanEvent, TaskMessage

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", state="vendor=1")


def span_of(ended: list[AttemptSpan], *, sampled: bool = True) -> AttemptSpan:
    message = TaskMessage(
        run_id="r",
        workflow="w",
        node="n",
        attempt=1,
        task="t",
        shard=0,
        queue="q",
        queued_at_us=1,
        trace=TRACE,
    )
    return AttemptSpan(Attempt(message, None, "", 1), sampled, ended.append)


def change(span: AttemptSpan) -> None:
    span.set_attribute("rows", 7)
    span.set_attributes({"file": "a"})
    span.add_event("halfway", {"row": 3}, timestamp=5_000)
    span.add_link(SpanContext(1, 2, is_remote=True))
    span.update_name("load a")
    span.set_status(Status(StatusCode.ERROR, "bad"))
    span.record_exception(ValueError("no"))


@pytest.mark.parametrize("sampled", [True, False])
def test_the_context_is_that_of_the_attempt(sampled: bool) -> None:
    context = span_of([], sampled=sampled).get_span_context()
    assert context.trace_id == int(TRACE.trace_id, 16)
    assert context.span_id == int(derived_span_id("r/n/1"), 16)
    assert (context.is_remote, context.trace_flags.sampled, context.is_valid) == (False, sampled, True)
    assert context.trace_state.to_header() == "vendor=1"


def test_what_is_recorded() -> None:
    ended: list[AttemptSpan] = []
    with trace.use_span(span_of(ended), end_on_exit=True) as span:
        assert span.is_recording()
        assert not ended
        change(span)
    (found,) = ended
    assert found.touched
    assert (found.name, found.error, found.attributes) == ("load a", "bad", {"rows": 7, "file": "a"})
    assert found.events[0] == SpanEvent("halfway", 5, {"row": 3})
    assert found.events[1].attributes["exception.message"] == "no"
    assert [link.context.span_id for link in found.links] == [2]


def test_nothing_is_recorded_after_the_end_and_it_ends_once() -> None:
    ended: list[AttemptSpan] = []
    span = span_of(ended)
    span.end()
    end_us = span.end_us
    change(span)
    span.end()
    assert ended == [span]
    assert not span.touched
    assert (span.error, span.end_us, span.is_recording()) == ("", end_us, False)


def test_an_unsampled_span_records_nothing() -> None:
    ended: list[AttemptSpan] = []
    span = span_of(ended, sampled=False)
    assert not span.is_recording()
    change(span)
    span.end()
    assert not ended
    assert not span.touched
