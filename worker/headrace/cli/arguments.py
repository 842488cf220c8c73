"""Values on the command line: JSON, files, stdin, `key=value`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from headrace_protocol.errors import ErrorCode, HeadraceError, ParamsError, RequestError
from headrace_protocol.tagged import for_json

STDIN = "-"


def read_text(given: str, flag: str) -> str:
    """The text given, that of `@FILE`, or that of stdin for `-`; raises RequestError."""
    try:
        if given == STDIN:
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    except (OSError, UnicodeDecodeError) as error:
        raise HeadraceError(
            f"the file cannot be read: {error}",
            where=flag,
            found=given,
            expected="JSON, @FILE or - for stdin",
            code=ErrorCode.REQUEST_INVALID,
        ) from error


def json_value(given: str, flag: str) -> object:
    """A JSON value given as `read_text` reads it; raises with the place of what is wrong."""
    text = read_text(given, flag)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise HeadraceError(
            f"not JSON: {error}",
            where=flag,
            found=text[:80],
            expected="a JSON value; text needs quotes of its own",
            fix=f"""Quote it for the shell: {flag} '{{"key": "value"}}', or use {flag} @FILE.""",
            code=ErrorCode.REQUEST_INVALID,
        ) from error


def run_params(given: str | None, pairs: Iterable[str]) -> dict[str, object]:
    """The params of a run; `-p` wins over the same name in `--params`. Raises ParamsError.

    Integers beyond 64 bits are tagged, as the API wants them.
    """
    params = json_value(given, "--params") if given is not None else {}
    if not isinstance(params, dict):
        raise ParamsError(
            "params are an object",
            where="--params",
            found=type(params).__name__,
            expected='{"name": value, …}',
        )
    for pair in pairs:
        name, value = _split(pair, "-p")
        params[name] = _json_or_text(value)
    tagged_params = for_json(params)
    return tagged_params if isinstance(tagged_params, dict) else params


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """Labels by name."""
    return dict(_split(pair, "--label") for pair in pairs)


def time_given(text: str, flag: str) -> str:
    """A time as RFC 3339, in UTC where no zone is given; `2026-01-31` is its midnight. Raises RequestError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(
            "not a time",
            where=flag,
            found=repr(text),
            expected="a date or time such as 2026-01-31, 2026-01-31T06:00 or 2026-01-31T06:00:00+01:00",
            fix="Write it in that form.",
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _split(pair: str, flag: str) -> tuple[str, str]:
    name, separator, value = pair.partition("=")
    if not separator or not name:
        raise ParamsError(
            "not a pair", where=flag, found=pair, expected="KEY=VALUE", fix=f"Write {flag} key=value."
        )
    return name, value


def _json_or_text(value: str) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, ValueError):
        return value
