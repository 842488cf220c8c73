"""Nodes of small runs are kept in the run's own row, and instead of a key for each cause the ids of runs that have
been pruned: a run is named after its cause.

The table of runs is made anew and filled, so that a migrated file is the same as a new one. Runs of before keep
the rows of their nodes, which are read as long as there are no others.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEPT_US = 35 * 86_400 * 1_000_000
_COLUMNS = (
    '"key", run_id, workflow, state, open_shard, created_at_us, finished_at_us, "trigger", event_id, labels,'
    " search, body"
)


def upgrade() -> None:
    for index in ("runs_open", "runs_by_state", "runs_by_workflow"):
        op.drop_index(index, "runs")
    op.rename_table("runs", "old_runs")
    op.create_table(
        "runs",
        sa.Column("key", _Key, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("open_shard", sa.Integer(), nullable=True),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("finished_at_us", sa.BigInteger(), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("nodes", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("run_id"),
    )
    op.execute(f"INSERT INTO runs ({_COLUMNS}) SELECT {_COLUMNS} FROM old_runs")  # noqa: S608
    op.drop_table("old_runs")
    op.create_index(
        "runs_open", "runs", ["open_shard", "run_id"], sqlite_where=sa.text("open_shard IS NOT NULL")
    )
    op.create_index("runs_by_state", "runs", ["state", "created_at_us", "run_id"])
    op.create_index("runs_by_workflow", "runs", ["workflow", "state", "created_at_us", "run_id"])
    _pruned_runs()


def _pruned_runs() -> None:
    op.create_table(
        "pruned_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("pruned_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("pruned_runs_by_time", "pruned_runs", ["pruned_at_us"])
    # A key ran out 35 days after its run was started, a run's id is forgotten so long after it was pruned.
    op.execute(
        f"INSERT INTO pruned_runs (run_id, pruned_at_us) SELECT run_id, max(expires_at_us) - {_KEPT_US}"  # noqa: S608
        " FROM dedupe WHERE run_id NOT IN (SELECT run_id FROM runs) GROUP BY run_id"
    )
    op.drop_table("dedupe")
