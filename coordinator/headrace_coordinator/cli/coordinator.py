"""`headrace coordinator`: one coordinator process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

DAY_S = 86_400.0

HostFlag = Annotated[str, typer.Option("--host", envvar="HEADRACE_HOST", help="Address to listen on.")]
PortFlag = Annotated[
    int,
    typer.Option(
        "--port", envvar="HEADRACE_PORT", min=0, max=65_535, help="Of the HTTP API; 0: any free one."
    ),
]
StoreFlag = Annotated[
    str,
    typer.Option("--store", envvar="HEADRACE_STORE", metavar="URL", help="sqlite:///FILE (absolute: ////)."),
]
ReadyFlag = Annotated[
    int | None, typer.Option("--ready-fd", hidden=True, help="Where to say that it is ready.")
]


def coordinator(
    *,
    store: StoreFlag = "sqlite:///.headrace/headrace.db",
    host: HostFlag = "127.0.0.1",
    port: PortFlag = 8400,
    namespace: Annotated[
        str, typer.Option("--namespace", envvar="HEADRACE_NAMESPACE", metavar="NAME")
    ] = "default",
    shards: Annotated[
        int, typer.Option("--shards", envvar="HEADRACE_SHARDS", min=1, help="Fixed for a namespace's life.")
    ] = 1,
    results: Annotated[
        str,
        typer.Option(
            "--results", envvar="HEADRACE_RESULTS", metavar="URL", help="Large results. Default: NATS."
        ),
    ] = "",
    results_from: Annotated[
        str,
        typer.Option(
            "--results-from",
            envvar="HEADRACE_RESULTS_FROM",
            metavar="URLS",
            help="Other places of large results that workers may name; separated by commas.",
        ),
    ] = "",
    keep_spans: Annotated[
        bool,
        typer.Option("--keep-spans/--no-keep-spans", envvar="HEADRACE_KEEP_SPANS", help="For `runs trace`."),
    ] = True,
    ack_wait: Annotated[
        float,
        typer.Option(
            "--ack-wait", envvar="HEADRACE_ACK_WAIT", min=1.0, help="Seconds a worker may be silent."
        ),
    ] = 30.0,
    keep_runs_days: Annotated[
        float,
        typer.Option("--keep-runs-days", envvar="HEADRACE_KEEP_RUNS_DAYS", min=0.0, help="Finished ones."),
    ] = 30.0,
    keep_logs_days: Annotated[
        float, typer.Option("--keep-logs-days", envvar="HEADRACE_KEEP_LOGS_DAYS", min=0.0)
    ] = 14.0,
    keep_spans_days: Annotated[
        float, typer.Option("--keep-spans-days", envvar="HEADRACE_KEEP_SPANS_DAYS", min=0.0)
    ] = 3.0,
    keep_events_days: Annotated[
        float, typer.Option("--keep-events-days", envvar="HEADRACE_KEEP_EVENTS_DAYS", min=0.0)
    ] = 14.0,
    keep_replay_days: Annotated[
        float,
        typer.Option(
            "--keep-replay-days",
            envvar="HEADRACE_KEEP_REPLAY_DAYS",
            min=0.0,
            help="Events on NATS, once read, for others.",
        ),
    ] = 7.0,
    nats: Annotated[
        str, typer.Option("--nats", envvar="HEADRACE_NATS", metavar="URL", help="Servers, comma-separated.")
    ] = "nats://127.0.0.1:4222",
    nats_creds: Annotated[
        str, typer.Option("--nats-creds", envvar="HEADRACE_NATS_CREDS", metavar="FILE", help="A .creds file.")
    ] = "",
    nats_user: Annotated[str, typer.Option("--nats-user", envvar="HEADRACE_NATS_USER", metavar="NAME")] = "",
    nats_password: Annotated[
        str, typer.Option("--nats-password", envvar="HEADRACE_NATS_PASSWORD", metavar="TEXT")
    ] = "",
    nats_token: Annotated[
        str, typer.Option("--nats-token", envvar="HEADRACE_NATS_TOKEN", metavar="TEXT")
    ] = "",
    tls_ca: Annotated[str, typer.Option("--tls-ca", envvar="HEADRACE_TLS_CA", metavar="FILE")] = "",
    tls_cert: Annotated[str, typer.Option("--tls-cert", envvar="HEADRACE_TLS_CERT", metavar="FILE")] = "",
    tls_key: Annotated[str, typer.Option("--tls-key", envvar="HEADRACE_TLS_KEY", metavar="FILE")] = "",
    allowed_host: Annotated[
        str,
        typer.Option(
            "--allowed-host",
            envvar="HEADRACE_ALLOWED_HOST",
            metavar="NAMES",
            help="Further names for a loopback address, as of a proxy; separated by commas.",
        ),
    ] = "",
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take the namespace over from the store that it belongs to, for good."),
    ] = False,
    replicas: Annotated[
        int,
        typer.Option(
            "--replicas",
            envvar="HEADRACE_REPLICAS",
            min=1,
            max=5,
            help="Servers of a NATS cluster that hold each stream.",
        ),
    ] = 3,
    inbox_prefix: Annotated[
        str,
        typer.Option(
            "--inbox-prefix",
            envvar="HEADRACE_INBOX_PREFIX",
            metavar="TEXT",
            help="Commands are answered on subjects below it only; several are separated by commas.",
        ),
    ] = "_INBOX",
    jaeger_url_template: Annotated[
        str,
        typer.Option(
            "--jaeger-url-template",
            envvar="HEADRACE_JAEGER_URL_TEMPLATE",
            metavar="URL",
            help="Where the web UI links traces to: http://localhost:16686/trace/{trace_id}",
        ),
    ] = "",
    await_definitions: Annotated[bool, typer.Option("--await-definitions", hidden=True)] = False,
    ready_fd: ReadyFlag = None,
) -> None:
    """Run a coordinator process.

    With its HTTP API, until SIGTERM or ctrl-C.
    """
    from headrace_coordinator.bus import NatsSettings
    from headrace_coordinator.bus.settings import inboxes_of
    from headrace_coordinator.main import CoordinatorSettings, run
    from headrace_coordinator.store.port import RetentionPolicy

    settings = CoordinatorSettings(
        namespace=namespace,
        nats=NatsSettings(
            url=nats,
            creds=nats_creds,
            user=nats_user,
            password=nats_password,
            token=nats_token,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            replicas=replicas,
        ),
        store=store,
        host=host,
        port=port,
        results=results,
        results_from=tuple(filter(None, results_from.split(","))),
        keep_spans=keep_spans,
        shards=shards,
        ack_wait_s=ack_wait,
        jaeger_url_template=jaeger_url_template,
        allowed_hosts=tuple(filter(None, allowed_host.split(","))),
        adopt=adopt,
        inboxes=inboxes_of(inbox_prefix),
        await_definitions=await_definitions,
        retention=RetentionPolicy(
            runs_s=keep_runs_days * DAY_S,
            logs_s=keep_logs_days * DAY_S,
            spans_s=keep_spans_days * DAY_S,
            events_s=keep_events_days * DAY_S,
            replay_s=keep_replay_days * DAY_S,
        ),
    )
    run(settings, None if ready_fd is None else teller(ready_fd))


def teller(ready_fd: int) -> Callable[[object], None]:
    """A function that writes what it is told as a line to a file descriptor, once."""

    def tell(what: object) -> None:
        os.write(ready_fd, f"{what}\n".encode())
        os.close(ready_fd)

    return tell
