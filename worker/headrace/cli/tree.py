"""The command tree as the settings file sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import typer

from headrace.cli.settings import CommandTree, Option

_NOT_SETTINGS = frozenset(
    {"help", "version", "json", "install_completion", "show_completion", "ready_fd", "state_file", "wait_s"}
)


class _Parameter(Protocol):
    name: str
    param_type_name: str
    opts: list[str]

    def process_value(self, ctx: typer.Context, value: object) -> object: ...


class FlagOption:
    """A flag of a command, checked by the parser itself."""

    def __init__(self, parameter: _Parameter, context: typer.Context) -> None:
        self.name = parameter.name
        self._parameter = parameter
        self._context = context

    def check(self, value: object) -> None:
        try:
            self._parameter.process_value(self._context, value)
        except typer.BadParameter as error:
            raise ValueError(error.message) from error


class Tree:
    """A command of Typer's as `settings.CommandTree`."""

    def __init__(self, command: object) -> None:
        context = typer.Context(command)  # type: ignore[arg-type]
        parameters: list[_Parameter] = getattr(command, "params", [])
        self.options: Mapping[str, Option] = {
            _key(one): FlagOption(one, context)
            for one in parameters
            if one.param_type_name == "option" and _key(one) not in _NOT_SETTINGS
        }
        commands: dict[str, object] = getattr(command, "commands", {})
        self.commands: Mapping[str, CommandTree] = {name: Tree(one) for name, one in commands.items()}


def _key(parameter: _Parameter) -> str:
    """The longest flag with underscores: `--nats-creds` is `nats_creds` in the file."""
    return max(parameter.opts, key=len).lstrip("-").replace("-", "_")
