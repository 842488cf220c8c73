"""What the API answers about deploys and orders, as far as commands show it."""

from __future__ import annotations

import msgspec

from headrace.cli.workflow_views import OriginView
from headrace_protocol.deploys import DeployResult
from headrace_protocol.errors import ErrorInfo


class DeployReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a deploy did, or in a dry run would do."""

    dry_run: bool
    created: bool
    results: tuple[DeployResult, ...]
    error: ErrorInfo | None = None
    """Why nothing was deployed."""
    not_checked: tuple[str, ...] = ()
    """What was not checked, because no coordinator answered."""
    coordinator: str = ""
    """Why none did."""


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow."""

    version: str
    deployed_at_us: int
    current: bool
    origin: OriginView = OriginView()


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, the current one first."""

    versions: tuple[VersionView, ...]


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was ordered about a workflow."""

    kind: str
    at_us: int
    by: str = ""
    reason: str = ""
    version: str = ""
    previous: str = ""
    trigger: str = ""
    origin: OriginView | None = None


class ChangeList(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered, newest first."""

    changes: tuple[ChangeView, ...]


class OrderReply(msgspec.Struct, frozen=True, kw_only=True):
    """What an order about a workflow did, or would do."""

    workflow: str
    kind: str
    changed: bool
    dry_run: bool
    effects: tuple[str, ...] = ()
