"""Where large results are kept: the NATS object store, or any store that obstore opens."""

from __future__ import annotations

import nats.errors
import nats.js.errors
import obstore
import obstore.exceptions
from nats.js.api import ObjectStoreConfig
from nats.js.object_store import ObjectStore
from obstore.store import from_url

from headrace_coordinator.bus.nats_bus import NatsBus
from headrace_coordinator.bus.port import BusError, ResultBucket
from headrace_protocol.errors import ConfigError

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
    """An object store by URL (`file:///…`, `s3://…`, `gs://…`, `az://…`). URIs are `<url>//<key>`, as workers
    write and read them."""

    def __init__(self, url: str) -> None:
        self._prefix = url.rstrip("/") + "//"
        try:
            self._store = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)
        except (ValueError, obstore.exceptions.BaseError) as error:
            raise ConfigError(
                f"the result store cannot be opened: {error}",
                where="results",
                found=url,
                expected="a URL such as file:///shared/results or s3://bucket/prefix",
            ) from error

    async def put(self, key: str, body: bytes) -> str:
        try:
            await obstore.put_async(self._store, key, body)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise BusError(f"result {key}: {error}") from error
        return self._prefix + key

    async def get(self, uri: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, uri.removeprefix(self._prefix))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (OSError, obstore.exceptions.BaseError) as error:
            raise BusError(f"result {uri}: {error}") from error


def open_results(bus: NatsBus, bucket: str, url: str) -> ResultBucket:
    """The store at a URL, or the bucket on the bus when there is none."""
    return ObjectStoreResults(url) if url else NatsResults(bus, bucket)
