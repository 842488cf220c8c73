"""Which attempts are told as spans over the bus: those that say more than their outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from headrace.runtime.attempt import Attempt, Produced, Stop
from headrace.runtime.middleware import CallNext
from headrace.runtime.span_shipper import SpanShipper
from headrace.runtime.tracing import Tracing
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Span, TaskMessage

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
PRODUCED = Produced(msgspec.Raw(b"\xc0"))


class Kept(SpanProcessor):
    """Stands where the bus is."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def on_end(self, span: ReadableSpan) -> None:
        pass

    def adopt(self, attempt: Attempt, spans: Sequence[Span]) -> None:
        self.spans += spans


async def works(attempt: Attempt) -> Produced:
    return PRODUCED


async def fails(attempt: Attempt) -> Produced:
    raise LookupError("oh")


async def annotates(attempt: Attempt) -> Produced:
    trace.get_current_span().set_attribute("rows", 7)
    return PRODUCED


async def is_given_back(attempt: Attempt) -> Produced:
    attempt.stop = Stop.DRAIN
    raise asyncio.CancelledError


async def ends_all_the_same(attempt: Attempt) -> Produced:
    """It was to be given back, and its end is not reported."""
    attempt.stop = Stop.DRAIN
    return PRODUCED


async def told(
    work: Callable[[Attempt], Awaitable[Produced]], *, sampled: bool = True, delivery: int = 1
) -> list[Span]:
    kept = Kept()
    tracing = Tracing(cast("SpanShipper", kept), "worker-1")
    message = TaskMessage(
        run_id="r",
        workflow="w",
        node="n",
        attempt=1,
        task="t",
        shard=0,
        queue="q",
        queued_at_us=1,
        trace=msgspec.structs.replace(TRACE, sampled=sampled),
    )
    attempt = Attempt(message, None, "", delivery)
    attempt.begin()
    call_next: CallNext = work
    await asyncio.gather(tracing(attempt, call_next), return_exceptions=True)
    await tracing.close()
    return kept.spans


async def test_an_attempt_that_went_as_it_should_is_not_told() -> None:
    assert await told(works) == []


@pytest.mark.parametrize(
    ("work", "error"),
    [(fails, "LookupError: oh"), (annotates, ""), (is_given_back, "drain"), (ends_all_the_same, "")],
)
async def test_one_that_says_more_is_told(work: Callable[[Attempt], Awaitable[Produced]], error: str) -> None:
    (span,) = await told(work)
    assert (span.name, span.error, span.parent_span_id) == ("attempt n", error, TRACE.span_id)
    assert span.attributes["headrace.worker.id"] == "worker-1"
    assert await told(work, sampled=False) == []


async def test_a_redelivery_is_told() -> None:
    (span,) = await told(works, delivery=2)
    assert span.attributes["headrace.delivery"] == 2
