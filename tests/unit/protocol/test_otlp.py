"""Our bytes are the SDK's: opentelemetry-proto reads the same from both."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from headrace_protocol.messages import Span, SpanEvent, SpanLink
from headrace_protocol.otlp.encode import Origin, encode_span

RESOURCE = {"service.name": "headrace-worker", "host.cpus": 2, "tags": ["a", "b"]}
SCOPE = "headrace.worker"

texts = st.text(st.characters(codec="utf-8"), max_size=200)
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = scalars | st.lists(scalars, max_size=4) | st.binary(max_size=8) | st.dictionaries(texts, scalars)
attributes = st.dictionaries(texts, values, max_size=12)
times = st.integers(0, 2**63 // 1_000)
trace_ids = st.integers(1, 2**128 - 1).map("{:032x}".format)
span_ids = st.integers(1, 2**64 - 1).map("{:016x}".format)
events = st.builds(SpanEvent, texts, times, attributes)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    name=texts,
    start_us=times,
    end_us=times,
    parent_span_id=st.just("") | span_ids,
    kind=st.sampled_from([kind.name.lower() for kind in SpanKind]),
    attributes=attributes,
    error=texts,
    links=st.lists(st.builds(SpanLink, trace_ids, span_ids), max_size=3).map(tuple),
    events=st.lists(events, max_size=3).map(tuple),
)


def as_the_sdk_has_it(span: Span) -> ReadableSpan:
    trace_id = int(span.trace_id, 16)
    remote = span.kind in {"server", "consumer"}
    parent = SpanContext(trace_id, int(span.parent_span_id, 16), remote) if span.parent_span_id else None
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), is_remote=False),
        parent=parent,
        resource=Resource(RESOURCE),
        attributes=span.attributes,  # type: ignore[arg-type]
        events=[Event(event.name, event.attributes, event.at_us * 1_000) for event in span.events],  # type: ignore[arg-type]
        links=[
            Link(SpanContext(int(link.trace_id, 16), int(link.span_id, 16), is_remote=True))
            for link in span.links
        ],
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=span.start_us * 1_000,
        end_time=span.end_us * 1_000,
        instrumentation_scope=InstrumentationScope(SCOPE),
    )


def read(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(Origin(RESOURCE, SCOPE).request(map(encode_span, spans)))


@given(st.lists(spans, min_size=1, max_size=4))
def test_the_parser_reads_what_the_sdk_would_have_sent(found: list[Span]) -> None:
    assert read(*found) == encode_spans([as_the_sdk_has_it(span) for span in found])


def test_equal_values_of_different_types_are_told_apart() -> None:
    sent: dict[str, object] = {"flag": True, "one": 1, "float": 1.0}
    for turned in (sent, dict(reversed(sent.items())), dict.fromkeys(sent, 1), dict.fromkeys(sent, True)):
        span = Span(trace_id="1" * 32, span_id="2" * 16, name="n", start_us=1, end_us=2, attributes=turned)
        (received,) = read(span).resource_spans[0].scope_spans[0].spans
        kinds = {one.key: one.value.WhichOneof("value") for one in received.attributes}
        expected = {bool: "bool_value", int: "int_value", float: "double_value"}
        assert kinds == {name: expected[type(value)] for name, value in turned.items()}


def test_what_otlp_has_no_form_for_becomes_text() -> None:
    odd: dict[str, object] = {"huge": 2**64, "half\ud800": "half\ud800", "none": None, "set": {1}}
    span = Span(trace_id="1" * 32, span_id="2" * 16, name="n\ud800", start_us=1, end_us=2, attributes=odd)
    (received,) = read(span).resource_spans[0].scope_spans[0].spans
    found = {one.key: one.value.string_value for one in received.attributes}
    assert found == {"huge": str(2**64), "half?": "half?", "none": "", "set": "{1}"}
    assert received.name == "n?"


def test_two_requests_in_a_row_are_one() -> None:
    span = Span(trace_id="1" * 32, span_id="2" * 16, name="n", start_us=1, end_us=2)
    first, second = Origin({"service.name": "a"}), Origin({"service.name": "b"}, "scope")
    body = first.request([encode_span(span)]) + second.request([encode_span(span)] * 2)
    received = ExportTraceServiceRequest.FromString(body)
    assert [len(one.scope_spans[0].spans) for one in received.resource_spans] == [1, 2]
