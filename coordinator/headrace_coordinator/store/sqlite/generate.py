"""Writes `schema.sql` and `statements.sql` from the SQLAlchemy definitions, so that no start imports it.

    python -m headrace_coordinator.store.sqlite.generate

A test fails when the files are not what this makes.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from headrace_coordinator.store.prunes import PRUNES
from headrace_coordinator.store.queries import READS
from headrace_coordinator.store.schema import metadata

HERE = Path(__file__).parent
_HEADER = "-- Made by `python -m headrace_coordinator.store.sqlite.generate`: not to be edited.\n"
_DIALECT = dialect(paramstyle="named")
_PARAMETER = re.compile(r":(\w+)")


def schema_sql() -> str:
    """The statements that make an empty database one of the newest revision."""
    parts = [_HEADER]
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made = [CreateTable(table).compile(dialect=_DIALECT)]
        made += [CreateIndex(index).compile(dialect=_DIALECT) for index in indexes]
        parts += [_tidy(str(statement)) + ";\n" for statement in made]
    return "\n".join(parts)


def statements_sql() -> str:
    """Queries and deletions, each under a line `-- name: <name>`."""
    parts = [_HEADER]
    for name, statement in {**READS, **PRUNES}.items():
        parts.append(f"-- name: {name}\n{_tidy(_text(statement))};\n")
    return "\n".join(parts)


def _text(statement: ClauseElement) -> str:
    """A statement with its literals in it: SQLite uses a partial index only if it can read its condition."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    literals = {key: repr(value) for key, value in compiled.params.items() if value is not None}
    return _PARAMETER.sub(lambda found: literals.get(found[1], found[0]), str(compiled))


def _tidy(text: str) -> str:
    lines = (line.rstrip().replace("\t", "    ") for line in text.strip().splitlines())
    return "\n".join(line for line in lines if line)


if __name__ == "__main__":
    (HERE / "schema.sql").write_text(schema_sql())
    (HERE / "statements.sql").write_text(statements_sql())
