"""Where large results are kept: the NATS object store, or any store that obstore opens."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import obstore
import obstore.exceptions
from obstore.store import from_url

from headrace_coordinator.bus.nats_bus import NatsBus
from headrace_coordinator.bus.port import BusError, FoundResult, ResultBucket, WrittenResult
from headrace_protocol.errors import ConfigError
from headrace_protocol.nats import ObjectGone, ObjectsError
from headrace_protocol.nats.objects import StoredObject

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta

NATS_SCHEME = "nats://"
PIECE_BYTES = 1024 * 1024
PAGE = 500
CLOCK_KEY = "headrace-clock"
"""An object that is written to learn what the clock of its place says."""


class NatsResults:
    """A bucket of the NATS object store. URIs are `nats://<bucket>/<key>`."""

    def __init__(self, bus: NatsBus, bucket: str) -> None:
        self.prefix = f"{NATS_SCHEME}{bucket}/"
        self._bus = bus
        self._objects = bus.client.objects(bucket, self._publish)
        self._found: set[str] = set()
        """Names of the chunks of objects that are whole, as far as `written` has come."""

    def _publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None) -> Future[int]:
        return self._bus.publish(subject, headers or {}, body)

    async def put(self, key: str, body: bytes | AsyncIterable[bytes]) -> str:
        async def named() -> str:
            return key

        with _told(f"result {key}"):
            await self._objects.open()
            await self._objects.put(body, named)
        return self.prefix + key

    async def open(self, uri: str) -> FoundResult | None:
        key = uri.removeprefix(self.prefix)
        with _told(f"result {key}"):
            found = await self._objects.find(key)
        return None if found is None else _InBucket(found)

    async def get(self, uri: str) -> bytes | None:
        return await _whole(await self.open(uri))

    async def delete(self, uri: str) -> int:
        key = uri.removeprefix(self.prefix)
        with _told(f"result {key}"):
            return await self._objects.delete(key)

    async def written(self, older_than_s: float) -> AsyncIterator[list[WrittenResult]]:
        self._found.clear()
        with _told(f"results of {self.prefix}"):
            before_us = await self._before_us(older_than_s)
            after = 0
            while page := await self._objects.listed(after, PAGE):
                after = page[-1].sequence
                self._found.update(one.nuid for one in page)
                yield [
                    WrittenResult(self.prefix + one.key, one.key, one.size_bytes)
                    for one in page
                    if one.written_at_us < before_us
                ]

    async def tidy(self, older_than_s: float) -> int:
        with _told(f"results of {self.prefix}"):
            before_us = await self._before_us(older_than_s)
            purged = after = 0
            while True:
                strays = await self._objects.purge_strays(self._found, before_us, after, PAGE)
                purged, after = purged + strays.purged, strays.last
                if not after:
                    return purged

    async def _before_us(self, older_than_s: float) -> int:
        now_us = await self._objects.server_time_us()
        if now_us is None:
            raise BusError("the NATS server does not tell its time: it is older than 2.10")
        return now_us - round(older_than_s * 1e6)


class _InBucket:
    """See `headrace_coordinator.bus.port.FoundResult`."""

    def __init__(self, found: StoredObject) -> None:
        self.size_bytes = found.size_bytes
        self._found = found

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._found.chunks():
                yield chunk
        except ObjectGone:
            return
        except ObjectsError as error:
            raise BusError(str(error)) from error


class ObjectStoreResults:
    """An object store by URL (`file:///…`, `s3://…`, `gs://…`, `az://…`). URIs are `<url>//<key>`, as workers
    write and read them."""

    def __init__(self, url: str, *, make: bool = False) -> None:
        """With `make`, a directory is made where there is none."""
        self.prefix = url.rstrip("/") + "//"
        try:
            self._store = from_url(url, mkdir=True) if make and url.startswith("file:") else from_url(url)
        except (ValueError, obstore.exceptions.BaseError) as error:
            raise ConfigError(
                f"the result store cannot be opened: {error}",
                where="results",
                found=url,
                expected="a URL such as file:///shared/results or s3://bucket/prefix",
            ) from error

    async def put(self, key: str, body: bytes | AsyncIterable[bytes]) -> str:
        with _told(f"result {key}"):
            await obstore.put_async(self._store, key, body)
        return self.prefix + key

    async def open(self, uri: str) -> FoundResult | None:
        try:
            with _told(f"result {uri}"):
                return _InStore(await obstore.get_async(self._store, uri.removeprefix(self.prefix)))
        except FileNotFoundError:
            return None

    async def get(self, uri: str) -> bytes | None:
        return await _whole(await self.open(uri))

    async def delete(self, uri: str) -> int:
        key = uri.removeprefix(self.prefix)
        try:
            with _told(f"result {uri}"):
                size_bytes: int = (await obstore.head_async(self._store, key))["size"]
                await obstore.delete_async(self._store, key)
                return size_bytes
        except FileNotFoundError:
            return 0

    async def written(self, older_than_s: float) -> AsyncIterator[list[WrittenResult]]:
        with _told(f"results of {self.prefix}"):
            before = await self._now() - timedelta(seconds=older_than_s)
            async for page in obstore.list(self._store, chunk_size=PAGE):
                yield [self._written(one) for one in page if one["last_modified"] < before]

    def _written(self, one: ObjectMeta) -> WrittenResult:
        return WrittenResult(self.prefix + one["path"], one["path"], one["size"])

    async def _now(self) -> datetime:
        """By the clock that gives objects their times."""
        await obstore.put_async(self._store, CLOCK_KEY, b"")
        return (await obstore.head_async(self._store, CLOCK_KEY))["last_modified"]

    async def tidy(self, older_than_s: float) -> int:
        return 0


class _InStore:
    """See `headrace_coordinator.bus.port.FoundResult`."""

    def __init__(self, found: GetResult) -> None:
        self.size_bytes: int = found.meta["size"]
        self._found = found

    async def chunks(self) -> AsyncIterator[bytes]:
        with _told("a result"):
            async for piece in self._found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)


class PlacedResults:
    """The coordinator's own place, and the others that it was told of, each opened once.

    A URI comes from a worker. What it leads to is read, shown and deleted with the coordinator's rights, so nothing
    else is opened.
    """

    def __init__(
        self, bus: NatsBus, bucket: str, own: NatsResults | ObjectStoreResults, others: Sequence[str] = ()
    ) -> None:
        self._bus = bus
        self._bucket = bucket
        self._others = [url.rstrip("/") for url in others]
        self._opened: dict[str, NatsResults | ObjectStoreResults] = {own.prefix: own}
        self.put = own.put
        self.written = own.written
        self.tidy = own.tidy

    async def open(self, uri: str) -> FoundResult | None:
        return await self._place(uri).open(uri)

    async def get(self, uri: str) -> bytes | None:
        return await self._place(uri).get(uri)

    async def delete(self, uri: str) -> int:
        return await self._place(uri).delete(uri)

    def _place(self, uri: str) -> NatsResults | ObjectStoreResults:
        for prefix, place in self._opened.items():
            if uri.startswith(prefix):
                return place
        try:
            place = self._made(uri)
        except ConfigError as error:
            raise BusError(str(error)) from error
        self._opened[place.prefix] = place
        return place

    def _made(self, uri: str) -> NatsResults | ObjectStoreResults:
        bucket = NatsResults(self._bus, self._bucket)
        if uri.startswith(bucket.prefix):
            return bucket
        for url in self._others:
            if uri.startswith(f"{url}//"):
                return ObjectStoreResults(url)
        scheme, _, rest = uri.partition("://")
        place = f"{scheme}://{rest.partition('//')[0]}"
        raise BusError(
            f"results at {place} are not opened: start the coordinator with --results or --results-from {place}, "
            "if its workers keep their results there"
        )


async def _whole(found: FoundResult | None) -> bytes | None:
    if found is None:
        return None
    whole = BytesIO()
    async for chunk in found.chunks():
        whole.write(chunk)
    body = whole.getvalue()
    return body if len(body) == found.size_bytes else None


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turns what the libraries raise into BusError; FileNotFoundError passes."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (ObjectsError, OSError, ValueError, obstore.exceptions.BaseError) as error:
        raise BusError(f"{what}: {error}") from error


def open_results(bus: NatsBus, bucket: str, url: str, others: Sequence[str] = ()) -> ResultBucket:
    """The store at a URL, or the bucket on the bus when there is none. `others` are URLs where workers keep results,
    too; nothing is written there."""
    own = ObjectStoreResults(url, make=True) if url else NatsResults(bus, bucket)
    return PlacedResults(bus, bucket, own, others)
