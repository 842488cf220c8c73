"""What is said of workflows that start nothing any more."""

from __future__ import annotations

from headrace_coordinator.store.records import Mark
from headrace_protocol.errors import Conflict

REASON_SHOWN = 400


def said(mark: Mark) -> str:
    """By whom and why, as the end of a clause."""
    by = f" by {mark.by}" if mark.by else ""
    return f"{by}: {mark.reason[:REASON_SHOWN]}" if mark.reason else by


def retired_conflict(workflow: str, mark: Mark) -> Conflict:
    """Why a retired workflow starts nothing."""
    return Conflict(
        "the workflow is retired" + said(mark),
        where=f"workflow {workflow}",
        found="retired",
        expected="an active workflow",
        fix=f"Restore it with `headrace workflows restore {workflow}`.",
    )


def deleted_conflict(workflow: str, mark: Mark) -> Conflict:
    """Why runs of a deleted workflow are not retried."""
    return Conflict(
        "the workflow was deleted" + said(mark),
        where=f"workflow {workflow}",
        found="a run that was kept",
        expected="a workflow that is deployed",
        fix="Deploy the workflow again, then retry the run.",
    )
