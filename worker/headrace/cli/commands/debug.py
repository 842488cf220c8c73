"""`headrace debug`: one attempt of a run, here, under the user's debugger."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, TargetsArgument
from headrace.cli.settings import api_url


def debug(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of it, or `latest`.")],
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node of the run.")],
    targets: TargetsArgument,
    *,
    item: Annotated[
        int | None, typer.Option("--item", min=0, metavar="INDEX", help="Of a map: which item.")
    ] = None,
    post_mortem: Annotated[
        bool, typer.Option("--post-mortem", help="Open pdb where the task raises.")
    ] = False,
    step: Annotated[bool, typer.Option("--step", help="Stop in pdb at the task's first line.")] = False,
    api: ApiFlag = None,
) -> None:
    """Run one attempt in this process, with its real input, and record nothing.

    The task runs in the main thread with the terminal's input and output: `breakpoint()` works, and so does
    `python -m debugpy --listen 5678 -m headrace.cli debug ...`. It exits with 1 when the task raises.
    """
    from headrace.cli.api import Api, segment
    from headrace.cli.debugging import NodeInput, prepare, run_here
    from headrace.cli.lookup import find_run

    client = Api(api_url(api))
    path = f"/runs/{segment(find_run(client, run))}/nodes/{segment(node)}/input"
    given = client.get_msgpack(path, NodeInput, {"item": item, "format": "msgpack"})
    attempt = prepare(given, targets)
    place = node if item is None else f"{node}, item {item}"
    output.note(
        f"{given.workflow} {given.run_id}, node {place}: task {given.task} runs here, in this process."
    )
    output.note(
        "Nothing is recorded: no attempt, log, span or result. What the task does elsewhere (files, databases, "
        "requests) is real."
    )
    raise typer.Exit(run_here(attempt, post_mortem=post_mortem, step=step))
