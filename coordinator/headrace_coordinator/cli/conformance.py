"""`headrace conformance`: whether a program keeps the contract of docs/protocol.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headrace_protocol.errors import HeadraceError

HELP = """Check a program against the contract of docs/protocol.md.

`headrace conformance worker -- COMMAND` tries a worker written in any language.
"""
EPILOG = "Exit codes: 0 every rule is kept, 1 a rule is broken, 2 the command could not be run."

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def conformance() -> None:
    """A group, also while it has one command."""


@app.command("worker", epilog=EPILOG)
def worker(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="What starts the worker.")],
    *,
    ack_wait: Annotated[
        float,
        typer.Option(
            "--ack-wait", min=1.0, help="Of the consumers. A long task takes more than twice as long."
        ),
    ] = 4.0,
    patience: Annotated[
        float,
        typer.Option("--patience", min=1.0, help="Seconds to wait for an answer, beside its task's own."),
    ] = 10.0,
    grace: Annotated[
        float, typer.Option("--grace", min=1.0, help="Seconds in which the worker ends after SIGTERM.")
    ] = 10.0,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="PART", help="answers, drain or restart; may be repeated. Default: all."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a worker, in any language, keeps the contract of docs/protocol.md.

    Starts NATS servers and plays the coordinator from a script. COMMAND is started once for each part (answers, drain,
    restart), all at the same time, with these variables: NATS_URL and HEADRACE_NATS, the server; HEADRACE_NAMESPACE;
    HEADRACE_QUEUE and HEADRACE_QUEUES, the queue to serve; HEADRACE_GRACE, the seconds it has after SIGTERM.

    The worker must have three tasks: conformance.echo(value) returns its value; conformance.fail(message) fails with
    the message; conformance.sleep(seconds) returns nothing after so long. It should run four tasks at the same time.

    A line says of each rule whether it is kept. Rules that a worker should keep are only noted when it does not. What
    the worker printed is shown when a rule is broken.
    """
    import asyncio
    import logging
    import sys

    import msgspec

    from headrace_coordinator.cli.conformance_report import lines
    from headrace_coordinator.conformance import PARTS, KitSettings, examine
    from headrace_protocol.errors import ConfigError, HeadraceError

    parts = tuple(dict.fromkeys(only or PARTS))
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(
            "the kit has no such part",
            where="--only",
            found=", ".join(unknown),
            expected=", ".join(PARTS),
            fix="Correct the name, or leave out --only to try everything.",
        )
    settings = KitSettings(
        command=tuple(command), ack_wait_s=ack_wait, patience_s=patience, grace_s=grace, parts=parts
    )
    logger = logging.getLogger("headrace")
    level = logger.level
    logger.setLevel(logging.ERROR)  # that connections are lost is part of the script
    try:
        report = asyncio.run(examine(settings))
    except HeadraceError as error:
        raise _not_run(error) from error
    finally:
        logger.setLevel(level)
    if as_json:
        body = msgspec.json.encode(
            {"keeps_contract": report.keeps_contract, **msgspec.structs.asdict(report)}
        )
        typer.echo(msgspec.json.format(body, indent=2).decode())
    else:
        for line in lines(report):
            typer.echo(line)
    sys.exit(0 if report.keeps_contract else 1)


def _not_run(error: HeadraceError) -> HeadraceError:
    """The same error with the code of wrong settings: whatever kept the command from being run, exit code 2 says it."""
    from headrace_protocol.errors import ConfigError

    return ConfigError(
        error.message, where=error.where, found=error.found, expected=error.expected, fix=error.fix
    )
