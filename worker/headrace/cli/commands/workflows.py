"""`headrace workflows`: what is deployed."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag
from headrace.cli.settings import api_url

app = typer.Typer(help="What is deployed.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_workflows(api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List workflows with their triggers and runs."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import workflow_table
    from headrace.cli.views import WorkflowList

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
    from headrace.cli.views import WorkflowDetail

    client, path, query = Api(api_url(api)), f"/workflows/{segment(name)}", {"version": version}
    if as_json:
        output.say_json(client.get_bytes(path, query))
        return
    output.say(*workflow_lines(client.get(path, WorkflowDetail, query)))
