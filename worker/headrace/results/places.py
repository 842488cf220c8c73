"""Where results are kept: the bus' object store, or anything that obstore opens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from headrace.bus import Bus, BusError
from headrace.bus.port import ObjectBucket
from headrace.results.store import Blobs
from headrace_protocol.errors import ConfigError

T = TypeVar("T")
log = logging.getLogger("headrace.worker")

NATS = "nats://"
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
        place = _BucketBlobs(self._bus, bucket_of(uri)) if uri.startswith(NATS) else _UrlBlobs(_root_of(uri))
        self._opened[place.prefix] = place
        return place


def bucket_of(uri: str) -> str:
    return uri.removeprefix(NATS).split("/", 1)[0]


class _BucketBlobs:
    """A bucket of the bus. What fails because the bus is away is repeated until it is back."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.prefix = f"{NATS}{name}/"
        self._bus = bus
        self._name = name
        self._bucket: ObjectBucket | None = None

    async def put(self, key: str, body: bytes) -> None:
        await self._until_done(lambda bucket: bucket.put(key, body))

    async def get(self, key: str) -> bytes | None:
        return await self._until_done(lambda bucket: bucket.get(key))

    async def _until_done(self, use: Callable[[ObjectBucket], Awaitable[T]]) -> T:
        while True:
            try:
                if self._bucket is None:
                    self._bucket = await self._bus.bucket(self._name)
                return await use(self._bucket)
            except BusError as error:
                self._bucket = None  # a server that lost its data lost the bucket too
                log.warning("the result bucket %s cannot be used yet: %s", self._name, error)
                await asyncio.sleep(RETRY_S)


class _UrlBlobs:
    """A directory or bucket of obstore: `file:///shared/results/`, `s3://bucket/prefix/`, `az://`, `gs://`,
    …"""

    def __init__(self, root: str) -> None:
        import obstore.store

        self.prefix = root
        if root.startswith("file://"):
            Path(urlsplit(root).path).mkdir(parents=True, exist_ok=True)
        try:
            self._store = obstore.store.from_url(root.rstrip("/"))
        except (ValueError, obstore.exceptions.BaseError) as error:
            raise ConfigError(
                f"the result store cannot be opened: {error}",
                where="results",
                found=root,
                expected="nats://BUCKET, or a URL such as file:///shared/results/ or s3://bucket/prefix/",
            ) from error

    async def put(self, key: str, body: bytes) -> None:
        await self._store.put_async(key, body)

    async def get(self, key: str) -> bytes | None:
        try:
            found = await self._store.get_async(key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None


def _root_of(uri: str) -> str:
    """The root of a setting or of a result's URI: a double slash separates it from the key."""
    scheme, rest = uri.split("://", 1)
    root = rest.partition("//")[0].rstrip("/")
    return f"{scheme}://{root}//"
