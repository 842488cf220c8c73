"""Putting a map's results together, in order, from what the store holds.

The list is never in memory as a whole: what is too large for a message goes from the items' places to the list's own
in pieces.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
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

log = logging.getLogger("headrace.collect")

PAGE = 10_000
RETRY_S = 1.0


class Collector:
    """Reads item results and stores the list where it is too large for a message."""

    def __init__(
        self, store: Reader, results: ResultBucket, clock: Clock, inline_bytes: Callable[[], int]
    ) -> None:
        """`inline_bytes` says how large a list may be to travel inside a message."""
        self._store = store
        self._results = results
        self._clock = clock
        self._inline_bytes = inline_bytes

    async def collect(self, effect: Collect, counts: tuple[Path, ...]) -> Collected:
        """The list, or the items whose stored results are gone. Repeats until the store and the bus can."""
        while True:
            try:
                return await self._collect(effect, counts)
            except (HeadraceError, BusError) as error:
                log.warning("results of %s/%s cannot be collected yet: %s", effect.run_id, effect.node, error)
                await self._clock.sleep(RETRY_S)

    async def _collect(self, effect: Collect, counts: tuple[Path, ...]) -> Collected:
        wanted = {path[0] for path in counts if path}
        items = _Items(self._store, self._results, effect, wanted)
        try:
            result = await self._joined(effect, items)
        except (_ItemLost, BusError):
            if not items.any_lost:  # a place may wrap what its source raises
                raise
            return Collected(effect.run_id, effect.node, lost=await items.lost())
        lengths = tuple(items.length(path) for path in counts)
        return Collected(effect.run_id, effect.node, result, lengths)

    async def _joined(self, effect: Collect, items: _Items) -> Result:
        pieces = items.pieces()
        begun = bytearray()
        async for piece in pieces:
            begun += piece
            if len(begun) > self._inline_bytes():
                break
        else:
            return Result(msgspec.Raw(bytes(begun)))
        digest, size = blake2b(digest_size=16), 0

        async def all_of_it() -> AsyncIterator[bytes]:
            nonlocal size
            piece = bytes(begun)
            while piece:
                digest.update(piece)
                size += len(piece)
                yield piece
                piece = await anext(pieces, b"")

        # No two lists meet: a reader of an older one finds it whole, or gone.
        key = f"{effect.run_id}/{effect.node}/collected-{self._clock.now_us()}"
        uri = await self._results.put(key, all_of_it())
        return Result(stored=Stored(uri, size, digest.hexdigest()))


class _ItemLost(Exception):
    """The stored result of an item is gone, or is not what was stored."""


class _Items:
    """The results of a map's items."""

    def __init__(
        self, store: Reader, results: ResultBucket, effect: Collect, wanted: Collection[str | int]
    ) -> None:
        """`wanted` are the items into which somebody looks."""
        self._store = store
        self._results = results
        self._effect = effect
        self._wanted = wanted
        self._kept: dict[str | int, bytes] = {}
        self._lost: list[int] = []
        self._next = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """The list as msgpack, in pieces that are never empty. Raises _ItemLost."""
        yield _array_header(self._effect.total)
        async for index, result in self._results_from(0):
            self._next = index
            if index not in self._wanted:
                async for piece in self._item(index, result):
                    yield piece
            else:
                self._kept[index] = b"".join([piece async for piece in self._item(index, result)])
                yield self._kept[index]

    async def _results_from(self, first: int) -> AsyncIterator[tuple[int, Result | None]]:
        """Each item's result; None where there is none."""
        total = self._effect.total
        while first < total:
            page = await self._store.item_results(self._effect.run_id, self._effect.node, first, PAGE)
            for attempt in page:
                index = attempt.item or 0
                for missing in range(first, index):
                    yield missing, None
                yield index, attempt.result or Result(NOTHING)
                first = index + 1
            if not page:
                for missing in range(first, total):
                    yield missing, None
                return
            await asyncio.sleep(0)

    async def _item(self, index: int, result: Result | None) -> AsyncIterator[bytes]:
        if result is None:
            self._lose(index)
            raise _ItemLost
        stored = result.stored
        if stored is None:
            yield bytes(result.value) or bytes(NOTHING)
            return
        digest = blake2b(digest_size=16)
        found = await self._results.open(stored.uri)
        if found is not None:
            async for piece in found.chunks():
                digest.update(piece)
                yield piece
        if found is None or digest.hexdigest() != stored.digest:
            self._lose(index)
            raise _ItemLost

    def _lose(self, index: int) -> None:
        self._lost.append(index)

    @property
    def any_lost(self) -> bool:
        return bool(self._lost)

    async def lost(self) -> tuple[int, ...]:
        """After a loss: every item that is gone. What is there and broken is found when its turn comes."""
        async for index, result in self._results_from(self._next + 1):
            gone = result is None
            if result is not None and result.stored is not None:
                gone = await self._results.open(result.stored.uri) is None
            if gone:
                self._lose(index)
        return tuple(self._lost)

    def length(self, path: Path) -> int:
        """Of the list at a place, -1 when there is none."""
        if not path:
            return self._effect.total
        return length_at(msgspec.Raw(self._kept.get(path[0], bytes(NOTHING))), path[1:])


def _array_header(count: int) -> bytes:
    """The start of a msgpack array (https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family)."""
    if count < 16:
        return bytes([0x90 | count])
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2)
    return b"\xdd" + count.to_bytes(4)
