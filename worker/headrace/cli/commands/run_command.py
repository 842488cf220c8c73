"""`headrace run`: start a run, and wait for it when asked."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag
from headrace.cli.settings import api_url


def run(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW")],
    *,
    params: Annotated[
        str | None, typer.Option("--params", metavar="JSON", help="An object: JSON, @FILE, or - for stdin.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="One param; JSON, else text. Repeatable."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Show progress until it is finished.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.0, metavar="SECONDS", help="With --wait: give up (exit 5)."),
    ] = None,
    idempotency_key: Annotated[
        str, typer.Option("--idempotency-key", metavar="TEXT", help="The same key starts the same run, once.")
    ] = "",
    label: Annotated[list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE")] = None,
    scheduled_at: Annotated[
        str | None,
        typer.Option(
            "--scheduled-at", metavar="TIME", help="The fire time that tasks see; a time without zone is UTC."
        ),
    ] = None,
    interval: Annotated[
        tuple[str, str] | None,
        typer.Option("--interval", metavar="FROM TO", help="The data that the run covers; TO is excluded."),
    ] = None,
    api: ApiFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Start a run. With --wait: exit 0 when it succeeded, 1 when not, 5 out of time."""
    from headrace.cli.api import Api, segment
    from headrace.cli.arguments import labels, run_params, time_given
    from headrace.cli.rendering.units import short
    from headrace.cli.views import RunDetail, Started

    client = Api(api_url(api))
    body: dict[str, object] = {"params": run_params(params, param or []), "labels": labels(label or [])}
    if idempotency_key:
        body["idempotency_key"] = idempotency_key
    if scheduled_at is not None:
        body["scheduled_at"] = time_given(scheduled_at, "--scheduled-at")
    if interval is not None:
        start, end = (time_given(text, "--interval") for text in interval)
        body["interval"] = {"start": start, "end": end}
    started = client.post(f"/workflows/{segment(workflow)}/runs", body, Started)
    if as_json and not wait:
        output.say(output.as_json(started))
        return
    again = "" if started.created else " (this idempotency key had started it before)"
    tell = output.note if as_json else output.say
    tell(f"started {workflow} {started.run_id}{again}")
    if not wait:
        tell(output.dim(f"try next: headrace runs watch {short(started.run_id)}"))
        return

    from headrace.cli.watching import await_run, watch_run

    if not as_json:
        raise typer.Exit(watch_run(client, started.run_id, timeout_s=timeout))
    code = await_run(client, started.run_id, timeout_s=timeout)
    output.say(output.as_json(client.get(f"/runs/{started.run_id}", RunDetail)))
    raise typer.Exit(code)
