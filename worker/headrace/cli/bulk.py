"""Orders to one run or to many: what it would be is shown first, then exactly that is done."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import msgspec
import typer

from headrace.cli import output
from headrace.cli.views import LettersReply, RunsReply, RunState
from headrace_protocol.errors import RequestError

if TYPE_CHECKING:
    from headrace.cli.api import Api

SHOWN = 10


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which runs, as the API takes it."""

    workflow: str | None = None
    states: tuple[str, ...] = ()
    trigger: str | None = None
    label: str | None = None
    q: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered, and how carefully."""

    verb: str
    """`cancel` or `retry`, as the API and the user call it."""
    reason: str = ""
    yes: bool = False
    """Do not ask."""
    dry_run: bool = False
    """Only say what it would be."""


def order_one(client: Api, path: str, where: Selection, order: Order) -> None:
    """Order something of one run. Raises RequestError when a selection is given beside it."""
    if where != Selection():
        raise RequestError(
            "a run is named, and flags choose runs",
            where="RUN",
            found="both",
            expected="a run, or flags that choose runs",
            fix=f"Leave one of them out, as in `headrace runs {order.verb} --workflow NAME`.",
        )
    if order.dry_run:
        found = client.get(path, RunState)
        output.say(f"would {order.verb} {found.run_id}, which is {output.state(found.state)}")
        return
    reply = client.post(f"{path}/{order.verb}", {"reason": order.reason, "by": getpass.getuser()}, RunState)
    output.say(f"{reply.run_id} {output.state(reply.state)}")


def order_many(client: Api, where: Selection, order: Order) -> None:
    """Order something of every run that a selection finds. Exits with 1 when it failed for some."""
    if where == Selection():
        raise RequestError(
            "which run is not said",
            where="RUN",
            expected="a run, or flags that choose runs",
            fix=f"See `headrace runs {order.verb} --help`.",
        )
    path = f"/runs/{order.verb}"
    preview = client.post(path, {"where": msgspec.to_builtins(where), "preview": True}, RunsReply)
    for run in preview.runs[:SHOWN]:
        output.say(f"{run.run_id} {run.workflow} {output.state(run.state)}")
    others = preview.count - len(preview.runs[:SHOWN])
    if others > 0:
        output.say(f"and {others} others" + (", and more than can be taken at once" if preview.more else ""))
    if not _agreed(preview.count, "run", order):
        return
    body = {"run_ids": preview.run_ids, "reason": order.reason, "by": getpass.getuser()}
    reply = client.post(path, body, RunsReply)
    _told(reply.done, [(one.run_id, one.error.message) for one in reply.failed], "run", order)


def order_letters(client: Api, search: str, order: Order) -> None:
    """Order something of every open dead letter. Exits with 1 when it failed for some."""
    path = f"/dead-letters/{order.verb}"
    preview = client.post(path, {"where": {"q": search}, "preview": True}, LettersReply)
    if not _agreed(preview.count, "dead letter", order):
        return
    body = {"letter_ids": preview.letter_ids, "reason": order.reason, "by": getpass.getuser()}
    reply = client.post(path, body, LettersReply)
    _told(reply.done, [(one.letter_id, one.error.message) for one in reply.failed], "dead letter", order)


def _agreed(count: int, what: str, order: Order) -> bool:
    plural = "" if count == 1 else "s"
    if not count:
        output.note(f"there is no {what} to {order.verb}")
        return False
    if order.dry_run:
        output.say(f"would {order.verb} {count} {what}{plural}")
        return False
    return order.yes or typer.confirm(f"{order.verb} {count} {what}{plural}?", err=True)


def _told(done: tuple[str, ...], failed: list[tuple[str, str]], what: str, order: Order) -> None:
    output.say(f"{order.verb}: done for {len(done)} {what}{'' if len(done) == 1 else 's'}")
    for name, message in failed:
        output.note(f"{name}: {message}")
    if failed:
        raise typer.Exit(1)
