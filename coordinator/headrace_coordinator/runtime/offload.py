"""Task messages that would be larger than the bus takes: what makes them large travels by reference instead.

Inline results of upstream nodes are stored as one object. Where that is not enough, the run's params and the item are
stored as well. The bindings that read them are turned into bindings that read these. A message that is too large even
then (a definition full of literals) is not published: its attempt fails, with a reason.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import msgspec

from headrace_coordinator.bus.port import BusError, ResultBucket
from headrace_coordinator.engine.effects import Dispatch
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.turn import Oversized, Turn
from headrace_coordinator.store.records import HolderKind, ResultReference
from headrace_protocol.codec import NOTHING, raw
from headrace_protocol.definition import Binding, Item, ListOf, ObjectOf, Output, Param
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import ABSENT, Outcome, OutcomeState, Result, RetryAdvice, Stored, TaskMessage

log = logging.getLogger("headrace.offload")

PARAMS = "$params"
ITEM = "$item"
INPUTS = "$inputs"
"""Names among a message's inputs that no node can have."""
SMALL_BYTES = 4 * 1024
"""What is smaller stays inside: fetching it costs more than it saves."""
RETRY_S = 1.0
Keep = Callable[[msgspec.Raw], Awaitable[Result]]
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
        """Ever more by reference, until the message fits."""
        message, priority = oversized.effect.message, oversized.effect.priority

        async def store(value: msgspec.Raw) -> Result:
            return Result(stored=await self._store(message, turn, value, kept, stopping))

        for step in (_inputs, _params_and_item):
            message = await step(message, store)
            if turn.replace(oversized, Dispatch(message, priority)):
                return message
        return None

    async def _store(
        self,
        message: TaskMessage,
        turn: Turn,
        value: msgspec.Raw,
        kept: dict[str, Stored],
        stopping: Callable[[], bool],
    ) -> Stored:
        body = bytes(value)
        digest = blake2b(body, digest_size=16).hexdigest()
        known = f"{message.run_id}/{digest}"
        if known not in kept:  # the items of a map share their inputs
            key = attempt_key(message.run_id, message.node, message.item, message.attempt)
            uri = await self._put(f"{key}/input-{digest}", body, stopping)
            kept[known] = Stored(uri, len(body), digest)
            turn.transaction.references.append(ResultReference(uri, HolderKind.RUN, message.run_id))
        return kept[known]

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


async def _inputs(message: TaskMessage, store: Keep) -> TaskMessage:
    """All together: each is too small to be stored by itself, and one is fetched as fast as sixty."""
    inline = {name: result.value for name, result in message.inputs.items() if result.stored is None}
    if not inline:
        return message
    inputs = {name: result for name, result in message.inputs.items() if name not in inline}
    inputs[INPUTS] = await store(raw({name: value or NOTHING for name, value in inline.items()}))

    def redirected(binding: Binding) -> Binding | None:
        match binding:
            case Output(node=node, path=path) if node in inline:
                return Output(INPUTS, (node, *path))
            case _:
                return None

    bindings = {name: _replaced(binding, redirected) for name, binding in message.bindings.items()}
    return msgspec.structs.replace(message, inputs=inputs, bindings=bindings)


async def _params_and_item(message: TaskMessage, store: Keep) -> TaskMessage:
    inputs = dict(message.inputs)
    item, params = message.item_input, message.params
    names: frozenset[str] = frozenset()
    if item is not None and len(bytes(item.value)) > SMALL_BYTES:
        inputs[ITEM] = await store(item.value)
    if len(bytes(params)) > SMALL_BYTES:
        inputs[PARAMS] = await store(params)
        names = frozenset(_object(params))

    def redirected(binding: Binding) -> Binding | None:
        match binding:
            case Item() if ITEM in inputs:
                return Output(ITEM)
            case Param(name=name, path=path) if (
                name in names
            ):  # one that the run does not have stays what it is
                return Output(PARAMS, (name, *path))
            case _:
                return None

    return msgspec.structs.replace(
        message,
        inputs=inputs,
        item_input=None if ITEM in inputs else item,
        params=ABSENT if PARAMS in inputs else params,
        bindings={name: _replaced(binding, redirected) for name, binding in message.bindings.items()},
    )


def _replaced(binding: Binding, by: Callable[[Binding], Binding | None]) -> Binding:
    """The same value, read from the stored copy where there is one."""
    found = by(binding)
    if found is not None:
        return found
    match binding:
        case ListOf(items=items):
            return ListOf(tuple(_replaced(one, by) for one in items))
        case ObjectOf(fields=fields):
            return ObjectOf({key: _replaced(one, by) for key, one in fields.items()})
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
