"""The coordinator's commands, which the `headrace` command finds by entry point: `dev`, `coordinator`
and `conformance`."""

from __future__ import annotations

import typer

from headrace_coordinator.cli import conformance
from headrace_coordinator.cli.coordinator import coordinator
from headrace_coordinator.cli.dev import dev

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("dev")(dev)
app.command("coordinator")(coordinator)
app.add_typer(conformance.app, name="conformance")
