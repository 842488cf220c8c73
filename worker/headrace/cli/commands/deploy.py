"""`headrace deploy`: definitions from files and modules, over HTTP or straight to NATS."""

from __future__ import annotations

import sys
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
    TargetsArgument,
    TokenFlag,
    UserFlag,
    bus_options,
    on_the_command_line,
)
from headrace.cli.settings import api_url

if TYPE_CHECKING:
    from headrace.cli.views import Deployed
    from headrace_protocol.definition import WorkflowDefinition


def deploy(
    context: typer.Context,
    targets: TargetsArgument,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the definitions, deploy nothing.")
    ] = False,
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
    """Check definitions and deploy them.

    Over the HTTP API, or with the flag --nats straight to NATS. The same content never makes a new version.
    """
    from headrace.authoring.loader import load_all

    # What the user's module prints while it is imported is not part of our answer.
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        definitions = [workflow.definition for workflow in load_all(targets).workflows.values()]
    finally:
        sys.stdout = stdout
    if dry_run:
        replies = [_dry(definition) for definition in definitions]
    elif not on_the_command_line(context, "nats"):
        replies = [_over_http(definition, api, wait_s) for definition in definitions]
    else:
        options = bus_options(
            nats,
            name="headrace-deploy",
            creds=nats_creds,
            user=nats_user,
            password=nats_password,
            token=nats_token,
            tls=(tls_ca, tls_cert, tls_key),
        )
        from headrace.cli.bus_calls import deploy_definitions

        replies = deploy_definitions(definitions, options, namespace)
    if as_json:
        output.say(output.as_json(replies))
        return
    if not replies:
        output.note("there are tasks, but no workflow to deploy")
        return
    for reply in replies:
        what = "valid" if dry_run else "deployed" if reply.created else "unchanged"
        output.say(f"{what:<10} {reply.workflow}  version {reply.version[:12]}")


def _dry(definition: WorkflowDefinition) -> Deployed:
    from headrace.cli.views import Deployed

    return Deployed(workflow=definition.name, version=definition.version(), created=False)


def _over_http(definition: WorkflowDefinition, api: str | None, wait_s: float) -> Deployed:
    import time

    from headrace.cli.api import Api, segment
    from headrace.cli.views import Deployed
    from headrace_protocol.errors import Unavailable

    client, give_up_at = Api(api_url(api)), time.monotonic() + wait_s
    while True:
        try:
            return client.put(f"/workflows/{segment(definition.name)}", definition, Deployed)
        except Unavailable:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
