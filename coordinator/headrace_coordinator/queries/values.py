"""Values of users' tasks as JSON, whatever they hold."""

from __future__ import annotations

import msgspec

from headrace_protocol.messages import Preview, Result
from headrace_protocol.tagged import to_json


class StoredView(msgspec.Struct, frozen=True, kw_only=True):
    """A result that is kept outside of messages: where, and how large."""

    uri: str
    size_bytes: int
    digest: str


class ValueView(msgspec.Struct, frozen=True, kw_only=True):
    """A value, or where it is stored when it is too large to be shown."""

    value: object = None
    stored: StoredView | None = None
    size_bytes: int = 0
    """Of the value as msgpack."""
    preview: Preview | None = None
    """What to show of a table, an array, or another value that is not plain data."""


def as_json(raw: msgspec.Raw) -> object:
    """A msgpack value for a JSON answer that says exactly the same (docs/protocol.md, tagged values); what cannot be
    decoded is shown as text."""
    body = bytes(raw)
    if not body:
        return None
    try:
        return msgspec.Raw(to_json(body))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return _as_text(body)


def view_of(result: Result) -> ValueView:
    """A result as it is shown."""
    if result.stored is not None:
        stored = result.stored
        place = StoredView(uri=stored.uri, size_bytes=stored.size_bytes, digest=stored.digest)
        return ValueView(stored=place, size_bytes=stored.size_bytes, preview=result.preview)
    return ValueView(value=as_json(result.value), size_bytes=len(bytes(result.value)), preview=result.preview)


def _as_text(body: bytes) -> str:
    try:
        return repr(msgspec.msgpack.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return repr(body)
