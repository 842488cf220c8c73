"""`headrace deadletters`: messages that could not be processed, and sending them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.bulk import Order, order_letters
from headrace.cli.options import ApiFlag, JsonFlag, LimitFlag
from headrace.cli.settings import api_url

if TYPE_CHECKING:
    from headrace.cli.api import Api

app = typer.Typer(help="Messages that could not be processed.", no_args_is_help=True, rich_markup_mode=None)
LetterArgument = Annotated[str, typer.Argument(metavar="LETTER", help="Its id, or the beginning of it.")]
OptionalLetter = Annotated[
    str | None, typer.Argument(metavar="LETTER", help="Its id, or the beginning of it.")
]
AllFlag = Annotated[bool, typer.Option("--all", help="All open ones.")]
SearchFlag = Annotated[str, typer.Option("--search", metavar="TEXT", help="With --all: that contain a text.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_letters(limit: LimitFlag = 50, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List dead letters, newest first."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import dead_letter_table
    from headrace.cli.views import DeadLetterPage

    client, query = Api(api_url(api)), {"limit": limit}
    if as_json:
        output.say_json(client.get_bytes("/dead-letters", query))
        return
    letters = client.get("/dead-letters", DeadLetterPage, query).dead_letters
    if not letters:
        output.note("there is no dead letter")
        return
    output.say(*dead_letter_table(letters))


@app.command("show")
def show_letter(letter: LetterArgument, api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """Show a dead letter with its reason and body."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import dead_letter_lines
    from headrace.cli.views import DeadLetterView

    client = Api(api_url(api))
    path = _path(client, letter)
    if as_json:
        output.say_json(client.get_bytes(path))
        return
    output.say(*dead_letter_lines(client.get(path, DeadLetterView)))


@app.command("redrive")
def redrive(
    *,
    letter: OptionalLetter = None,
    everything: AllFlag = False,
    search: SearchFlag = "",
    yes: YesFlag = False,
    api: ApiFlag = None,
) -> None:
    """Publish a dead letter's message again on its subject, or with --all those of all open letters."""
    _order(api, letter, search, Order(verb="redrive", yes=yes), everything=everything)


@app.command("discard")
def discard(
    *,
    letter: OptionalLetter = None,
    everything: AllFlag = False,
    search: SearchFlag = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT")] = "",
    yes: YesFlag = False,
    api: ApiFlag = None,
) -> None:
    """Put a dead letter aside with the reason, or with --all all open ones."""
    _order(api, letter, search, Order(verb="discard", reason=reason, yes=yes), everything=everything)


def _order(api: str | None, letter: str | None, search: str, order: Order, *, everything: bool) -> None:
    import getpass

    from headrace.cli.api import Api
    from headrace.cli.views import DeadLetterView
    from headrace_protocol.errors import RequestError

    client = Api(api_url(api))
    if (letter is None) is not everything:
        raise RequestError(
            "which dead letters is not said", where="LETTER", expected="a dead letter, or --all but not both"
        )
    if letter is None:
        order_letters(client, search, order)
        return
    body = {"by": getpass.getuser(), "reason": order.reason}
    done = client.post(f"{_path(client, letter)}/{order.verb}", body, DeadLetterView)
    what = "published again on" if order.verb == "redrive" else "put aside, of"
    output.say(f"{what} {done.subject}: {done.letter_id}")


def _path(client: Api, letter: str) -> str:
    from headrace.cli.api import segment
    from headrace.cli.lookup import find_letter

    return f"/dead-letters/{segment(find_letter(client, letter))}"
