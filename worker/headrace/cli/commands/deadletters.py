"""`headrace deadletters`: messages that could not be processed, and sending them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag, LimitFlag
from headrace.cli.settings import api_url

if TYPE_CHECKING:
    from headrace.cli.api import Api

app = typer.Typer(help="Messages that could not be processed.", no_args_is_help=True, rich_markup_mode=None)
LetterArgument = Annotated[str, typer.Argument(metavar="LETTER", help="Its id, or the beginning of it.")]


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
def redrive(letter: LetterArgument, api: ApiFlag = None) -> None:
    """Publish a dead letter's message again on its subject."""
    from headrace.cli.api import Api
    from headrace.cli.views import DeadLetterView

    client = Api(api_url(api))
    sent = client.post(f"{_path(client, letter)}/redrive", {}, DeadLetterView)
    output.say(f"published again on {sent.subject}: {sent.letter_id}")


def _path(client: Api, letter: str) -> str:
    from headrace.cli.api import segment
    from headrace.cli.lookup import find_letter

    return f"/dead-letters/{segment(find_letter(client, letter))}"
