"""Dead letters, as they are shown."""

from __future__ import annotations

from base64 import b64encode

import msgspec

from headrace_coordinator.queries.cursors import parse_run_cursor, run_cursor
from headrace_coordinator.store.port import LetterCursor, LetterFilter, Reader
from headrace_coordinator.store.records import DeadLetter, LetterState
from headrace_protocol.errors import ErrorInfo, NotFound


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be processed."""

    letter_id: str
    state: LetterState
    received_at_us: int
    subject: str
    error: ErrorInfo
    size_bytes: int
    redriven_at_us: int | None
    discarded_at_us: int | None
    by: str
    """Who redrove or discarded it."""
    reason: str
    headers: dict[str, str]
    body: str | None = None
    """The text of the body, when it is asked for alone and is UTF-8."""
    body_base64: str | None = None
    """The bytes of the body otherwise."""


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, newest first, without their bodies."""

    dead_letters: tuple[DeadLetterView, ...]
    next: str | None


async def list_dead_letters(
    store: Reader, where: LetterFilter, cursor: str | None, limit: int
) -> DeadLetterPage:
    """One page of dead letters. Raises RequestError for a cursor of another list."""
    place = None if cursor is None else parse_run_cursor(cursor)
    after = None if place is None else LetterCursor(place.created_at_us, place.run_id)
    letters = await store.dead_letters(where, after, limit + 1)
    shown = letters[:limit]
    return DeadLetterPage(
        dead_letters=tuple(dead_letter_view(letter, body=False) for letter in shown),
        next=run_cursor(shown[-1].received_at_us, shown[-1].letter_id) if len(letters) > limit else None,
    )


async def show_dead_letter(store: Reader, letter_id: str) -> DeadLetterView:
    """One letter with its body; raises NotFound."""
    letter = await store.dead_letter(letter_id)
    if letter is None:
        raise NotFound(
            "there is no such dead letter",
            where="letter_id",
            found=letter_id,
            fix="List them with `headrace deadletters list`.",
        )
    return dead_letter_view(letter)


def dead_letter_view(letter: DeadLetter, *, body: bool = True) -> DeadLetterView:
    """A dead letter as it is shown."""
    text: str | None = None
    encoded: str | None = None
    if body:
        try:
            text = letter.body.decode()
        except UnicodeDecodeError:
            encoded = b64encode(letter.body).decode()
    return DeadLetterView(
        letter_id=letter.letter_id,
        state=letter.state,
        received_at_us=letter.received_at_us,
        subject=letter.subject,
        error=letter.error,
        size_bytes=len(letter.body),
        redriven_at_us=letter.redriven_at_us,
        discarded_at_us=letter.discarded_at_us,
        by=letter.by,
        reason=letter.reason,
        headers=letter.headers,
        body=text,
        body_base64=encoded,
    )
