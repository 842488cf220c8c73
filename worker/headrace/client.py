"""Publishing events and commanding runs from a program, over NATS alone.

    async with Client("nats://127.0.0.1:4222") as client:
        await client.publish("orders.uploaded", {"path": "orders.csv"})
        run = await client.start_run("import_orders", {"path": "orders.csv"})

An event is safe when `publish` returns: the stream has it. A command is answered after the coordinator has
committed it. When OpenTelemetry is configured in the calling program, both are traced from its active span
on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import msgspec

from headrace.bus import Bus, BusError, BusOptions, Message
from headrace.bus.refusals import check_payload, not_stored
from headrace.serializers.values import encode, plain_data
from headrace_protocol import codec, headers, ids
from headrace_protocol.cloudevent import CloudEvent, encode_binary
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import ErrorCode, ErrorInfo, HeadraceError, ParamsError, Unavailable
from headrace_protocol.headers import TraceContext, parse_traceparent
from headrace_protocol.messages import CancelRun, Command, CommandReply, Deploy, DeploySet, StartRun
from headrace_protocol.topology import Topology

DEFAULT_TIMEOUT_S = 10.0
_SENDER = "client"


class Client:
    """A connection for publishing and commanding; an async context manager.

    `shards` must be the coordinator's number of shards, which is 1 unless it was set.
    """

    def __init__(
        self,
        url: str = "",
        *,
        namespace: str = "default",
        shards: int = 1,
        options: BusOptions | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """`options` says more about the connection than `url` can: credentials, TLS, several addresses."""
        chosen = options or BusOptions(name="headrace-client")
        self._options = msgspec.structs.replace(chosen, urls=(url,)) if url else chosen
        self._topology = Topology(namespace)
        self._shards = shards
        self._timeout_s = timeout_s
        self._connection: Bus | None = None

    async def __aenter__(self) -> Self:
        """Raises Unavailable when no server answers."""
        from headrace.bus.nats_bus import connect

        self._connection = await connect(self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def publish(
        self,
        type: str,
        data: object = None,
        *,
        id: str | None = None,
        source: str = "",
        subject: str = "",
        time: datetime | None = None,
        traceparent: str | None = None,
        extensions: Mapping[str, str | int | bool] | None = None,
    ) -> str:
        """Publish a CloudEvent and return its id. One id and source is one event, however often it is sent.

        Raises ProtocolError for attributes that CloudEvents does not allow, Unavailable when the event
        could not be stored within the timeout.
        """
        event = CloudEvent(
            id=id or uuid4().hex,
            source=source or f"/headrace/{socket.gethostname()}",
            type=type,
            subject=subject,
            time=(time or datetime.now(UTC)).isoformat(),
            data=data if isinstance(data, bytes) else plain_data(data),
            extensions=dict(extensions or {}),
        )
        with _producer_span(f"publish {type}", traceparent) as trace:
            sent, body = encode_binary(event)
            sent[headers.MESSAGE_ID] = f"{event.source} {event.id}"
            if trace is not None:
                sent |= _trace_headers(trace)
            await self._store(self._topology.subjects.event(type), body, sent)
        return event.id

    async def start_run(
        self,
        workflow: str,
        params: Mapping[str, object] | None = None,
        *,
        run_id: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> CommandReply:
        """Start a run. With the run id or idempotency key of one that exists, nothing is started and
        `created` is False. Raises what the coordinator answered: NotFound, ParamsError, Conflict; or
        Unavailable."""
        namespace = self._topology.namespace
        if run_id is None and idempotency_key is not None:
            run_id = ids.derived_run_id(namespace, workflow, "manual", idempotency_key)
        chosen = run_id or ids.new_run_id()
        with _producer_span(f"start {workflow}", None) as trace:
            command = StartRun(
                run_id=chosen,
                workflow=workflow,
                params=_as_object(params or {}, workflow),
                trigger="manual",
                labels=dict(labels or {}),
                trace=trace,
            )
            return await self._command(chosen, command)

    async def cancel_run(self, run_id: str, *, by: str = "", reason: str = "") -> CommandReply:
        """Cancel a run. Raises NotFound, or Unavailable."""
        return await self._command(run_id, CancelRun(run_id=run_id, by=by, reason=reason))

    async def deploy(self, definition: WorkflowDefinition) -> CommandReply:
        """Make a definition the current version of its workflow. Raises DefinitionError, or Unavailable."""
        return await self._command(definition.name, Deploy(definition=definition))

    async def deploy_set(self, command: DeploySet) -> CommandReply:
        """Deploy all of a set or nothing: the reply says what became of each workflow, and in `error` why nothing was
        deployed. Raises Unavailable."""
        return await self._ask("", command)

    async def _command(self, actor: str, command: Command) -> CommandReply:
        reply = await self._ask(actor, command)
        if reply.error is not None:
            raise error_from(reply.error)
        return reply

    async def _ask(self, actor: str, command: Command) -> CommandReply:
        bus = self._bus
        inbox = bus.inbox()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            if not answer.done():
                answer.set_result(message)

        subscription = await bus.subscribe(inbox, take)
        subject = self._topology.subjects.input(ids.shard_of(actor, self._shards), "command", _SENDER)
        try:
            sent = headers.make(message_id=uuid4().hex) | {headers.REPLY_TO: inbox}
            await self._store(subject, codec.encode(command), sent)
            message = await asyncio.wait_for(answer, self._timeout_s)
        except TimeoutError:
            raise Unavailable(
                "no coordinator has answered; the command is kept and will be carried out",
                where=subject,
                found=f"nothing within {self._timeout_s:g} s",
                expected="the coordinator's reply",
                fix="Start a coordinator for this namespace; if one runs, give this client its number of shards.",
            ) from None
        finally:
            await subscription.unsubscribe()
        return codec.decode(message.body, CommandReply, message.headers, where=inbox)

    async def _store(self, subject: str, body: bytes, sent: Mapping[str, str]) -> None:
        bus = self._bus
        check_payload(bus, subject, body, sent)
        try:
            async with asyncio.timeout(self._timeout_s):
                await bus.publish(subject, body, sent)
        except (BusError, TimeoutError) as error:
            raise not_stored(error, subject, self._options.shown, bus.last_error) from error

    @property
    def _bus(self) -> Bus:
        if self._connection is None:
            raise Unavailable(
                "the client is not connected",
                where="Client",
                fix="Use it in `async with Client(...) as client:`.",
            )
        return self._connection


def publish_event(
    type: str, data: object = None, *, url: str = "", namespace: str = "default", id: str | None = None
) -> str:
    """Publish one event from code that is not async; returns its id. Raises like `Client.publish`."""

    async def publish() -> str:
        async with Client(url, namespace=namespace) as client:
            return await client.publish(type, data, id=id)

    return asyncio.run(publish())


def error_from(info: ErrorInfo) -> HeadraceError:
    """The exception that an error on the wire stands for."""
    try:
        code = ErrorCode(info.code)
    except ValueError:  # a newer coordinator knows more codes
        code = ErrorCode.INTERNAL
    kinds = [kind for kind in _kinds(HeadraceError) if kind.default_code is code]
    kind = kinds[0] if kinds else HeadraceError
    return kind(
        info.message, where=info.where, found=info.found, expected=info.expected, fix=info.fix, code=code
    )


def _kinds(kind: type[HeadraceError]) -> Iterator[type[HeadraceError]]:
    for member in kind.__subclasses__():
        yield member
        yield from _kinds(member)


def _as_object(params: Mapping[str, object], workflow: str) -> msgspec.Raw:
    try:
        return msgspec.Raw(encode(dict(params)))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise ParamsError(
            f"the params cannot be encoded: {error}", where=f"workflow {workflow}", found=repr(params)[:200]
        ) from error


@contextmanager
def _producer_span(name: str, traceparent: str | None) -> Iterator[TraceContext | None]:
    """A producer span under the active one, or under `traceparent`. Without a tracer provider there is none,
    and the trace context that was given passes through."""
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    given = parse_traceparent(traceparent)
    parent = extract({"traceparent": given.traceparent}) if given is not None else None
    tracer = trace.get_tracer("headrace.client")
    span = tracer.start_span(name, parent, trace.SpanKind.PRODUCER)
    found = span.get_span_context()
    if not found.is_valid:
        yield given
        return
    with trace.use_span(span, end_on_exit=True):
        yield TraceContext(
            format(found.trace_id, "032x"),
            format(found.span_id, "016x"),
            found.trace_flags.sampled,
            found.trace_state.to_header(),
        )


def _trace_headers(trace: TraceContext) -> dict[str, str]:
    found = {headers.TRACEPARENT: trace.traceparent}
    return found | {headers.TRACESTATE: trace.state} if trace.state else found
