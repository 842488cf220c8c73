"""Where results are kept: the bus' object store, a directory, or anything else that obstore opens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from headrace.bus import Bus, BusError
from headrace.bus.port import Key, ObjectBucket
from headrace.results.digest import PIECE_BYTES
from headrace.results.files import FileBlobs
from headrace.results.store import Blobs
from headrace_protocol.errors import ConfigError

if TYPE_CHECKING:
    from obstore import GetResult

T = TypeVar("T")
log = logging.getLogger("headrace.worker")

NATS = "nats://"
FILE = "file://"
RETRY_S = 0.5


class Places:
    """Opens each place once. A reader follows the URI it is given, whatever its own setting is."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._opened: dict[str, Blobs] = {}

    def open(self, uri: str) -> Blobs:
        for prefix, place in self._opened.items():
            if uri.startswith(prefix):
                return place
        place = self._made(uri)
        self._opened[place.prefix] = place
        return place

    def _made(self, uri: str) -> Blobs:
        if uri.startswith(NATS):
            return _BucketBlobs(self._bus, bucket_of(uri))
        return FileBlobs(_root_of(uri)) if uri.startswith(FILE) else _UrlBlobs(_root_of(uri))


def bucket_of(uri: str) -> str:
    return uri.removeprefix(NATS).split("/", 1)[0]


class _BucketBlobs:
    """A bucket of the bus. What fails because the bus is away is repeated until it is back."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.prefix = f"{NATS}{name}/"
        self._bus = bus
        self._name = name
        self._bucket: ObjectBucket | None = None

    async def put(self, body: memoryview, key: Key) -> str:
        return await self._until_done(lambda bucket: bucket.put(body, key))

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        found = await self._until_done(lambda bucket: bucket.get(key))
        return None if found is None else self._pieces(key, found)

    async def _pieces(self, key: str, found: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        done = 0
        while True:
            skipped = 0
            try:
                async for piece in found:
                    known = min(done - skipped, len(piece))
                    skipped += known
                    if known < len(piece):
                        skipped += len(piece) - known
                        done = skipped
                        yield piece[known:] if known else piece
                return
            except BusError as error:
                await self._wait(error)
            again = await self._until_done(lambda bucket: bucket.get(key))
            if again is None:
                return
            found = again

    async def _until_done(self, use: Callable[[ObjectBucket], Awaitable[T]]) -> T:
        while True:
            try:
                if self._bucket is None:
                    self._bucket = await self._bus.bucket(self._name)
                return await use(self._bucket)
            except BusError as error:
                await self._wait(error)

    async def _wait(self, error: BusError) -> None:
        self._bucket = None  # a server that lost its data lost the bucket too
        log.warning("the result bucket %s cannot be used yet: %s", self._name, error)
        await asyncio.sleep(RETRY_S)


class _UrlBlobs:
    """A bucket of obstore: `s3://bucket/prefix/`, `az://`, `gs://`, …"""

    def __init__(self, root: str) -> None:
        import obstore.store

        self.prefix = root
        try:
            self._store = obstore.store.from_url(root.rstrip("/"))
        except (ValueError, obstore.exceptions.BaseError) as error:
            raise ConfigError(
                f"the result store cannot be opened: {error}",
                where="results",
                found=root,
                expected="nats://BUCKET, or a URL such as file:///shared/results/ or s3://bucket/prefix/",
            ) from error

    async def put(self, body: memoryview, key: Key) -> str:
        found = await key()
        await self._store.put_async(found, body)
        return found

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        try:
            found = await self._store.get_async(key)
        except FileNotFoundError:
            return None
        return _stream(found)


async def _stream(found: GetResult) -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=PIECE_BYTES):
        yield bytes(piece)


def _root_of(uri: str) -> str:
    """The root of a setting or of a result's URI: a double slash separates it from the key."""
    scheme, rest = uri.split("://", 1)
    root = rest.partition("//")[0].rstrip("/")
    return f"{scheme}://{root}//"
