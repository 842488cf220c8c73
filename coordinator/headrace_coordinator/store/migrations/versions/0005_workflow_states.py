"""What was ordered about workflows, its history, and where versions came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("definitions", sa.Column("origin", sa.LargeBinary(), nullable=True))
    op.create_table(
        "workflow_states",
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("deleted", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workflow"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workflow_changes",
        sa.Column("position", _Key, nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("workflow_changes_by_workflow", "workflow_changes", ["workflow", "position"])
