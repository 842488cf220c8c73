"""What operators order about workflows, and what it does; and what `headrace dev` reports of its files."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace_protocol.errors import ErrorInfo


class OrderKind(StrEnum):
    """What can be ordered about a workflow."""

    RETIRE = "retire"
    """Start nothing any more, finish the runs."""
    RESTORE = "restore"
    """Make a retired workflow active again."""
    DELETE = "delete"
    """Remove a workflow that has no open runs."""
    ROLLBACK = "rollback"
    """Make an earlier version current."""
    PAUSE = "pause"
    """Keep what arrives for one trigger, or for all of them."""
    RESUME = "resume"
    """Go on where the trigger was paused."""


class WorkflowOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order about a workflow."""

    kind: OrderKind
    workflow: str
    by: str = ""
    reason: str = ""
    trigger: str = ""
    """Of pause and resume: only this trigger. Empty: the workflow."""
    version: str = ""
    """Of a rollback. Empty: the version before the current one."""
    dry_run: bool = False
    """Say what it would do, and do nothing."""


class OrderReply(msgspec.Struct, frozen=True, kw_only=True):
    """What an order does."""

    workflow: str
    kind: OrderKind
    changed: bool
    """False when everything is already as ordered."""
    dry_run: bool
    effects: tuple[str, ...]
    """What happens, a sentence each."""


class LoadFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A file of `headrace dev` that cannot be loaded or deployed: what was deployed of it before goes on."""

    target: str
    since_us: int
    error: ErrorInfo
