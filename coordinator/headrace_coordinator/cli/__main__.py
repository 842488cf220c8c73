"""`python -m headrace_coordinator.cli`: the coordinator's commands alone, which start quicker."""

import sys

import typer

from headrace_coordinator.cli import app
from headrace_protocol.errors import HeadraceError

try:
    typer.main.get_command(app)(prog_name="headrace")
except HeadraceError as error:
    sys.exit(f"error: {error}")
