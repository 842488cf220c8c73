"""Putting a map's results together, in order, from what the store holds."""

from __future__ import annotations

import asyncio
import logging
from hashlib import blake2b

import msgspec

from headrace_coordinator.bus.port import BusError, ResultBucket
from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import Collected
from headrace_coordinator.engine.values import length_at
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.store.port import Reader
from headrace_protocol.codec import NOTHING
from headrace_protocol.definition import Path
from headrace_protocol.errors import HeadraceError
from headrace_protocol.messages import Result, Stored
from headrace_protocol.topology import CLAIM_CHECK_BYTES

log = logging.getLogger("headrace.collect")

PAGE = 10_000
RETRY_S = 1.0


class Collector:
    """Reads item results and stores the list where it is too large for a message."""

    def __init__(self, store: Reader, results: ResultBucket, clock: Clock) -> None:
        self._store = store
        self._results = results
        self._clock = clock

    async def collect(self, effect: Collect, counts: tuple[Path, ...]) -> Collected:
        """The list, or the items whose stored results are gone. Repeats until the store and the bus can."""
        while True:
            try:
                return await self._collect(effect, counts)
            except (HeadraceError, BusError) as error:
                log.warning("results of %s/%s cannot be collected yet: %s", effect.run_id, effect.node, error)
                await self._clock.sleep(RETRY_S)

    async def _collect(self, effect: Collect, counts: tuple[Path, ...]) -> Collected:
        body = bytearray(_array_header(effect.total))
        lost: list[int] = []
        expected = 0
        while expected < effect.total:
            page = await self._store.item_results(effect.run_id, effect.node, expected, PAGE)
            for attempt in page:
                index = attempt.item or 0
                lost += range(expected, index)
                value = await self._value(attempt.result)
                if value is None:
                    lost.append(index)
                else:
                    body += value
                expected = index + 1
            if not page:
                lost += range(expected, effect.total)
                break
            await asyncio.sleep(0)
        if lost:
            return Collected(effect.run_id, effect.node, lost=tuple(lost))
        value = msgspec.Raw(bytes(body))
        lengths = tuple(length_at(value, path) for path in counts)
        return Collected(effect.run_id, effect.node, await self._keep(effect, value), lengths)

    async def _value(self, result: Result | None) -> bytes | None:
        if result is None:
            return bytes(NOTHING)
        if result.stored is None:
            return bytes(result.value) or bytes(NOTHING)
        body = await self._results.get(result.stored.uri)
        return body if body is not None and _digest(body) == result.stored.digest else None

    async def _keep(self, effect: Collect, value: msgspec.Raw) -> Result:
        body = bytes(value)
        if len(body) <= CLAIM_CHECK_BYTES:
            return Result(value)
        uri = await self._results.put(f"{effect.run_id}/{effect.node}/collected", body)
        return Result(stored=Stored(uri, len(body), _digest(body)))


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


def _array_header(count: int) -> bytes:
    """The start of a msgpack array (https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family)."""
    if count < 16:
        return bytes([0x90 | count])
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2)
    return b"\xdd" + count.to_bytes(4)
