"""What the API answers to whoever publishes events. Fields that are not used here are left out."""

from __future__ import annotations

import msgspec

from headrace_protocol.errors import ErrorInfo


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one trigger made of an event."""

    workflow: str
    trigger: str
    kind: str
    """`fired`, `duplicate`, `filtered` (its condition was false) or `broken`."""
    run_id: str = ""
    reason: str = ""
    error: ErrorInfo | None = None
    letter_id: str = ""


class PublishedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was stored, and what became of it."""

    id: str
    source: str
    type: str
    runs: tuple[str, ...] = ()
    duplicate: bool = False
    verdicts: tuple[Verdict, ...] = ()
    nobody_listens: str = ""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a request."""

    events: tuple[PublishedEvent, ...]
