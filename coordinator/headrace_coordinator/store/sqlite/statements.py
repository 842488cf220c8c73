"""Compiled statements, by name, and those that make the schema, from the files beside this one."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_NAME = "-- name: "


def _load() -> dict[str, str]:
    named = (_HERE / "statements.sql").read_text().split(_NAME)[1:]
    parts = (part.partition("\n") for part in named)
    return {name: text.strip().removesuffix(";") for name, _, text in parts}


STATEMENTS = _load()


def schema_script() -> str:
    return (_HERE / "schema.sql").read_text()
