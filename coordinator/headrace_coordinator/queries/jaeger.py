"""Spans as the file that the Jaeger UI's "JSON File" tab opens.

The format is that of Jaeger's query API (https://www.jaegertracing.io/docs/latest/apis/): times in
microseconds, one process for each service.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace_protocol.messages import Span, SpanEvent

Json = dict[str, object]


def jaeger_json(spans: Sequence[Span]) -> Json:
    """The document for spans of any number of traces."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    data = [_trace(trace_id, members) for trace_id, members in traces.items()]
    return {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None}


def _trace(trace_id: str, spans: list[Span]) -> Json:
    services = list(dict.fromkeys(span.service or "unknown" for span in spans))
    process_of = {service: f"p{number}" for number, service in enumerate(services, 1)}
    return {
        "traceID": trace_id,
        "spans": [_span(span, process_of[span.service or "unknown"]) for span in spans],
        "processes": {process_of[name]: {"serviceName": name, "tags": []} for name in services},
        "warnings": None,
    }


def _span(span: Span, process: str) -> Json:
    references = [_reference("FOLLOWS_FROM", link.trace_id, link.span_id) for link in span.links]
    if span.parent_span_id:
        references.insert(0, _reference("CHILD_OF", span.trace_id, span.parent_span_id))
    tags = [_tag("span.kind", span.kind)]
    tags += [_tag(key, value) for key, value in span.attributes.items()]
    if span.error:
        tags += [
            _tag("error", True),
            _tag("otel.status_code", "ERROR"),
            _tag("otel.status_description", span.error),
        ]
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": references,
        "startTime": span.start_us,
        "duration": max(0, span.end_us - span.start_us),
        "tags": tags,
        "logs": [_log(event) for event in span.events],
        "processID": process,
        "warnings": None,
    }


def _log(event: SpanEvent) -> Json:
    fields = [_tag("event", event.name), *(_tag(key, value) for key, value in event.attributes.items())]
    return {"timestamp": event.at_us, "fields": fields}


def _reference(kind: str, trace_id: str, span_id: str) -> Json:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def _tag(key: str, value: object) -> Json:
    match value:
        case bool():
            kind = "bool"
        case int():
            kind = "int64"
        case float():
            kind = "float64"
        case _:
            kind, value = "string", str(value)
    return {"key": key, "type": kind, "value": value}
