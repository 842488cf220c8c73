"""What a condition read: the fields of the event that its text names, with their values, for whoever wonders why a
trigger did not fire."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

Path = tuple[str | int, ...]

SHOWN = 5
"""Fields named in one reason."""
LENGTH = 60
"""Characters of one value."""
ABSENT = object()

_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_FIELD = re.compile(r"\bevent((?:\.[A-Za-z_]\w*(?!\w|\s*\()|\[\d+\]|\[\"[^\"\\]*\"\]|\['[^'\\]*'\])+)")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[[\"']([^\"']*)[\"']\]")


def fields_of(source: str) -> tuple[Path, ...]:
    """The fields of `event` that a CEL expression names, in the order of its text, each once."""
    strings = [match.span() for match in _STRING.finditer(source)]
    found: dict[Path, None] = {}
    for match in _FIELD.finditer(source):
        if any(begin <= match.start() < end for begin, end in strings):
            continue
        steps = _STEP.findall(match[1])
        found[tuple(name or (int(index) if index else key) for name, index, key in steps)] = None
    return tuple(found)[:SHOWN]


def why_false(fields: tuple[Path, ...], event: Mapping[str, object]) -> str:
    """Why a condition did not hold, as a sentence without its end: `where was false: event.data.rows = 0`."""
    values = seen(fields, event)
    return f"where was false: {values}" if values else "where was false"


def seen(fields: tuple[Path, ...], event: Mapping[str, object]) -> str:
    """Fields with their values: `event.data.rows = 0, event.data.name is absent`."""
    return ", ".join(_seen(path, event) for path in fields)


def nothing_in(fields: tuple[Path, ...], event: Mapping[str, object]) -> str:
    """The first of the fields, or of what holds them, that is null; empty when there is none."""
    for path in fields:
        value: object = event
        for length, step in enumerate(path, 1):
            value = _inside(value, step)
            if value is None:
                return _named(path[:length])
    return ""


def _named(path: Path) -> str:
    return "event" + "".join(map(_step, path))


def _seen(path: Path, event: Mapping[str, object]) -> str:
    name = _named(path)
    value: object = event
    for step in path:
        value = _inside(value, step)
    return f"{name} is absent" if value is ABSENT else f"{name} = {_shown(value)}"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() else f'["{step}"]'


def _inside(value: object, step: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(step, ABSENT)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return ABSENT


def _shown(value: object) -> str:
    """The value as JSON; only the size of what is large."""
    if isinstance(value, Mapping | list) and value:
        return f"({'map' if isinstance(value, Mapping) else 'list'} of {len(value)})"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    text = msgspec.json.encode(value[: LENGTH + 1] if isinstance(value, str) else value).decode()
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}…"
