"""The command tree, and how it is run."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from headrace.cli import failures, settings
from headrace.cli.commands import (
    deadletters,
    debug,
    demo,
    deploy,
    fleet,
    protocol,
    publish,
    run_command,
    runs,
    worker,
    workflows,
)
from headrace.cli.tree import Tree
from headrace_protocol.errors import HeadraceError

PLUGINS = "headrace.cli"
EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 not found, 4 nothing answers, 5 timed out. "
    "Settings are also HEADRACE_* variables and keys of headrace.toml."
)


def build() -> typer.Typer:
    """Every command: ours, and those that the distribution's entry points name."""
    app = typer.Typer(
        name="headrace",
        help="Event-driven pipelines on NATS JetStream.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_headrace)
    app.command("run")(run_command.run)
    app.command("publish")(publish.publish)
    app.command("deploy")(deploy.deploy)
    app.command("worker")(worker.worker)
    app.command("debug")(debug.debug)
    app.command("demo")(demo.demo)
    for plugin in _plugins():
        app.add_typer(plugin.load())
    app.add_typer(runs.app, name="runs")
    app.add_typer(workflows.app, name="workflows")
    app.command("workers")(fleet.workers)
    app.command("queues")(fleet.queues)
    app.add_typer(deadletters.app, name="deadletters")
    app.command("protocol")(protocol.protocol)
    return app


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; a mistake of the user never shows a traceback."""
    try:
        command = typer.main.get_command(build())
        file = settings.find_file(Path.cwd())
        values = settings.defaults(Tree(command), settings.read_file(file), file) if file else None
        command.main(arguments, prog_name="headrace", default_map=values)
    except HeadraceError as error:
        failures.report(error)
        sys.exit(failures.exit_code(error))
    except KeyboardInterrupt:
        sys.exit(failures.ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (`head`, a pager) has seen enough; what Python still flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(failures.ExitCode.OK)
    sys.exit(failures.ExitCode.OK)


def _plugins() -> tuple[EntryPoint, ...]:
    """The command groups of our distribution: reading those of all that is installed would take longer than
    everything else here."""
    try:
        return tuple(distribution("headrace").entry_points.select(group=PLUGINS))
    except PackageNotFoundError:
        return ()


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"headrace {version('headrace')}")
        except PackageNotFoundError:
            typer.echo("headrace (not installed: run from its source)")
        raise typer.Exit


def _headrace(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Event-driven pipelines on NATS JetStream."""
