"""The span of an attempt.

The SDK's own span costs more than everything else about a short task, and cannot be given an id. This one is
as small as its purpose: it is what `opentelemetry.trace.get_current_span()` finds in a task, the parent of
the user's spans, and at its end a message of ours. What nobody asks for is not made.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from time import time_ns

from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes, AttributeValue

from headrace.runtime.attempt import Attempt
from headrace.runtime.failures import text_of
from headrace_protocol.messages import SpanEvent

_FLAGS = {
    sampled: TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT) for sampled in (False, True)
}


class AttemptSpan(Span):
    """Recording until it has ended, if it is sampled at all; see `opentelemetry.trace.Span`."""

    def __init__(self, attempt: Attempt, sampled: bool, ended: Callable[[AttemptSpan], None]) -> None:
        """`ended` is called at the end of a span that is sampled."""
        self.attempt = attempt
        self.name = ""
        """What the user has called it; so are the attributes the user's."""
        self.end_us = 0
        self.error = ""
        self.attributes: dict[str, AttributeValue] = {}
        self.events: list[SpanEvent] = []
        self.links: list[Link] = []
        self._sampled = self._recording = sampled
        self._ended = ended
        self._context: SpanContext | None = None

    @property
    def touched(self) -> bool:
        """Whether the user has added to it."""
        return bool(self.name or self.attributes or self.events or self.links)

    def get_span_context(self) -> SpanContext:
        if self._context is None:
            attempt = self.attempt
            parent = attempt.message.trace
            state = TraceState.from_header([parent.state]) if parent is not None and parent.state else None
            trace_id, span_id = int(attempt.trace_id, 16), int(attempt.span_id, 16)
            self._context = SpanContext(trace_id, span_id, False, _FLAGS[self._sampled], state)
        return self._context

    def is_recording(self) -> bool:
        return self._recording

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if self._recording:
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if self._recording:
            self.attributes.update(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self._recording:
            at_us = (timestamp or time_ns()) // 1_000
            self.events.append(SpanEvent(name, at_us, dict(attributes or {})))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self._recording:
            self.links.append(Link(context, attributes))

    def update_name(self, name: str) -> None:
        if self._recording:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        code = status.status_code if isinstance(status, Status) else status
        told = status.description if isinstance(status, Status) else description
        if self._recording:
            self.error = (told or "error") if code is StatusCode.ERROR else ""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        if not self._recording:
            return
        kind = type(exception)
        found: dict[str, AttributeValue] = {
            "exception.type": f"{kind.__module__}.{kind.__qualname__}",
            "exception.message": text_of(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**found, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._recording:
            self._recording = False
            self.end_us = (end_time or time_ns()) // 1_000
            self._ended(self)
