"""Values by reference: stored once, fetched through a cache, verified against their digest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

import msgspec

from headrace_protocol.errors import ErrorCode, HeadraceError
from headrace_protocol.messages import Stored

CACHE_BYTES = 64 * 1024 * 1024


class InputLost(HeadraceError):
    """A stored result is gone, or is not what was stored. `node` produced it, where that is known."""

    default_code = ErrorCode.TASK_INPUT_LOST
    node = ""


class Blobs(Protocol):
    """Where the bytes are."""

    @property
    def prefix(self) -> str:
        """What the URIs of this place begin with."""
        ...

    async def put(self, key: str, body: bytes) -> None: ...

    async def get(self, key: str) -> bytes | None: ...


def digest_of(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


class ResultStore:
    """Puts bytes, and gets them back verified. Fetched bytes and split lists are kept up to `cache_bytes`."""

    def __init__(self, blobs: Callable[[str], Blobs], default: str, cache_bytes: int = CACHE_BYTES) -> None:
        """`blobs` opens the place that a URI or prefix belongs to; `default` is where new results go."""
        self._open = blobs
        self._default = default
        self._cache = _Cache(cache_bytes)
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def put(self, attempt_key: str, body: bytes) -> Stored:
        digest = digest_of(body)
        key = f"{attempt_key}/{digest}"
        place = self._open(self._default)
        await place.put(key, body)
        return Stored(place.prefix + key, len(body), digest)

    async def get(self, stored: Stored) -> bytes:
        """The bytes; raises InputLost."""
        found = self._cache.get(stored.uri)
        if found is not None:
            return found
        task = self._fetching.get(stored.uri)
        if task is None:  # the items of a map all read the same list at the same time
            task = asyncio.create_task(self._fetch(stored))
            self._fetching[stored.uri] = task
            task.add_done_callback(lambda done: self._fetched(stored.uri, done))
        return await asyncio.shield(task)

    def _fetched(self, uri: str, task: asyncio.Task[bytes]) -> None:
        self._fetching.pop(uri, None)
        if not task.cancelled():
            task.exception()  # whoever waits hears of it; silent when all of them were stopped meanwhile

    async def items(
        self, stored: Stored, split: Callable[[bytes], list[msgspec.Raw]], place: str
    ) -> list[msgspec.Raw]:
        """The elements of a list inside the value, split once; `place` names the list in the cache."""
        key = f"{stored.uri}#{place}"
        found = self._cache.get_list(key)
        if found is None:
            found = split(await self.get(stored))
            self._cache.put_list(key, found, stored.size_bytes)
        return found

    async def _fetch(self, stored: Stored) -> bytes:
        place = self._open(stored.uri)
        body = await place.get(stored.uri.removeprefix(place.prefix))
        if body is None:
            raise InputLost("a stored result is gone", found="nothing", expected=stored.uri)
        if digest_of(body) != stored.digest:
            raise InputLost(
                "a stored result is not what was stored",
                found=f"{len(body)} bytes with digest {digest_of(body)}",
                expected=f"{stored.size_bytes} bytes with digest {stored.digest} at {stored.uri}",
            )
        self._cache.put(stored.uri, body)
        return body


class _Cache:
    """Least recently used first out, bounded by bytes. A value larger than a quarter is not kept: it would
    drive out everything else; a list is kept whatever its size up to the whole, since a map reads it item
    by item."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[str, tuple[bytes | list[msgspec.Raw], int]] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        found = self._find(key)
        return found if isinstance(found, bytes) else None

    def get_list(self, key: str) -> list[msgspec.Raw] | None:
        found = self._find(key)
        return found if isinstance(found, list) else None

    def put(self, key: str, body: bytes) -> None:
        if len(body) <= self._limit // 4:
            self._put(key, body, len(body))

    def put_list(self, key: str, items: list[msgspec.Raw], size_bytes: int) -> None:
        weight = size_bytes + 100 * len(items)
        if weight <= self._limit:
            self._put(key, items, weight)

    def _find(self, key: str) -> bytes | list[msgspec.Raw] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def _put(self, key: str, value: bytes | list[msgspec.Raw], weight: int) -> None:
        old = self._entries.pop(key, None)
        self._size += weight - (old[1] if old else 0)
        self._entries[key] = (value, weight)
        while self._size > self._limit:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._size -= dropped
