"""`headrace runs`: look at runs, follow them, cancel and retry them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag, LimitFlag
from headrace.cli.settings import api_url

if TYPE_CHECKING:
    from headrace.cli.api import Api
    from headrace.cli.bulk import Order, Selection

app = typer.Typer(
    help="Look at runs, follow them, cancel and retry them.", no_args_is_help=True, rich_markup_mode=None
)
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, the beginning of it, or `latest`.")
]
ManyArgument = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="A run's id, the beginning of it, or `latest`. Absent: flags choose."),
]
WorkflowFlag = Annotated[str | None, typer.Option("--workflow", "-w", metavar="NAME")]
TriggerFlag = Annotated[str | None, typer.Option("--trigger", metavar="KIND:ID")]
LabelFlag = Annotated[str | None, typer.Option("--label", metavar="KEY=VALUE")]
SearchFlag = Annotated[str | None, typer.Option("--search", metavar="TEXT", help="In run ids and errors.")]
ReasonFlag = Annotated[str, typer.Option("--reason", metavar="TEXT")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Only say which runs it would be.")]
TimeoutFlag = Annotated[
    float | None,
    typer.Option("--timeout", min=0.0, metavar="SECONDS", help="Give up watching after so long (exit 5)."),
]


@app.command("list")
def list_runs(
    *,
    workflow: WorkflowFlag = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state", "-s", metavar="STATE", help="running, succeeded, failed, cancelled; repeatable."
        ),
    ] = None,
    trigger: TriggerFlag = None,
    event: Annotated[str | None, typer.Option("--event", metavar="ID", help="Started by this event.")] = None,
    label: LabelFlag = None,
    search: SearchFlag = None,
    cursor: Annotated[str | None, typer.Option("--cursor", metavar="NEXT", help="The next page.")] = None,
    limit: LimitFlag = 20,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List runs, newest first."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.runs import run_table
    from headrace.cli.views import RunPage

    query: list[tuple[str, str | int | None]] = [
        ("workflow", workflow),
        ("trigger", trigger),
        ("event", event),
        ("label", label),
        ("q", search),
        ("cursor", cursor),
        ("limit", limit),
        *(("state", one) for one in state or ()),
    ]
    client = Api(api_url(api))
    if as_json:
        output.say_json(client.get_bytes("/runs", query))
        return
    page = client.get("/runs", RunPage, query)
    if not page.runs:
        output.note("no run matches" if any(value for _, value in query[:-1]) else "there is no run yet")
        return
    output.say(*run_table(page.runs))
    if page.next:
        output.note(output.dim(f"there are more: --cursor {page.next}"))


@app.command("show")
def show_run(run: RunArgument, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """Show a run: what started it, its nodes, how it ended."""
    from headrace.cli.rendering.runs import run_lines
    from headrace.cli.views import RunDetail

    client, path = _found(api, run)
    if as_json:
        output.say_json(client.get_bytes(path))
        return
    output.say(*run_lines(client.get(path, RunDetail)))


@app.command("logs")
def logs(
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is finished.")] = False,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE")] = None,
    item: Annotated[int | None, typer.Option("--item", min=0, metavar="INDEX", help="Of a map.")] = None,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Print what the tasks of a run logged and printed. With --json, a JSON object a line."""
    from headrace.cli.following import log_lines
    from headrace.cli.rendering.runs import log_text

    client, path = _found(api, run)
    for line in log_lines(client, path, node=node, item=item, follow=follow):
        output.say(output.as_json(line) if as_json else log_text(line))
        if follow:
            output.flush()


@app.command("watch")
def watch(run: RunArgument, timeout: TimeoutFlag = None, api: ApiFlag = None) -> None:
    """Show a run's progress until it is finished. Exit 0 when it succeeded, 1 when not, 5 out of time."""
    from headrace.cli.watching import watch_run

    client, path = _found(api, run)
    raise typer.Exit(watch_run(client, path.rpartition("/")[2], timeout_s=timeout))


@app.command("cancel")
def cancel(
    *,
    run: ManyArgument = None,
    workflow: WorkflowFlag = None,
    trigger: TriggerFlag = None,
    label: LabelFlag = None,
    search: SearchFlag = None,
    reason: ReasonFlag = "",
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
) -> None:
    """Cancel a run, or all running ones that the flags choose: nothing new starts, what is running is told to stop."""
    from headrace.cli.bulk import Order, Selection

    where = Selection(workflow=workflow, trigger=trigger, label=label, q=search)
    _order(api, run, where, Order(verb="cancel", reason=reason, yes=yes, dry_run=dry_run))


@app.command("retry")
def retry(
    *,
    run: ManyArgument = None,
    workflow: WorkflowFlag = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", "-s", metavar="STATE", help="failed, cancelled; repeatable."),
    ] = None,
    trigger: TriggerFlag = None,
    label: LabelFlag = None,
    search: SearchFlag = None,
    reason: ReasonFlag = "",
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    api: ApiFlag = None,
) -> None:
    """Retry a run that failed or was cancelled, or all that the flags choose: what has succeeded is kept."""
    from headrace.cli.bulk import Order, Selection

    where = Selection(workflow=workflow, states=tuple(state or ()), trigger=trigger, label=label, q=search)
    _order(api, run, where, Order(verb="retry", reason=reason, yes=yes, dry_run=dry_run))


@app.command("explain")
def explain(run: RunArgument, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """Say why a run is where it is, and what to do."""
    from headrace.cli.rendering.runs import explain_lines
    from headrace.cli.views import Explanation

    client, path = _found(api, run)
    if as_json:
        output.say_json(client.get_bytes(f"{path}/explain"))
        return
    output.say(*explain_lines(client.get(f"{path}/explain", Explanation)))


@app.command("result")
def result(
    *,
    run: RunArgument,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="Absent: what the run as a whole gave.")
    ] = None,
    item: Annotated[int | None, typer.Option("--item", min=0, metavar="INDEX", help="Of a map.")] = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Absent: stdout.")
    ] = None,
    msgpack: Annotated[bool, typer.Option("--msgpack", help="As it is kept.")] = False,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a result, however large: bytes and texts as they are, anything else as JSON."""
    from headrace.cli.api import segment
    from headrace.cli.downloading import download
    from headrace_protocol.errors import RequestError

    if item is not None and node is None:
        raise RequestError(
            "an item belongs to a node", where="--item", found=str(item), fix="Add --node NODE."
        )
    if msgpack and as_json:
        raise RequestError("one format at a time", where="--msgpack", found="--json too")
    client, path = _found(api, run)
    place = path if node is None else f"{path}/nodes/{segment(node)}"
    wanted = "msgpack" if msgpack else "json" if as_json else "raw"
    size = download(client, f"{place}/result/content", {"format": wanted, "item": item}, file)
    if file is not None:
        output.note(f"written: {file} ({size:,} bytes)")


@app.command("history")
def history(run: RunArgument, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """Print everything that happened to a run. With --json, a JSON object a line."""
    from headrace.cli.following import history_batches
    from headrace.cli.rendering.runs import history_text

    client, path = _found(api, run)
    for batch in history_batches(client, path):
        for event in batch.events:
            output.say(output.as_json(event) if as_json else history_text(event))


@app.command("trace")
def trace(
    run: RunArgument,
    jaeger_json: Annotated[
        Path | None,
        typer.Option(
            "--jaeger-json", metavar="FILE", help='Write what the Jaeger UI\'s "JSON File" tab opens.'
        ),
    ] = None,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw the trace of a run as a waterfall."""
    from headrace.cli.rendering.waterfall import waterfall_lines
    from headrace.cli.views import TraceView

    client, path = _found(api, run)
    if jaeger_json is not None:
        jaeger_json.write_bytes(client.get_bytes(f"{path}/trace", {"format": "jaeger"}))
        output.say(f"written: {jaeger_json}")
        return
    if as_json:
        output.say_json(client.get_bytes(f"{path}/trace"))
        return
    width = shutil.get_terminal_size((120, 24)).columns
    output.say(*waterfall_lines(client.get(f"{path}/trace", TraceView), width))


def _order(api: str | None, run: str | None, where: Selection, order: Order) -> None:
    from headrace.cli.api import Api
    from headrace.cli.bulk import order_many, order_one

    if run is None:
        order_many(Api(api_url(api)), where, order)
    else:
        order_one(*_found(api, run), where, order)


def _found(api: str | None, run: str) -> tuple[Api, str]:
    from headrace.cli.api import Api, segment
    from headrace.cli.lookup import find_run

    client = Api(api_url(api))
    return client, f"/runs/{segment(find_run(client, run))}"
