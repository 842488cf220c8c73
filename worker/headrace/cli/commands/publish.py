"""`headrace publish`: a CloudEvent, over HTTP or straight to NATS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import (
    ApiFlag,
    CaFlag,
    CertFlag,
    CredsFlag,
    JsonFlag,
    KeyFlag,
    NamespaceFlag,
    NatsFlag,
    PasswordFlag,
    TokenFlag,
    UserFlag,
    bus_options,
    on_the_command_line,
)
from headrace.cli.settings import api_url

if TYPE_CHECKING:
    from headrace_protocol.cloudevent import CloudEvent

SOURCE = "headrace/cli"


def publish(
    context: typer.Context,
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="Such as orders.uploaded.")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="JSON", help="JSON, @FILE, or - for stdin.")
    ] = None,
    *,
    event_id: Annotated[
        str,
        typer.Option(
            "--id", metavar="ID", help="The same id (and source) starts nothing twice. Default: random."
        ),
    ] = "",
    source: Annotated[str, typer.Option("--source", metavar="URI")] = SOURCE,
    subject: Annotated[str, typer.Option("--subject", metavar="TEXT", help="The CloudEvent's subject.")] = "",
    traceparent: Annotated[
        str, typer.Option("--traceparent", envvar="TRACEPARENT", metavar="W3C", help="Be part of this trace.")
    ] = "",
    api: ApiFlag = None,
    nats: NatsFlag = None,
    nats_creds: CredsFlag = "",
    nats_user: UserFlag = "",
    nats_password: PasswordFlag = "",
    nats_token: TokenFlag = "",
    tls_ca: CaFlag = "",
    tls_cert: CertFlag = "",
    tls_key: KeyFlag = "",
    namespace: NamespaceFlag = "default",
    as_json: JsonFlag = False,
) -> None:
    """Publish a CloudEvent.

    Over the HTTP API, and the answer says what each trigger made of it; with the flag --nats straight to NATS.
    """
    event = _event(event_type, data, event_id, source, subject, traceparent)
    if not on_the_command_line(context, "nats"):
        _over_http(event, api, as_json=as_json)
        return
    options = bus_options(
        nats,
        name="headrace-publish",
        creds=nats_creds,
        user=nats_user,
        password=nats_password,
        token=nats_token,
        tls=(tls_ca, tls_cert, tls_key),
    )
    from headrace.cli.bus_calls import publish_event

    publish_event(event, options, namespace)
    if as_json:
        output.say(output.as_json({"id": event.id, "source": event.source, "type": event.type}))
        return
    output.say(f"published {event.type} {event.id}")


def _over_http(event: CloudEvent, api: str | None, *, as_json: bool) -> None:
    from headrace.cli.api import Api
    from headrace.cli.event_views import Published
    from headrace.cli.rendering.verdicts import published_lines
    from headrace_protocol.cloudevent import encode_structured

    headers, body = encode_structured(event)
    reply = Api(api_url(api)).post_bytes("/events", body, headers, Published).events[0]
    if as_json:
        output.say(output.as_json(reply))
        return
    output.say(*published_lines(reply))


def _event(
    event_type: str, data: str | None, event_id: str, source: str, subject: str, traceparent: str
) -> CloudEvent:
    from uuid import uuid4

    from headrace.cli.arguments import json_value
    from headrace_protocol.cloudevent import CloudEvent, check

    return check(
        CloudEvent(
            id=event_id or uuid4().hex,
            source=source,
            type=event_type,
            subject=subject,
            datacontenttype="application/json",
            data=None if data is None else json_value(data, "--data"),
            extensions={"traceparent": traceparent} if traceparent else {},
        )
    )
