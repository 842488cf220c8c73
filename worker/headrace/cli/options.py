"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.settings import running_dev

if TYPE_CHECKING:
    from headrace.bus.options import BusOptions

ApiFlag = Annotated[
    str | None,
    typer.Option(
        "--api",
        envvar="HEADRACE_API",
        metavar="URL",
        help="The coordinator's HTTP API. Default: that of `headrace dev` here, else http://127.0.0.1:8400.",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LimitFlag = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most so many.")]
NamespaceFlag = Annotated[
    str, typer.Option("--namespace", envvar="HEADRACE_NAMESPACE", metavar="NAME", help="What shares streams.")
]
NatsFlag = Annotated[
    str | None,
    typer.Option("--nats", envvar="HEADRACE_NATS", metavar="URL", help="NATS servers, comma-separated."),
]
CredsFlag = Annotated[
    str, typer.Option("--nats-creds", envvar="HEADRACE_NATS_CREDS", metavar="FILE", help="A .creds file.")
]
UserFlag = Annotated[str, typer.Option("--nats-user", envvar="HEADRACE_NATS_USER", metavar="NAME")]
PasswordFlag = Annotated[
    str,
    typer.Option(
        "--nats-password", envvar="HEADRACE_NATS_PASSWORD", metavar="TEXT", help="Better as a variable."
    ),
]
TokenFlag = Annotated[
    str,
    typer.Option("--nats-token", envvar="HEADRACE_NATS_TOKEN", metavar="TEXT", help="Better as a variable."),
]
CaFlag = Annotated[
    str,
    typer.Option("--tls-ca", envvar="HEADRACE_TLS_CA", metavar="FILE", help="PEM of who signed the server."),
]
CertFlag = Annotated[
    str,
    typer.Option("--tls-cert", envvar="HEADRACE_TLS_CERT", metavar="FILE", help="PEM of our certificate."),
]
KeyFlag = Annotated[
    str, typer.Option("--tls-key", envvar="HEADRACE_TLS_KEY", metavar="FILE", help="PEM of its key.")
]
TargetsArgument = Annotated[
    list[str],
    typer.Argument(metavar="FILE_OR_MODULE...", help="Files (flows.py) or modules (company.flows)."),
]


def on_the_command_line(context: typer.Context, name: str) -> bool:
    """Whether a flag was typed, rather than set by a variable or a file."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def bus_options(
    nats: str | None,
    *,
    name: str,
    creds: str = "",
    user: str = "",
    password: str = "",
    token: str = "",
    tls: tuple[str, str, str] = ("", "", ""),
) -> BusOptions:
    """Connection settings: what was given, else the NATS of `headrace dev` here, else the default server."""
    from headrace.bus.options import BusOptions

    url = nats
    if url is None and (dev := running_dev(Path.cwd())) is not None:
        url = dev.nats
    given = BusOptions(name=name)
    return BusOptions(
        urls=tuple(part.strip() for part in url.split(",")) if url else given.urls,
        name=name,
        creds=creds,
        user=user,
        password=password,
        token=token,
        tls_ca=tls[0],
        tls_cert=tls[1],
        tls_key=tls[2],
    )
