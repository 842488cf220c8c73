"""Log lines and spans arrive, with the ids of their attempt."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from headrace.runtime import WorkerSettings
from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.middleware import CallNext
from headrace.runtime.worker import Worker
from headrace_protocol import ids
from headrace_protocol.definition import Isolation
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Heartbeat, LogBatch, LogLine, OutcomeState, Span, SpanBatch
from tests.integration.worker.conftest import Fleet, WorkerProcess, running, task_message
from tests.support.otlp import OtlpReceiver

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


class Lines:
    """Log lines by run, as they come."""

    def __init__(self, batches: "asyncio.Queue[LogBatch]") -> None:
        self._batches = batches

    async def take(self, count: int) -> list[LogLine]:
        found: list[LogLine] = []
        while len(found) < count:
            found += (await asyncio.wait_for(self._batches.get(), 30)).lines
        return found


@pytest.fixture
async def printing(fleet: Fleet, spawn: Callable[..., WorkerProcess]) -> None:
    """A worker of its own: in this process, pytest would put its own stdout over the worker's."""
    beats = await fleet.collect(fleet.subjects.heartbeat, Heartbeat)
    spawn()
    await asyncio.wait_for(beats.get(), 30)


async def lines(fleet: Fleet) -> Lines:
    return Lines(await fleet.collect(fleet.subjects.log("default"), LogBatch))


async def spans_of(batches: "asyncio.Queue[SpanBatch]", count: int) -> dict[str, Span]:
    found: list[Span] = []
    while len(found) < count:
        found += (await asyncio.wait_for(batches.get(), 30)).spans
    return {span.name: span for span in found}


@pytest.mark.parametrize("isolation", [Isolation.THREAD, Isolation.PROCESS])
async def test_prints_and_logs(fleet: Fleet, printing: None, isolation: Isolation) -> None:
    found = await lines(fleet)
    message = task_message("talks", isolation=isolation, item=4, trace=TRACE)
    outcome = await fleet.run(message)
    assert outcome.state is OutcomeState.SUCCEEDED
    told = await found.take(4)
    assert [(line.stream, line.level, line.message) for line in told] == [
        ("stdout", "info", "first line"),
        ("logging", "info", "logged 7"),
        ("stdout", "info", "half"),
        ("stderr", "error", "no newline"),
    ]
    assert {(line.run_id, line.node, line.attempt, line.item) for line in told} == {
        (message.run_id, "talks", 1, 4)
    }
    assert {line.trace_id for line in told} == {TRACE.trace_id}
    assert {line.span_id for line in told} == {ids.derived_span_id(f"{message.run_id}/talks/4/1")}
    assert told[1].logger == "sample"


async def test_prints_at_the_same_time_do_not_mix(fleet: Fleet, printing: None) -> None:
    found = await lines(fleet)
    messages = [task_message("chatters", {"word": f"w{n}"}, isolation=Isolation.THREAD) for n in range(5)]
    messages += [task_message("chatters_async", {"word": f"a{n}"}) for n in range(5)]
    for message in messages:
        await fleet.publish(message)
    told = await found.take(200)
    words = {message.run_id: message.bindings["word"].value for message in messages}  # type: ignore[union-attr]
    assert all(line.message == f"{words[line.run_id]} {words[line.run_id]}" for line in told)


async def test_long_lines_are_cut(fleet: Fleet, printing: None) -> None:
    found = await lines(fleet)
    await fleet.publish(task_message("prints_much", isolation=Isolation.THREAD))
    (line,) = await found.take(1)
    assert line.message.endswith("[cut]")
    assert len(line.message.encode()) <= 32 * 1024


async def test_the_users_spans_are_children_of_the_attempt(fleet: Fleet, worker: Worker) -> None:
    batches = await fleet.collect(fleet.subjects.span("default"), SpanBatch)
    told = await lines(fleet)
    for isolation, task in ((Isolation.ASYNC, "opens_span"), (Isolation.PROCESS, "opens_span_in_process")):
        message = task_message(task, isolation=isolation, trace=TRACE, item=2)
        await fleet.run(message)
        (user,) = (await spans_of(batches, 1)).values()
        assert user.name == "user work"
        assert user.trace_id == TRACE.trace_id
        assert user.parent_span_id == ids.derived_span_id(f"{message.run_id}/{task}/2/1")
        assert user.service == "headrace-worker"
        (line,) = await told.take(1)
        assert line.span_id == user.span_id


async def test_what_the_user_adds_to_the_attempts_span_is_told(fleet: Fleet, worker: Worker) -> None:
    batches = await fleet.collect(fleet.subjects.span("default"), SpanBatch)
    message = task_message("annotates", trace=TRACE, item=2)
    await fleet.run(message)
    found = await spans_of(batches, 2)
    attempt = found["attempt annotates"]
    assert attempt.span_id == ids.derived_span_id(f"{message.run_id}/annotates/2/1")
    assert (attempt.trace_id, attempt.parent_span_id) == (TRACE.trace_id, TRACE.span_id)
    assert attempt.service == "headrace-worker"
    assert attempt.attributes["headrace.run.id"] == message.run_id
    assert attempt.attributes["headrace.item"] == 2
    assert attempt.attributes["rows"] == 7
    assert [(event.name, event.attributes) for event in attempt.events] == [("halfway", {"row": 3})]
    assert [link.span_id for link in attempt.links] == [found["before"].span_id]


async def test_an_attempt_without_news_is_left_to_its_outcome(fleet: Fleet, worker: Worker) -> None:
    batches = await fleet.collect(fleet.subjects.span("default"), SpanBatch)
    await fleet.run(task_message("noop", trace=TRACE))
    await fleet.run(task_message("raises", {"message": "oh"}, isolation=Isolation.THREAD, trace=TRACE))
    assert set(await spans_of(batches, 1)) == {"attempt raises"}


async def test_failures_are_seen_in_the_span(fleet: Fleet, worker: Worker) -> None:
    batches = await fleet.collect(fleet.subjects.span("default"), SpanBatch)
    await fleet.run(task_message("raises", {"message": "oh"}, isolation=Isolation.THREAD))
    attempt = (await spans_of(batches, 1))["attempt raises"]
    assert attempt.error == "LookupError: oh"
    (event,) = attempt.events
    assert event.attributes["exception.type"] == "builtins.LookupError"
    assert "sample_tasks.py" in str(event.attributes["exception.stacktrace"])


async def test_unsampled_traces_make_no_spans(fleet: Fleet, worker: Worker) -> None:
    batches = await fleet.collect(fleet.subjects.span("default"), SpanBatch)
    quiet = TraceContext(TRACE.trace_id, TRACE.span_id, sampled=False)
    await fleet.run(task_message("annotates", trace=quiet))
    await fleet.run(task_message("opens_span", trace=TRACE))
    assert set(await spans_of(batches, 1)) == {"user work"}


async def test_otlp_over_http(
    fleet: Fleet, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        async with running(Worker(settings)):
            message = task_message("opens_span_in_process", isolation=Isolation.PROCESS, trace=TRACE)
            await fleet.run(message)
        spans = {span.name: span for span in receiver.spans}
    assert spans["user work"].trace_id == TRACE.trace_id
    attempt_id = ids.derived_span_id(f"{message.run_id}/opens_span_in_process/1")
    assert spans["user work"].parent_id == attempt_id
    attempt = spans["attempt opens_span_in_process"]
    assert (attempt.span_id, attempt.parent_id) == (attempt_id, TRACE.span_id)
    assert attempt.service == "headrace-worker"
    assert attempt.attributes["headrace.run.id"] == message.run_id


class Collector(TraceServiceServicer):
    """An OTLP endpoint over gRPC."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: N802
        self.names += [
            span.name
            for found in request.resource_spans
            for scope in found.scope_spans
            for span in scope.spans
        ]
        return ExportTraceServiceResponse()


async def test_otlp_over_grpc(
    fleet: Fleet, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    endpoint = grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(collector, endpoint)
    port = endpoint.add_insecure_port("127.0.0.1:0")
    endpoint.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    async with running(Worker(settings)):
        await fleet.run(task_message("opens_span", trace=TRACE))
    endpoint.stop(None).wait()
    assert set(collector.names) == {"attempt opens_span", "user work"}


class Counting:
    """A middleware of the user's."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Produced:
        self.seen.append(f"before {attempt.message.task}")
        produced = await call_next(attempt)
        self.seen.append(f"after {attempt.message.task}")
        return produced


async def test_middleware(fleet: Fleet, settings: WorkerSettings) -> None:
    counting = Counting()
    async with running(Worker(settings, middlewares=(counting,))):
        await fleet.run(task_message("add", {"a": 1}))
    assert counting.seen == ["before add", "after add"]
