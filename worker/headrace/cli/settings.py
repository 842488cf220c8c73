"""Settings from `headrace.toml`, and the address of a running `headrace dev`.

A key at the top of the file is a flag's name with underscores and holds for every command that has the flag;
a table holds for the command of its name:

    api = "https://headrace.example.com"
    nats = "nats://nats.example.com:4222"

    [worker]
    slots = 20
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import msgspec

from headrace_protocol.errors import ConfigError

FILE_NAME = "headrace.toml"
DEV_FILE = Path(".headrace") / "dev.json"
DEFAULT_API = "http://127.0.0.1:8400"

Defaults = dict[str, object]
"""By flag; by sub-command, Defaults again: what the command-line parser calls a default map."""


class Option(Protocol):
    """What is needed of a command's option."""

    @property
    def name(self) -> str: ...
    def check(self, value: object) -> None:
        """Raises ValueError with the parser's own words."""


class CommandTree(Protocol):
    """A command: its options by their names in the file, and its sub-commands."""

    @property
    def options(self) -> Mapping[str, Option]: ...
    @property
    def commands(self) -> Mapping[str, CommandTree]: ...


class Dev(msgspec.Struct, frozen=True, kw_only=True):
    """What a running `headrace dev` says of itself."""

    pid: int
    api: str
    nats: str
    data: str
    namespace: str = "default"


def find_file(start: Path) -> Path | None:
    """The nearest `headrace.toml`, from `start` upward."""
    return _upward(start, Path(FILE_NAME))


def read_file(path: Path) -> Mapping[str, object]:
    """The file's content; raises ConfigError where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the settings file cannot be read: {error}", where=str(path), expected="TOML in UTF-8"
        ) from error


def defaults(tree: CommandTree, content: Mapping[str, object], path: Path) -> Defaults:
    """The file's values where each command looks for them; raises ConfigError for what fits none."""
    _check_keys(tree, content, path, "")
    return _spread(tree, {}, content, path)


def running_dev(start: Path) -> Dev | None:
    """The `headrace dev` that was started in `start` or above, if it still runs."""
    path = _upward(start, DEV_FILE)
    if path is None:
        return None
    try:
        dev = msgspec.json.decode(path.read_bytes(), type=Dev)
        os.kill(dev.pid, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    return dev


def api_url(given: str | None) -> str:
    """The coordinator's API: what was given, else that of `headrace dev`, else the default."""
    if given:
        return given
    dev = running_dev(Path.cwd())
    return dev.api if dev else DEFAULT_API


def _upward(start: Path, name: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / name).is_file():
            return folder / name
    return None


def _spread(tree: CommandTree, inherited: Defaults, content: Mapping[str, object], path: Path) -> Defaults:
    values = {**inherited, **{key: value for key, value in content.items() if not isinstance(value, dict)}}
    found: Defaults = {}
    for key, value in values.items():
        option = tree.options.get(key)
        if option is not None:
            _check_value(option, key, value, path)
            found[option.name] = value
    for name, command in tree.commands.items():
        table = content.get(name)
        found[name] = _spread(command, values, table if isinstance(table, dict) else {}, path)
    return found


def _check_keys(tree: CommandTree, content: Mapping[str, object], path: Path, prefix: str) -> None:
    options = set(_options(tree))
    for key, value in content.items():
        where = f"{path}, {prefix}{key}"
        if isinstance(value, dict):
            if key not in tree.commands:
                raise _unknown("no command has this name", where, key, sorted(tree.commands))
            _check_keys(tree.commands[key], value, path, f"{prefix}{key}.")
        elif key not in options:
            raise _unknown("no command has such a setting", where, key, sorted(options))


def _options(tree: CommandTree) -> Iterator[str]:
    yield from tree.options
    for command in tree.commands.values():
        yield from _options(command)


def _unknown(what: str, where: str, found: str, known: list[str]) -> ConfigError:
    close = get_close_matches(found, known, n=1)
    return ConfigError(
        what,
        where=where,
        found=found,
        expected=", ".join(known),
        fix=f"Did you mean {close[0]}?" if close else "Remove it, or correct its name.",
    )


def _check_value(option: Option, key: str, value: object, path: Path) -> None:
    try:
        option.check(value)
    except ValueError as error:
        raise ConfigError(
            "a setting has a wrong value", where=f"{path}, {key}", found=repr(value), expected=str(error)
        ) from error
