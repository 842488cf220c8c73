"""Opaque cursors: where the next page of a list begins. Lists stay right while rows are added before them."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from headrace_coordinator.store.port import RunCursor
from headrace_protocol.errors import RequestError

_RUN = re.compile(r"([0-9]{1,18})\.(\S{1,256})")
_NUMBER = re.compile(r"[0-9]{1,18}")


def run_cursor(created_at_us: int, run_id: str) -> str:
    """The cursor after a run."""
    return _encode(f"{created_at_us}.{run_id}")


def parse_run_cursor(text: str) -> RunCursor:
    """The place that a cursor names; raises RequestError for anything but a cursor of a list of runs."""
    found = _RUN.fullmatch(_decode(text))
    if found is None:
        raise _wrong(text)
    return RunCursor(int(found[1]), found[2])


def number_cursor(number: int) -> str:
    """The cursor after a position or time."""
    return _encode(str(number))


def parse_number_cursor(text: str) -> int:
    """The position or time that a cursor names; raises RequestError."""
    found = _NUMBER.fullmatch(_decode(text))
    if found is None:
        raise _wrong(text)
    return int(found[0])


def _encode(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except ValueError:
        raise _wrong(text) from None


def _wrong(text: str) -> RequestError:
    return RequestError(
        "not a cursor of this list",
        where="cursor",
        found=repr(text[:80]),
        expected="`next` of the page before",
        fix="Leave the cursor out to start with the first page.",
    )
