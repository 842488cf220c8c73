"""`headrace deploy`: definitions from files and modules, all or nothing, over HTTP or straight to NATS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.failures import ExitCode
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
    from collections.abc import Callable

    from headrace.bus.options import BusOptions
    from headrace.cli.deploy_sets import Loaded, SetOptions
    from headrace.cli.deploy_views import DeployReport
    from headrace_protocol.messages import DeploySet

SetFlag = Annotated[
    str,
    typer.Option("--set", metavar="NAME", help="The deploy set. Default: each file is one of its own."),
]
OwnerFlag = Annotated[
    str,
    typer.Option("--owner", metavar="NAME", help="Whose set it is. Default: the Git repository, if any."),
]
TakeOverFlag = Annotated[
    bool, typer.Option("--take-over", help="Replace workflows that belong to another deploy set.")
]


def deploy(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE_OR_MODULE...", help="Files (flows.py) or modules (company.flows)."),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the coordinator check everything, and deploy nothing.")
    ] = False,
    set_name: SetFlag = "",
    owner: OwnerFlag = "",
    take_over: TakeOverFlag = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Retire workflows of the set that its files no longer define."),
    ] = False,
    gone: Annotated[
        list[str] | None,
        typer.Option("--gone", metavar="FILE", help="With --prune: a file of the set that no longer exists."),
    ] = None,
    missing: Annotated[list[str] | None, typer.Option("--missing", hidden=True)] = None,
    keep_going: Annotated[bool, typer.Option("--keep-going", hidden=True)] = False,
    report: Annotated[Path | None, typer.Option("--report", hidden=True)] = None,
    wait_s: Annotated[
        float, typer.Option("--wait-s", hidden=True, help="For a coordinator that starts.")
    ] = 0.0,
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
    """Check definitions and deploy them: all of them, or none.

    Over the HTTP API, or with the flag --nats straight to NATS. The same content never makes a new version. Exit code
    2: a definition is refused; 1: a workflow belongs to another set.
    """
    from headrace.cli.deploy_sets import SetOptions

    if not targets and not gone:
        raise typer.BadParameter("name a file or a module", param_hint="FILE_OR_MODULE")
    options = SetOptions(
        name=set_name,
        owner=owner,
        take_over=take_over,
        prune=prune,
        gone=tuple(gone or ()),
        missing=tuple(missing or ()),
        dry_run=dry_run,
    )
    loaded = _load(targets or [], options, keep_going=keep_going)
    if on_the_command_line(context, "nats"):
        bus = bus_options(
            nats,
            name="headrace-deploy",
            creds=nats_creds,
            user=nats_user,
            password=nats_password,
            token=nats_token,
            tls=(tls_ca, tls_cert, tls_key),
        )
        send = _over_nats(bus, namespace)
    else:
        asked = context.get_parameter_source("api")
        send = _over_http(api, wait_s, alone=dry_run and asked is not None and asked.name == "DEFAULT")
    raise typer.Exit(_deploy(loaded, send, report, as_json=as_json))


def _load(targets: list[str], options: SetOptions, *, keep_going: bool) -> Loaded:
    """What the targets define. What the user's modules print while they are imported is not part of our answer."""
    from headrace.cli.deploy_sets import Loaded, one_by_one, together

    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        if keep_going:
            return one_by_one(targets, options)
        return Loaded(((tuple(targets), together(targets, options)),))
    finally:
        sys.stdout = stdout


def _over_nats(bus: BusOptions, namespace: str) -> Callable[[DeploySet], DeployReport]:
    from headrace.cli.bus_calls import deploy_set

    return lambda command: deploy_set(command, bus, namespace)


def _over_http(api: str | None, wait_s: float, *, alone: bool) -> Callable[[DeploySet], DeployReport]:
    """Deploys by the HTTP API. `alone`: where no coordinator answers, a dry run checks what can be checked here."""
    import time

    from headrace.cli.api import Api
    from headrace.cli.deploy_reports import checked_here
    from headrace_protocol.errors import Unavailable

    client, give_up_at = Api(api_url(api)), time.monotonic() + wait_s

    def send(command: DeploySet) -> DeployReport:
        while True:
            try:
                return client.deploy(command)
            except Unavailable as error:
                if alone:
                    return checked_here(command, error)
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.02)

    return send


def _deploy(
    loaded: Loaded, send: Callable[[DeploySet], DeployReport], report: Path | None, *, as_json: bool
) -> ExitCode:
    """Send the deploys one after the other, and tell what became of them; the exit code."""
    from headrace.cli.deploy_reports import FileReport, combined, exit_code_of, report_lines, write_report
    from headrace.cli.failures import describe, from_info, in_color

    files = [FileReport(targets=(one.target,), error=one.error) for one in loaded.broken]
    reports = []
    for targets, command in loaded.deploys:
        answer = send(command)
        reports.append(answer)
        files.append(FileReport(targets=targets, error=answer.error, loaded=True))
    if report is not None:
        write_report(report, files)
    whole = combined(reports)
    if as_json:
        output.say(output.as_json(whole))
    else:
        output.say(*report_lines(whole))
    for one in loaded.broken:
        output.note(describe(from_info(one.error), color=in_color(sys.stderr)))
    if not whole.results and not loaded.broken:
        output.note("there are tasks, but no workflow to deploy")
    return ExitCode.USAGE if loaded.broken else exit_code_of(whole)
