"""The span of an attempt.

The SDK's own span costs more than everything else about a short task, and cannot be given an id. This one is
as small as its purpose: it is what `opentelemetry.trace.get_current_span()` finds in a task, the parent of
the user's spans, and at its end a message of ours.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from time import time_ns

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from headrace.runtime.failures import text_of


class AttemptSpan(Span):
    """Recording until it has ended; see `opentelemetry.trace.Span`."""

    def __init__(
        self,
        context: SpanContext,
        name: str,
        start_us: int,
        attributes: dict[str, AttributeValue],
        ended: Callable[[AttemptSpan], None],
    ) -> None:
        self.name = name
        self.attributes = attributes
        self.start_us = start_us
        self.end_us = 0
        self.error = ""
        self.events: list[Event] = []
        self.links: list[Link] = []
        self._context = context
        self._ended = ended

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return not self.end_us

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if self.is_recording():
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if self.is_recording():
            self.attributes.update(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.is_recording():
            self.events.append(Event(name, attributes, timestamp or time_ns()))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.is_recording():
            self.links.append(Link(context, attributes))

    def update_name(self, name: str) -> None:
        if self.is_recording():
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        code = status.status_code if isinstance(status, Status) else status
        told = status.description if isinstance(status, Status) else description
        if self.is_recording():
            self.error = (told or "error") if code is StatusCode.ERROR else ""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        found: dict[str, AttributeValue] = {
            "exception.type": f"{kind.__module__}.{kind.__qualname__}",
            "exception.message": text_of(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**found, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self.is_recording():
            self.end_us = (end_time or time_ns()) // 1_000
            self._ended(self)
