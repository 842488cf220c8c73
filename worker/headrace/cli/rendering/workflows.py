"""Versions of workflows, their history, and what orders did, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.cli import output
from headrace.cli.deploy_views import ChangeView, OrderReply, VersionView
from headrace.cli.rendering.units import VERSION_CHARACTERS, ago, clip, moment
from headrace.cli.workflow_views import MarkView, OriginView, PausedView
from headrace_protocol.deploys import Provenance

COMMIT_CHARACTERS = 10
KEPT_SHOWN = 1_000
"""What is kept is counted up to here."""
PAST = {
    "retire": "retired",
    "restore": "restored",
    "delete": "deleted",
    "rollback": "rolled back",
    "pause": "paused",
    "resume": "resumed",
}


def version_table(versions: Sequence[VersionView]) -> list[str]:
    """Every version on a line."""
    rows = [
        (
            one.version[:VERSION_CHARACTERS] + (" (current)" if one.current else ""),
            ago(one.deployed_at_us),
            one.origin.provenance.by or "-",
            source(one.origin.provenance) or "-",
            one.origin.file or "-",
            one.origin.code or "-",
        )
        for one in versions
    ]
    return output.table(("VERSION", "DEPLOYED", "BY", "COMMIT", "FILE", "CODE"), rows)


def change_table(changes: Sequence[ChangeView]) -> list[str]:
    """Every change on a line."""
    rows = [
        (
            moment(one.at_us),
            one.kind.replace("_", " "),
            one.by or "-",
            one.version[:VERSION_CHARACTERS] or one.trigger or one.previous or "-",
            source(one.origin.provenance) if one.origin is not None else "-",
            clip(one.reason, 60) or "-",
        )
        for one in changes
    ]
    return output.table(("TIME", "WHAT", "BY", "OF", "COMMIT", "WHY"), rows)


def order_lines(reply: OrderReply) -> list[str]:
    """What an order did, or would do."""
    if not reply.changed:
        return [f"nothing to do for {reply.workflow}: {'; '.join(reply.effects)}"]
    head = f"would {reply.kind}" if reply.dry_run else PAST.get(reply.kind, reply.kind)
    return [f"{head} {output.bold(reply.workflow)}", *(f"  - {effect}" for effect in reply.effects)]


def origin_lines(origin: OriginView, set_name: str, owner: str) -> list[str]:
    """Whose a workflow is, and where its version came from."""
    lines = []
    if set_name:
        lines.append(f"  set      {set_name}" + (f" of {owner}" if owner else ""))
    known = origin.provenance
    if known.by or known.commit:
        by = f"by {known.by} on {known.host}" if known.by else ""
        lines.append("  origin   " + ", ".join(part for part in (by, source(known), known.author) if part))
    if origin.code:
        lines.append(f"  code     {origin.code}")
    return lines


def marked(word: str, mark: MarkView) -> str:
    """An order that holds: since when, by whom, why."""
    by = f" by {mark.by}" if mark.by else ""
    return f"{word} {ago(mark.at_us)}{by}" + (f": {mark.reason}" if mark.reason else "")


def paused(view: PausedView) -> str:
    """A paused trigger, and how much is kept for it."""
    many = "at least " if view.kept >= KEPT_SHOWN else ""
    return f"{'resuming' if view.resuming else 'paused'}, {many}{view.kept} kept"


def source(known: Provenance) -> str:
    """A commit in words."""
    if not known.commit:
        return ""
    dirty = " (dirty)" if known.dirty else ""
    branch = f" {known.branch}" if known.branch else ""
    return f"{known.commit[:COMMIT_CHARACTERS]}{branch}{dirty}"
