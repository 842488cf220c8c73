"""Where large results are kept: the NATS object store, or any store that obstore opens."""

from __future__ import annotations

import nats.errors
import nats.js.errors
import obstore
from nats.js.api import ObjectStoreConfig
from nats.js.object_store import ObjectStore
from obstore.store import from_url

from headrace_coordinator.bus.nats_bus import NatsBus
from headrace_coordinator.bus.port import BusError, ResultBucket

NATS_SCHEME = "nats://"


class NatsResults:
    """A bucket of the NATS object store. URIs are `nats://<bucket>/<key>`."""

    def __init__(self, bus: NatsBus, bucket: str) -> None:
        self._bus = bus
        self._bucket = bucket

    async def _open(self) -> ObjectStore:
        context = self._bus.client.jetstream()
        try:
            return await context.object_store(self._bucket)
        except nats.js.errors.NotFoundError:
            return await context.create_object_store(self._bucket, ObjectStoreConfig(bucket=self._bucket))

    async def put(self, key: str, body: bytes) -> str:
        try:
            await (await self._open()).put(key, body)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(f"result {key}: {error}") from error
        return f"{NATS_SCHEME}{self._bucket}/{key}"

    async def get(self, uri: str) -> bytes | None:
        key = uri.removeprefix(f"{NATS_SCHEME}{self._bucket}/")
        try:
            found = await (await self._open()).get(key)
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(f"result {key}: {error}") from error
        return bytes(found.data or b"")


class ObjectStoreResults:
    """An object store by URL (`file:///…`, `s3://…`, `gs://…`, `az://…`)."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._store = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)

    async def put(self, key: str, body: bytes) -> str:
        await obstore.put_async(self._store, key, body)
        return f"{self._url}/{key}"

    async def get(self, uri: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, uri.removeprefix(f"{self._url}/"))
        except FileNotFoundError:
            return None
        return bytes(await found.bytes_async())


def open_results(bus: NatsBus, bucket: str, url: str) -> ResultBucket:
    """The store at a URL, or the bucket on the bus when there is none."""
    return ObjectStoreResults(url) if url else NatsResults(bus, bucket)
