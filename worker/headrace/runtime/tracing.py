"""Every attempt as a span, with the user's own spans under it.

The attempt's span id is derived from the attempt, so the coordinator knows it without being told, and a
worker that died leaves no riddle: a redelivery is another span beside the first. Finished spans go to an
OTLP endpoint when the standard OTEL_* variables name one, and over the bus to be read without a tracing
backend. An attempt that succeeded and to whose span the user has added nothing is not sent over the bus: the
coordinator draws it from the outcome, which says the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.trace import StatusCode

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.attempt_span import AttemptSpan
from headrace.runtime.failures import text_of
from headrace.runtime.middleware import CallNext
from headrace.runtime.otlp import OtlpExport
from headrace.runtime.span_shipper import SpanShipper
from headrace.runtime.spans import active_span, links_of, provider, remote_context
from headrace.runtime.telemetry import otlp_wanted
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Span


class Tracing:
    """The middleware that makes the attempt's span, and the exporters behind it."""

    def __init__(self, shipper: SpanShipper | None, worker: str, *, otlp: bool = True) -> None:
        """`otlp`: export to the endpoint that the environment names, if any; raises ConfigError for an OTLP
        protocol that is not known."""
        tracers, self._fanout = provider()
        self._worker = worker
        self._shipper = shipper
        self._listeners: list[SpanProcessor] = [shipper] if shipper else []
        self._otlp = OtlpExport(tracers.resource) if otlp and otlp_wanted() else None
        if self._otlp is not None:
            self._listeners.append(self._otlp)
        self._sampler = tracers.sampler
        self._parent_decides = isinstance(tracers.sampler, ParentBased)
        self._service = str(tracers.resource.attributes.get(SERVICE_NAME, ""))
        self._fanout.listeners += self._listeners

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Produced:
        span = AttemptSpan(attempt, self._is_sampled(attempt), self._ended)
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            return await call_next(attempt)
        except asyncio.CancelledError:
            span.set_status(StatusCode.ERROR, attempt.stop or "cancelled")
            raise
        except BaseException as error:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {text_of(error)}")
            raise
        finally:
            otel_context.detach(token)
            span.end()

    def _is_sampled(self, attempt: Attempt) -> bool:
        parent = attempt.message.trace
        if parent is not None and self._parent_decides:
            return parent.sampled
        context = remote_context(parent) if parent is not None else None
        decision = self._sampler.should_sample(context, int(attempt.trace_id, 16), "attempt").decision
        return decision is Decision.RECORD_AND_SAMPLE

    def _ended(self, ended: AttemptSpan) -> None:
        attempt = ended.attempt
        tells_more = ended.touched or ended.error or attempt.stop is not None or attempt.delivery > 1
        shipper = self._shipper if tells_more else None
        if self._otlp is None and shipper is None:
            return
        span = self._span(ended)
        if self._otlp is not None:
            self._otlp.add(span)
        if shipper is not None:
            shipper.adopt(attempt, (span,))

    def _span(self, ended: AttemptSpan) -> Span:
        attempt = ended.attempt
        message = attempt.message
        attributes: dict[str, object] = {
            "headrace.run.id": message.run_id,
            "headrace.workflow": message.workflow,
            "headrace.node": message.node,
            "headrace.task": message.task,
            "headrace.attempt": message.attempt,
            "headrace.delivery": attempt.delivery,
            "headrace.queue": message.queue,
            "headrace.queue_wait_s": max(0, attempt.started_at_us - message.queued_at_us) / 1e6,
            "headrace.worker.id": self._worker,
        }
        if message.item is not None:
            attributes["headrace.item"] = message.item
        attributes.update(ended.attributes)
        return Span(
            trace_id=attempt.trace_id,
            span_id=attempt.span_id,
            name=ended.name or f"attempt {message.node}",
            start_us=attempt.started_at_us,
            end_us=ended.end_us,
            parent_span_id=message.trace.span_id if message.trace is not None else "",
            kind="consumer",
            service=self._service,
            attributes=attributes,
            error=ended.error,
            links=tuple(links_of(ended.links)) if ended.links else (),
            events=tuple(ended.events),
        )

    def adopt(self, attempt: Attempt, spans: Sequence[Span]) -> None:
        """Pass on spans that ended in a warm process."""
        if self._shipper is not None:
            self._shipper.adopt(attempt, spans)
        if self._otlp is not None:
            for span in spans:
                self._otlp.add(span)

    def active(self) -> TraceContext | None:
        return active_span()

    def flush(self) -> None:
        if self._shipper is not None:
            self._shipper.flush()

    async def close(self) -> None:
        for listener in self._listeners:
            self._fanout.listeners.remove(listener)
        if self._otlp is not None:  # it waits for its endpoint: not on the loop
            await asyncio.to_thread(self._otlp.shutdown)
