"""Whole values of users' tasks, as streams of bytes: however large, they are never in memory at once.

A value is msgpack, in a message or stored. What is written out is its *raw* form (bytes and texts as themselves,
everything else as JSON), JSON, or the msgpack as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from headrace_coordinator.engine.state import NODE_FINISHED, Node, RunState
from headrace_coordinator.engine.values import value_at
from headrace_coordinator.queries.runs import FullRun, load_run
from headrace_coordinator.queries.values import as_json
from headrace_coordinator.store.port import Reader
from headrace_protocol.codec import NOTHING, raw
from headrace_protocol.definition import Binding, ListOf, Literal, ObjectOf, Output, Param
from headrace_protocol.errors import Conflict, ErrorCode, NotFound, RequestError
from headrace_protocol.messages import ABSENT, Result, Stored

JSON_BYTES = 64 * 1024 * 1024
"""Of msgpack: JSON is made in memory, at several times the size."""
_HEAD_BYTES = 5


class Format(StrEnum):
    """How a value is written."""

    RAW = "raw"
    JSON = "json"
    MSGPACK = "msgpack"


class Body(Protocol):
    """A stored value, to be read in pieces."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self) -> AsyncIterator[bytes]: ...


Open = Callable[[Stored], Awaitable[Body]]
"""Raises NotFound where it is gone, Unavailable."""


class Content(msgspec.Struct, frozen=True):
    """A value that is ready to be sent."""

    chunks: AsyncIterator[bytes]
    size_bytes: int
    media_type: str
    suffix: str
    """Of a file's name."""


Part = bytes | Stored


async def output_parts(store: Reader, run_id: str) -> list[Part]:
    """What a run gave, as msgpack in parts. Raises NotFound, Conflict while there is nothing."""
    full = await load_run(store, run_id)
    head = full.stored.head
    if head.state is not RunState.SUCCEEDED:
        raise Conflict(
            "the run has no result",
            where=f"run {run_id}",
            found=head.state.value,
            expected="succeeded",
            fix=f"Name a node that has one (--node), or see `headrace runs explain {run_id}`.",
        )
    binding = full.definition.output
    return [bytes(NOTHING)] if binding is None else _composed(binding, full)


async def result_parts(store: Reader, run_id: str, node: str, item: int | None) -> list[Part]:
    """The result of a node, or of an item of a map. Raises NotFound, Conflict while there is none."""
    full = await load_run(store, run_id)
    where = f"run {run_id}, node {node}"
    planned = next((one for one in full.definition.nodes if one.id == node), None)
    if planned is None:
        choices = ", ".join(one.id for one in full.definition.nodes)
        raise NotFound("there is no such node", where=f"run {run_id}", found=node, expected=choices)
    if item is not None:
        if planned.map is None:
            raise RequestError("the node is no map, so it has no items", where=where, found=f"item {item}")
        records = await store.item_results(run_id, node, item, 1)
        if not records or records[0].item != item or records[0].result is None:
            raise Conflict("the item has no result", where=where, found=f"item {item}", expected="succeeded")
        return [_part(records[0].result)]
    state = full.stored.nodes.get(node) or Node()
    if state.result is None:
        ended = state.state in NODE_FINISHED
        raise Conflict(
            "the node ended without a result" if ended else "the node has no result yet",
            where=where,
            found=state.state.value,
            expected="succeeded",
            fix="Name an item that has one (--item)."
            if planned.map is not None
            else f"See `headrace runs explain {run_id}`.",
        )
    return [_part(state.result)]


def _part(result: Result) -> Part:
    if result.stored is not None:
        return result.stored
    return bytes(result.value) if result.value != ABSENT else bytes(NOTHING)


def _composed(binding: Binding, full: FullRun) -> list[Part]:
    """The parts of a value that is put together: heads of lists and objects, and what is in them."""
    match binding:
        case Literal(value=value):
            return [bytes(raw(value))]
        case Param(name=name, path=path):
            return [bytes(value_at(full.stored.head.params, (name, *path)) or NOTHING)]
        case Output(node=name, path=path):
            node = full.stored.nodes.get(name) or Node()
            if node.result is None:
                return [bytes(NOTHING)]
            if path and node.result.stored is not None:
                raise Conflict(
                    "the result is part of a stored value, and is not kept by itself",
                    where=f"run {full.stored.head.run_id}",
                    found=f"{list(path)} of the result of node {name}",
                    fix=f"Read the whole value: --node {name}.",
                )
            return [_part(node.result) if not path else bytes(value_at(node.result.value, path) or NOTHING)]
        case ListOf(items=items):
            return [_head(0x90, 0xDC, len(items)), *(part for one in items for part in _composed(one, full))]
        case ObjectOf(fields=fields):
            parts: list[Part] = [_head(0x80, 0xDE, len(fields))]
            for name, field in fields.items():
                parts += [bytes(raw(name)), *_composed(field, full)]
            return parts
        case _:
            return [bytes(NOTHING)]


def _head(short: int, long: int, count: int) -> bytes:
    """The start of a msgpack array or map (https://github.com/msgpack/msgpack/blob/master/spec.md)."""
    if count < 16:
        return bytes([short | count])
    return bytes([long]) + count.to_bytes(2) if count < 1 << 16 else bytes([long + 1]) + count.to_bytes(4)


async def content(parts: list[Part], wanted: Format, open_stored: Open) -> Content:
    """The value in a format. Raises NotFound when a stored part is gone, Unavailable, RequestError for what is too
    large to be made JSON."""
    bodies = [part if isinstance(part, bytes) else await open_stored(part) for part in parts]
    size = sum(len(body) if isinstance(body, bytes) else body.size_bytes for body in bodies)
    chunks = _chunks(bodies)
    if wanted is Format.MSGPACK:
        return Content(chunks, size, "application/msgpack", "msgpack")
    first = b""
    while len(first) < min(size, _HEAD_BYTES) and (more := await anext(chunks, None)) is not None:
        first += more
    if wanted is Format.RAW:
        head, text = _own_head(first)
        if head:
            media_type, suffix = ("text/plain", "txt") if text else ("application/octet-stream", "bin")
            return Content(_after(first[head:], chunks), size - head, media_type, suffix)
    if size > JSON_BYTES:
        raise RequestError(
            "the value is too large to be written as JSON",
            where="format",
            found=f"{size} bytes of msgpack",
            expected=f"at most {JSON_BYTES}",
            fix="Ask for it as msgpack (--msgpack, format=msgpack).",
            code=ErrorCode.PROTOCOL_TOO_LARGE,
        )
    whole = b"".join([piece async for piece in _after(first, chunks)])
    written = await asyncio.to_thread(_as_json, whole)
    return Content(_after(written, _chunks([])), len(written), "application/json", "json")


def _as_json(body: bytes) -> bytes:
    return msgspec.json.encode(as_json(msgspec.Raw(body)))


async def _chunks(bodies: list[bytes | Body]) -> AsyncIterator[bytes]:
    for body in bodies:
        if isinstance(body, bytes):
            yield body
        else:
            async for chunk in body.chunks():
                yield chunk


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _own_head(first: bytes) -> tuple[int, bool]:
    """How long the head of msgpack bytes or of a text is, and whether it is a text; 0 for anything else."""
    kind = first[0] if first else 0
    if kind & 0xE0 == 0xA0:
        return 1, True
    lengths = {0xD9: 2, 0xDA: 3, 0xDB: _HEAD_BYTES, 0xC4: 2, 0xC5: 3, 0xC6: _HEAD_BYTES}
    return lengths.get(kind, 0), kind >= 0xD9
