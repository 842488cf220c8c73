"""What the pages of the web UI ask for: levels and messages of log lines, states of dead letters, tallies.

Tables are made anew and filled, so that a migrated file is the same as a new one. Bodies are read as plain
msgpack: this module must go on working whatever becomes of the types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_PAGE = 10_000
Row = dict[str, object]


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("at_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at_s", "kind", "name", "state"),
        sqlite_with_rowid=False,
    )
    _logs()
    _dead_letters()


def _logs() -> None:
    op.drop_index("logs_by_run", "logs")
    op.drop_index("logs_by_time", "logs")
    op.rename_table("logs", "old_logs")
    logs = op.create_table(
        "logs",
        sa.Column("position", _Key, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("logs_by_run", "logs", ["run_id", "position", "level"])
    op.create_index("logs_by_time", "logs", ["at_us"])
    _copy("old_logs", logs, ("position", "run_id", "node", "item", "at_us"), _line)


def _dead_letters() -> None:
    op.drop_index("dead_letters_by_time", "dead_letters")
    op.rename_table("dead_letters", "old_dead_letters")
    letters = op.create_table(
        "dead_letters",
        sa.Column("letter_id", sa.Text(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("letter_id"),
    )
    op.create_index("dead_letters_by_position", "dead_letters", ["position"])
    op.create_index("dead_letters_by_state", "dead_letters", ["state", "received_at_us", "letter_id"])
    op.create_index("dead_letters_by_time", "dead_letters", ["received_at_us"])
    _copy("old_dead_letters", letters, ("received_at_us", "letter_id"), _letter)


def _copy(
    old: str, new: sa.Table, order: Sequence[str], more: Callable[[int, Row, dict[str, object]], Row]
) -> None:
    """Fill a table from the old one, which then goes. `more` adds what a row's body says."""
    connection = op.get_bind()
    source = sa.table(old, *[sa.column(name) for name in (*order, "body")])
    found = connection.execute(sa.select(source).order_by(*(source.c[name] for name in order)))
    number = 0
    while page := found.mappings().fetchmany(_PAGE):
        rows = []
        for row in page:
            number += 1
            kept = dict(row)
            rows.append(kept | more(number, kept, msgspec.msgpack.decode(kept["body"])))
        connection.execute(new.insert(), rows)
    op.drop_table(old)


def _line(_number: int, _row: Row, body: dict[str, object]) -> Row:
    return {
        "level": _LEVELS.get(str(body.get("level")), _LEVELS["info"]),
        "message": body.get("message", ""),
        "body": msgspec.msgpack.encode({**body, "message": ""}),
    }


def _letter(number: int, row: Row, body: dict[str, object]) -> Row:
    error = body.get("error")
    told = error if isinstance(error, dict) else {}
    parts = (row["letter_id"], body.get("subject"), told.get("code"), told.get("message"), told.get("where"))
    return {
        "position": number,
        "state": "open" if body.get("redriven_at_us") is None else "redriven",
        "search": "\n".join(str(part or "") for part in parts).lower(),
    }
