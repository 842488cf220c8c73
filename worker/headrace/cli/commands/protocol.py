"""`headrace protocol`: the wire contract, for people and tools that do not read Python."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output


def protocol(
    asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="An AsyncAPI 3 document: channels and messages.")
    ] = False,
    schemas: Annotated[bool, typer.Option("--schemas", help="JSON Schemas of every message.")] = False,
) -> None:
    """Print the wire contract as JSON.

    An AsyncAPI 3 document and the JSON Schemas of all messages: both, or the one asked for.
    """
    import msgspec

    from headrace_protocol import schemas as contract

    if asyncapi == schemas:
        document: object = {"asyncapi": contract.asyncapi(), "schemas": contract.json_schemas()}
    else:
        document = contract.asyncapi() if asyncapi else contract.json_schemas()
    output.say_json(msgspec.json.encode(document))
