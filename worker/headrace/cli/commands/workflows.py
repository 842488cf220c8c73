"""`headrace workflows`: what is deployed, and orders about it."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag, LimitFlag
from headrace.cli.settings import api_url

NameArgument = Annotated[str, typer.Argument(metavar="WORKFLOW")]
ReasonFlag = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the workflow's history.")]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")]
TriggerFlag = Annotated[
    str, typer.Option("--trigger", metavar="ID", help="Only this trigger. Default: the workflow.")
]

app = typer.Typer(help="What is deployed, and orders about it.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_workflows(api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List workflows with their triggers and runs."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import workflow_table
    from headrace.cli.workflow_views import WorkflowList

    client = Api(api_url(api))
    if as_json:
        output.say_json(client.get_bytes("/workflows"))
        return
    workflows = client.get("/workflows", WorkflowList).workflows
    if not workflows:
        output.note("nothing is deployed yet: `headrace deploy FILE`, or start `headrace dev FILE`")
        return
    output.say(*workflow_table(workflows))


@app.command("show")
def show_workflow(
    name: Annotated[str, typer.Argument(metavar="WORKFLOW")],
    version: Annotated[
        str | None, typer.Option("--version", metavar="HASH", help="A version. Default: the current one.")
    ] = None,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a workflow: triggers, params, graph, last runs."""
    from headrace.cli.api import Api, segment
    from headrace.cli.rendering.listings import workflow_lines
    from headrace.cli.workflow_views import WorkflowDetail

    client, path, query = Api(api_url(api)), f"/workflows/{segment(name)}", {"version": version}
    if as_json:
        output.say_json(client.get_bytes(path, query))
        return
    output.say(*workflow_lines(client.get(path, WorkflowDetail, query)))


@app.command("versions")
def list_versions(name: NameArgument, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List the versions of a workflow, and where they came from."""
    from headrace.cli.api import Api, segment
    from headrace.cli.deploy_views import VersionList
    from headrace.cli.rendering.workflows import version_table

    client, path = Api(api_url(api)), f"/workflows/{segment(name)}/versions"
    if as_json:
        output.say_json(client.get_bytes(path))
        return
    output.say(*version_table(client.get(path, VersionList).versions))


@app.command("history")
def list_changes(
    name: NameArgument, limit: LimitFlag = 50, api: ApiFlag = None, as_json: JsonFlag = False
) -> None:
    """List deploys of a workflow and orders about it, newest first: what, when, who, why."""
    from headrace.cli.api import Api, segment
    from headrace.cli.deploy_views import ChangeList
    from headrace.cli.rendering.workflows import change_table

    client, path, query = Api(api_url(api)), f"/workflows/{segment(name)}/changes", {"limit": limit}
    if as_json:
        output.say_json(client.get_bytes(path, query))
        return
    output.say(*change_table(client.get(path, ChangeList, query).changes))


@app.command()
def retire(
    name: NameArgument,
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a workflow start nothing any more. Its runs finish, and it can be restored."""
    _order(name, "retire", {"reason": reason, "dry_run": dry_run}, api, as_json=as_json)


@app.command()
def restore(
    name: NameArgument,
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a retired workflow active again. What came meanwhile starts nothing."""
    _order(name, "restore", {"reason": reason, "dry_run": dry_run}, api, as_json=as_json)


@app.command()
def delete(
    name: NameArgument,
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete a workflow without open runs. Its finished runs stay as long as retention says."""
    body: dict[str, object] = {"reason": reason, "dry_run": dry_run}
    if not yes and not dry_run and not as_json:
        _order(name, "delete", {**body, "dry_run": True}, api, as_json=False)
        typer.confirm(f"Delete {name}?", abort=True)
    _order(name, "delete", body, api, as_json=as_json)


@app.command()
def rollback(
    name: NameArgument,
    version: Annotated[
        str, typer.Option("--version", metavar="HASH", help="Default: the one before the current one.")
    ] = "",
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make an earlier version current. Open runs go on with the version that they began with."""
    body: dict[str, object] = {"version": version, "reason": reason, "dry_run": dry_run}
    _order(name, "rollback", body, api, as_json=as_json)


@app.command()
def pause(
    name: NameArgument,
    trigger: TriggerFlag = "",
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Pause a workflow or one trigger. What arrives is kept; runs go on."""
    body: dict[str, object] = {"trigger": trigger, "reason": reason, "dry_run": dry_run}
    _order(name, "pause", body, api, as_json=as_json)


@app.command()
def resume(
    name: NameArgument,
    trigger: TriggerFlag = "",
    reason: ReasonFlag = "",
    *,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Resume a workflow or one trigger. Events that were kept start their runs."""
    body: dict[str, object] = {"trigger": trigger, "reason": reason, "dry_run": dry_run}
    _order(name, "resume", body, api, as_json=as_json)


def _order(name: str, verb: str, body: dict[str, object], api: str | None, *, as_json: bool) -> None:
    from headrace.cli.api import Api, segment
    from headrace.cli.deploy_views import OrderReply
    from headrace.cli.provenance import user
    from headrace.cli.rendering.workflows import order_lines

    client, path = Api(api_url(api)), f"/workflows/{segment(name)}"
    if verb == "delete":
        query = {
            "by": user(),
            "reason": str(body["reason"]),
            "dry_run": "true" if body["dry_run"] else "false",
        }
        reply = client.delete(path, query, OrderReply)
    else:
        reply = client.post(f"{path}/{verb}", {"by": user(), **body}, OrderReply)
    if as_json:
        output.say(output.as_json(reply))
        return
    output.say(*order_lines(reply))
