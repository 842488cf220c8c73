"""What an unfinished run does at the moment, in a line."""

from __future__ import annotations

from headrace.cli.rendering.units import ago, duration
from headrace.cli.views import Activity, RunSummary

LABELS = {
    "no_worker": "no worker",
    "no_task": "no worker has it",
    "no_slot": "no free slot",
    "retry": "retrying",
    "collect": "collecting",
}
"""How a kind is shown in a column of states."""

STUCK = frozenset({"no_worker", "no_task"})
"""Nothing that goes on by itself ends it."""


def label(activity: Activity) -> str:
    """The kind, as a column of states shows it."""
    return LABELS.get(activity.kind, activity.kind)


def sentence(activity: Activity, now_us: int | None = None) -> str:
    """What it does, with its times."""
    if activity.kind == "retry" and activity.wake_at_us is not None:
        return f"{activity.text} {ago(activity.wake_at_us, now_us)}"
    if activity.since_us is None:
        return activity.text
    since = ago(activity.since_us, now_us).removesuffix(" ago").replace("now", "just now")
    match activity.kind:
        case "running":
            return f"{activity.text} since {since}"
        case "lost":
            return f"{activity.text}: last heard of {ago(activity.since_us, now_us)}"
        case _:
            return activity.text


def advice(activity: Activity) -> str:
    """What the user can do about it; empty when it goes on by itself."""
    match activity.kind:
        case "no_worker":
            queue = activity.queue or "QUEUE"
            return f"start one: headrace worker MODULE --queues {queue}"
        case "no_task":
            return "start a worker with the module that defines the task"
        case _:
            return ""


def took(run: RunSummary) -> str:
    """How long the run took, without the time between two goes."""
    goes = f", in {run.retries + 1} goes" if run.retries else ""
    return f"{duration(run.duration_s)}{goes}"


def progress(run: RunSummary) -> str:
    """How many of the nodes have succeeded, and how many never will."""
    if run.progress is None:
        return f"{run.nodes_done}/{run.nodes_total}"
    shown = f"{run.progress.succeeded}/{run.nodes_total}"
    if run.progress.failed:
        shown += f", {run.progress.failed} failed"
    if run.progress.not_run:
        shown += f", {run.progress.not_run} not run"
    return shown
