"""Dead letters: list, show, redrive, discard; one or many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from headrace_coordinator.api.bodies import read_body
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.runs import Limit
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.queries.letters import (
    DeadLetterPage,
    DeadLetterView,
    list_dead_letters,
    show_dead_letter,
)
from headrace_coordinator.store.port import LetterFilter
from headrace_coordinator.store.records import LetterState
from headrace_protocol.errors import ErrorInfo, HeadraceError, RequestError

MOST = 1_000
"""Letters in one request."""


class LetterCommand(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """Who does it, and why."""

    by: str = ""
    reason: str = ""


class LetterSelection(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """Which open letters: those named, or those that a search finds."""

    q: str = ""
    """Part of the id, the subject, the error's code, message or place; empty: all open ones."""


class LettersCommand(
    LetterCommand, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """What to do with many letters: those named, or the open ones that `where` finds."""

    letter_ids: tuple[str, ...] | None = None
    where: LetterSelection | None = None
    preview: bool = False
    """Say which it would be, and do nothing."""


class LetterFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A letter for which it could not be done."""

    letter_id: str
    error: ErrorInfo


class LettersReply(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters it was, or would be."""

    preview: bool
    count: int
    more: bool
    """There are others that the selection finds: at most 1,000 are taken at once."""
    letter_ids: tuple[str, ...]
    done: tuple[str, ...]
    failed: tuple[LetterFailure, ...]


@get(
    "/dead-letters",
    operation_id="listDeadLetters",
    summary="List messages that could not be processed, newest first",
    tags=["operations"],
    responses=problems(400),
)
async def letters_list(
    services: Given,
    chosen: Annotated[LetterState | None, QueryParameter(name="state")] = None,
    q: Annotated[
        str | None, QueryParameter(description="Part of the id, subject, error code, message or place.")
    ] = None,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> DeadLetterPage:
    return await list_dead_letters(services.store, LetterFilter(chosen, q or None), cursor, limit)


@get(
    "/dead-letters/{letter_id:str}",
    operation_id="showDeadLetter",
    summary="Show a dead letter with its body",
    tags=["operations"],
    responses=problems(400, 404),
)
async def letters_show(services: Given, letter_id: FromPath[str]) -> DeadLetterView:
    return await show_dead_letter(services.store, letter_id)


@post(
    "/dead-letters/{letter_id:str}/redrive",
    operation_id="redriveDeadLetter",
    summary="Publish a dead letter's message again",
    tags=["operations"],
    status_code=200,
    opt={"body": LetterCommand},
    responses=problems(400, 403, 404, 409, 413, 415, 503),
)
async def letters_redrive(services: Given, request: Incoming, letter_id: FromPath[str]) -> DeadLetterView:
    wanted = await read_body(request, LetterCommand)
    await services.coordinator.redrive(letter_id, wanted.by, wanted.reason)
    return await show_dead_letter(services.store, letter_id)


@post(
    "/dead-letters/{letter_id:str}/discard",
    operation_id="discardDeadLetter",
    summary="Put a dead letter aside, with the reason",
    description="It is kept as long as others are, and can still be redriven.",
    tags=["operations"],
    status_code=200,
    opt={"body": LetterCommand},
    responses=problems(400, 403, 404, 409, 413, 415, 503),
)
async def letters_discard(services: Given, request: Incoming, letter_id: FromPath[str]) -> DeadLetterView:
    wanted = await read_body(request, LetterCommand)
    await services.coordinator.discard(letter_id, wanted.by, wanted.reason)
    return await show_dead_letter(services.store, letter_id)


@post(
    "/dead-letters/redrive",
    operation_id="redriveDeadLetters",
    summary="Publish many dead letters' messages again",
    tags=["operations"],
    status_code=200,
    opt={"body": LettersCommand},
    responses=problems(400, 403, 413, 415, 503),
)
async def letters_redrive_many(services: Given, request: Incoming) -> LettersReply:
    wanted = await read_body(request, LettersCommand)
    return await _many(services, wanted, services.coordinator.redrive)


@post(
    "/dead-letters/discard",
    operation_id="discardDeadLetters",
    summary="Put many dead letters aside, with the reason",
    tags=["operations"],
    status_code=200,
    opt={"body": LettersCommand},
    responses=problems(400, 403, 413, 415, 503),
)
async def letters_discard_many(services: Given, request: Incoming) -> LettersReply:
    wanted = await read_body(request, LettersCommand)
    return await _many(services, wanted, services.coordinator.discard)


async def _many(
    services: Services, wanted: LettersCommand, order: Callable[[str, str, str], Awaitable[None]]
) -> LettersReply:
    """One after the other: a letter that cannot be served does not stop the others."""
    letter_ids = await _chosen(services, wanted)
    taken, more = letter_ids[:MOST], len(letter_ids) > MOST
    done: list[str] = []
    failed: list[LetterFailure] = []
    for letter_id in () if wanted.preview else taken:
        try:
            await order(letter_id, wanted.by, wanted.reason)
            done.append(letter_id)
        except HeadraceError as error:
            failed.append(LetterFailure(letter_id=letter_id, error=error.info()))
    return LettersReply(
        preview=wanted.preview,
        count=len(taken),
        more=more,
        letter_ids=taken,
        done=tuple(done),
        failed=tuple(failed),
    )


async def _chosen(services: Services, wanted: LettersCommand) -> tuple[str, ...]:
    if (wanted.letter_ids is None) is (wanted.where is None):
        raise RequestError(
            "which dead letters is not said",
            where="body",
            expected="either letter_ids or where",
            fix='Send {"where": {}} for all open ones.',
        )
    if wanted.where is None:
        return tuple(dict.fromkeys(wanted.letter_ids or ()))
    where = LetterFilter(LetterState.OPEN, wanted.where.q or None)
    letters = await services.store.dead_letters(where, None, MOST + 1)
    return tuple(letter.letter_id for letter in letters)
