"""Task messages that would be larger than the bus takes: what makes them large travels by reference instead.

Inline results of upstream nodes become stored ones. Where that is not enough, the run's params and the item are
stored as well, and the bindings that read them are turned into bindings that read these. A message that is too
large even then (a definition full of literals) is not published: its attempt fails, with a reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from headrace_coordinator.bus.port import BusError, ResultBucket
from headrace_coordinator.engine.effects import Dispatch
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.turn import Oversized, Turn
from headrace_protocol.definition import Binding, Item, ListOf, ObjectOf, Output, Param
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import ABSENT, Outcome, OutcomeState, Result, RetryAdvice, Stored, TaskMessage
from headrace_protocol.topology import CLAIM_CHECK_BYTES

log = logging.getLogger("headrace.offload")

PARAMS = "$params"
ITEM = "$item"
"""Names among a message's inputs that no node can have."""
SMALL_BYTES = 4 * 1024
"""What is smaller stays inside: fetching it costs more than it saves."""
RETRY_S = 1.0
_object = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


class OffloadStopped(Exception):
    """The coordinator stops before the bus could take the bytes; nothing of the turn was committed."""


class Offloader:
    """Puts bytes into the store of large results before the turn that needs them is committed."""

    def __init__(self, results: ResultBucket, clock: Clock) -> None:
        self._results = results
        self._clock = clock

    async def shrink(self, turn: Turn, stopping: Callable[[], bool]) -> list[Outcome]:
        """Make the turn's messages fit. Returns failed outcomes of attempts whose messages cannot.

        Raises OffloadStopped when told to stop while the bus is away.
        """
        kept: dict[str, Stored] = {}
        failed = []
        for oversized in turn.oversized:
            smaller = await self._fit(turn, oversized, kept, stopping)
            if smaller is None:
                failed.append(_too_large(oversized.effect.message, turn.now_us))
        turn.oversized.clear()
        return failed

    async def _fit(
        self, turn: Turn, oversized: Oversized, kept: dict[str, Stored], stopping: Callable[[], bool]
    ) -> TaskMessage | None:
        message = oversized.effect.message

        async def store(value: msgspec.Raw) -> Result:
            body = bytes(value)
            digest = blake2b(body, digest_size=16).hexdigest()
            if digest not in kept:  # the items of a map share their inputs
                key = attempt_key(message.run_id, message.node, message.item, message.attempt)
                uri = await self._put(f"{key}/input-{digest}", body, stopping)
                kept[digest] = Stored(uri, len(body), digest)
            return Result(stored=kept[digest])

        inputs = {
            name: await store(result.value) if len(bytes(result.value)) > SMALL_BYTES else result
            for name, result in message.inputs.items()
        }
        message = msgspec.structs.replace(message, inputs=inputs)
        if turn.replace(oversized, Dispatch(message, oversized.effect.priority)):
            return message
        item = message.item_input
        if item is not None and len(bytes(item.value)) > CLAIM_CHECK_BYTES:
            inputs[ITEM] = await store(item.value)
        names: frozenset[str] = frozenset()
        if len(bytes(message.params)) > CLAIM_CHECK_BYTES:
            inputs[PARAMS] = await store(message.params)
            names = frozenset(_object(message.params))
        message = msgspec.structs.replace(
            message,
            inputs=inputs,
            item_input=None if ITEM in inputs else item,
            params=ABSENT if PARAMS in inputs else message.params,
            bindings={
                name: _redirected(binding, item=ITEM in inputs, params=names)
                for name, binding in message.bindings.items()
            },
        )
        return message if turn.replace(oversized, Dispatch(message, oversized.effect.priority)) else None

    async def _put(self, key: str, body: bytes, stopping: Callable[[], bool]) -> str:
        """Again and again while the bus cannot: what is decided must be published whole."""
        while True:
            try:
                return await self._results.put(key, body)
            except BusError as error:
                log.warning("a large input cannot be stored yet: %s", error)
                if stopping():
                    raise OffloadStopped from error
                await self._clock.sleep(RETRY_S)


def _redirected(binding: Binding, *, item: bool, params: frozenset[str]) -> Binding:
    """The same value, read from the stored copy. A param that the run does not have stays what it is."""
    match binding:
        case Item() if item:
            return Output(ITEM)
        case Param(name=name, path=path) if name in params:
            return Output(PARAMS, (name, *path))
        case ListOf(items=items):
            return ListOf(tuple(_redirected(one, item=item, params=params) for one in items))
        case ObjectOf(fields=fields):
            return ObjectOf({key: _redirected(one, item=item, params=params) for key, one in fields.items()})
        case _:
            return binding


def _too_large(message: TaskMessage, now_us: int) -> Outcome:
    error = ErrorInfo(
        code=ErrorCode.PROTOCOL_TOO_LARGE,
        message="the task's message is larger than the bus allows, with everything stored that can be",
        where=message.node,
        fix="Put large values into files, and their paths into the definition.",
    )
    return Outcome(
        run_id=message.run_id,
        node=message.node,
        item=message.item,
        attempt=message.attempt,
        state=OutcomeState.FAILED,
        started_at_us=now_us,
        finished_at_us=now_us,
        worker="coordinator",
        error=error,
        advice=RetryAdvice.NEVER,
    )
