"""Ids by their beginning, as git does it: long enough to be unique."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.cli.api import Api
from headrace.cli.views import DeadLetterPage, RunPage
from headrace_protocol.errors import NotFound, RequestError

RUN_ID_LENGTH = 26
PAGE = 500
MAX_PAGES = 20
LATEST = "latest"


def find_run(api: Api, given: str) -> str:
    """The run with an id, the only one whose id begins like this, or the `latest`.

    Raises NotFound, RequestError when several begin so.
    """
    if len(given) >= RUN_ID_LENGTH:
        return given
    if given == LATEST:
        newest = api.get("/runs", RunPage, {"limit": 1}).runs
        if not newest:
            raise NotFound("there is no run yet", fix="Start one: `headrace run WORKFLOW`.")
        return newest[0].run_id
    return _only(given, [one for one in _runs(api, given) if one.startswith(given.lower())], "run")


def find_letter(api: Api, given: str) -> str:
    """The dead letter with an id, or the only one whose id begins like this; raises like `find_run`."""
    found = [one for one in _letters(api) if one.startswith(given)]
    return given if given in found else _only(given, found, "dead letter")


def _only(given: str, found: list[str], what: str) -> str:
    if len(found) == 1:
        return found[0]
    listing = "headrace runs list" if what == "run" else "headrace deadletters list"
    if not found:
        raise NotFound(f"there is no such {what}", found=given, fix=f"See `{listing}`.")
    raise RequestError(
        f"the id of more than one {what} begins like this",
        found=given,
        expected=" or ".join(found[:5]),
        fix="Give more characters of the id.",
    )


def _runs(api: Api, given: str) -> Iterator[str]:
    # The API looks in error messages too: what it finds only there is sorted out by the caller.
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = api.get("/runs", RunPage, {"q": given.lower(), "limit": PAGE, "cursor": cursor})
        yield from (run.run_id for run in page.runs)
        if (cursor := page.next) is None:
            return


def _letters(api: Api) -> Iterator[str]:
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = api.get("/dead-letters", DeadLetterPage, {"limit": PAGE, "cursor": cursor})
        yield from (letter.letter_id for letter in page.dead_letters)
        if (cursor := page.next) is None:
            return
