"""What is left of outcomes that are refused: the attempts that they name fail, or they would be dispatched for ever.

The worker has acknowledged its task and will say nothing more. Names are taken from the outcome where they can be read,
else from the message's id, which may be the attempt's key.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.engine.inputs import OutcomeReceived
from headrace_protocol.codec import decode
from headrace_protocol.errors import ErrorCode, HeadraceError, ProtocolError
from headrace_protocol.headers import MESSAGE_ID, VERSION
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Outcome, OutcomeState

FIX = "Correct the worker: `headrace protocol` prints the schema of an outcome."
MOST_NAMED = 20


class _Batch(msgspec.Struct, frozen=True):
    """An OutcomeBatch whose outcomes are looked at one by one."""

    outcomes: tuple[msgspec.Raw, ...]


class _Named(msgspec.Struct, frozen=True):
    """The part of an outcome that names its attempt."""

    run_id: str
    node: str
    attempt: int
    item: int | None = None


class _Signed(msgspec.Struct, frozen=True):
    worker: str = ""


def salvaged(message: Incoming, error: HeadraceError, now_us: int) -> tuple[OutcomeReceived, ...]:
    """Of a batch that does not fit its type: the outcomes that do, and failures of the attempts that others name."""
    whole = error.code != ErrorCode.PROTOCOL_VERSION
    headers = {name: value for name, value in message.headers.items() if name != VERSION}
    try:
        raws = decode(message.body, _Batch, headers).outcomes
    except HeadraceError:
        named = _of_message_id(message.headers.get(MESSAGE_ID, ""))
        return () if named is None else (failed(named, "", error, now_us),)
    found = (_salvage(raw, error, now_us, whole=whole) for raw in raws)
    return tuple(outcome for outcome in found if outcome is not None)


def _salvage(raw: msgspec.Raw, error: HeadraceError, now_us: int, *, whole: bool) -> OutcomeReceived | None:
    body = bytes(raw)
    try:
        if whole:
            return OutcomeReceived(decode(body, Outcome))
    except HeadraceError as wrong:
        error = wrong
    try:
        named = decode(body, _Named)
    except HeadraceError:
        return None
    try:
        worker = decode(body, _Signed).worker
    except HeadraceError:
        worker = ""
    return failed(named, worker, error, now_us)


def _of_message_id(key: str) -> _Named | None:
    """`run/node/attempt`, or `run/node/item/attempt`."""
    run_id, *rest = key.split("/")
    numbers = rest[1:]
    if len(numbers) not in (1, 2) or not all(part.isdecimal() and len(part) < 10 for part in numbers):
        return None
    return _Named(run_id, rest[0], int(numbers[-1]), int(numbers[0]) if len(numbers) == 2 else None)


def failed(named: _Named | Outcome, worker: str, error: HeadraceError, now_us: int) -> OutcomeReceived:
    """The attempt failed because its outcome was refused."""
    info = msgspec.structs.replace(
        error.info(),
        message=f"the outcome that the worker sent is refused: {error.message}",
        fix=FIX,
    )
    return OutcomeReceived(
        Outcome(
            run_id=named.run_id,
            node=named.node,
            item=named.item,
            attempt=named.attempt,
            state=OutcomeState.FAILED,
            started_at_us=now_us,
            finished_at_us=now_us,
            worker=worker,
            error=info,
        )
    )


def misdirected(run_id: str, found: int, home: int) -> ProtocolError:
    """Of a message on another shard's subject."""
    return ProtocolError(
        "a message is on the subject of a shard that does not own its run",
        where="subject",
        found=f"shard {found} for run {run_id[:128]}",
        expected=f"shard {home}: an outcome copies the number from its task message; else it is the CRC-32 of the "
        "run id, modulo the number of shards",
        code=ErrorCode.PROTOCOL_UNROUTABLE,
    )


def naming(error: HeadraceError, outcomes: Iterable[OutcomeReceived]) -> HeadraceError:
    """The error with the attempts that it concerns, as far as they could be read."""
    keys = [
        attempt_key(one.outcome.run_id, one.outcome.node, one.outcome.item, one.outcome.attempt)
        for one in outcomes
    ]
    shown = ", ".join(keys[:MOST_NAMED]) + (", …" if len(keys) > MOST_NAMED else "")
    told = f"attempts: {shown}" if keys else "it names no attempt that could be read"
    return ProtocolError(
        f"{error.message} ({told})",
        where=error.where,
        found=error.found,
        expected=error.expected,
        fix=FIX,
        code=error.code,
    )
