"""Values by reference: stored once, fetched through a cache, verified against their digest.

What is large is hashed and cut in threads: the loop is never held for it.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from io import BytesIO
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

import msgspec

from headrace.bus.port import Key
from headrace.results.digest import Digest, digest_of, off_loop
from headrace_protocol.errors import ErrorCode, HeadraceError
from headrace_protocol.messages import Stored
from headrace_protocol.topology import CLAIM_CHECK_BYTES

T = TypeVar("T")

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

    async def put(self, body: memoryview, key: Key) -> str:
        """Keep the bytes; returns their key."""
        ...

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        """The bytes, in pieces; None when they are gone. When they go meanwhile, the pieces end too early."""
        ...


class ResultStore:
    """Puts bytes, and gets them back verified. Fetched bytes are kept up to `cache_bytes`, and so are split lists:
    a map reads its list once for each item, so nothing else may drive that out."""

    def __init__(
        self,
        blobs: Callable[[str], Blobs],
        default: str,
        cache_bytes: int = CACHE_BYTES,
        inline_bytes: Callable[[], int] = lambda: CLAIM_CHECK_BYTES,
    ) -> None:
        """`blobs` opens the place that a URI or prefix belongs to; `default` is where new results go;
        `inline_bytes` says how large a result may be to travel inside a message."""
        self.inline_bytes = inline_bytes
        self._open = blobs
        self._default = default
        self._bytes: _Cache[bytes] = _Cache(cache_bytes)
        self._largest_bytes = cache_bytes // 4
        """What is larger would drive everything else out."""
        self._lists: _Cache[Elements] = _Cache(cache_bytes)
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def put(self, attempt_key: str, body: bytes | memoryview) -> Stored:
        """Keep the bytes. They are hashed while they are written, and nothing of them is copied."""
        view = memoryview(body)
        digest = asyncio.ensure_future(off_loop(partial(digest_of, view), len(view)))
        place = self._open(self._default)

        async def key() -> str:
            return f"{attempt_key}/{await digest}"

        kept = await place.put(view, key)
        return Stored(place.prefix + kept, len(view), await digest)

    async def get(self, stored: Stored) -> bytes:
        """The bytes; raises InputLost."""
        found = self._bytes.get(stored.uri)
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
    ) -> Elements:
        """The elements of a list inside the value, split once; `place` names the list in the cache."""
        key = f"{stored.uri}#{place}"
        found = self._lists.get(key)
        if found is None:
            body = await self.get(stored)
            found = await off_loop(lambda: Elements(split(body)), len(body))
            self._lists.put(key, found, found.size_bytes)
        return found

    async def _fetch(self, stored: Stored) -> bytes:
        place = self._open(stored.uri)
        found = await place.get(stored.uri.removeprefix(place.prefix))
        if found is None:
            raise InputLost("a stored result is gone", found="nothing", expected=stored.uri)
        whole, digest = BytesIO(), Digest()  # the buffer becomes the bytes, uncopied
        async for piece in found:
            whole.write(piece)
            await digest.feed(piece)
        body = whole.getvalue()
        if await digest.hex() != stored.digest:
            raise InputLost(
                "a stored result is not what was stored",
                found=f"{len(body)} bytes with digest {await digest.hex()}",
                expected=f"{stored.size_bytes} bytes with digest {stored.digest} at {stored.uri}",
            )
        if len(body) <= self._largest_bytes:
            self._bytes.put(stored.uri, body, len(body))
        return body


class Elements:
    """An encoded list, cut: its bytes and where each element ends, which is a tenth of an object for each."""

    __slots__ = ("_body", "_ends")

    def __init__(self, elements: Sequence[msgspec.Raw]) -> None:
        self._body = b"".join(elements)
        self._ends = array("Q", accumulate(memoryview(element).nbytes for element in elements))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> msgspec.Raw:
        """Raises IndexError."""
        return msgspec.Raw(self._body[self._ends[index - 1] if index else 0 : self._ends[index]])

    @property
    def size_bytes(self) -> int:
        return len(self._body) + self._ends.itemsize * len(self._ends)


class _Cache(Generic[T]):
    """Least recently used first out, bounded by bytes; the last one used is kept whatever its size."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, key: str) -> T | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: str, value: T, size_bytes: int) -> None:
        old = self._entries.pop(key, None)
        self._size += size_bytes - (old[1] if old else 0)
        self._entries[key] = (value, size_bytes)
        while self._size > self._limit and len(self._entries) > 1:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._size -= dropped
