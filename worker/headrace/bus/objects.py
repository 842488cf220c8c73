"""Buckets of the NATS Object Store."""

from __future__ import annotations

import nats.errors
import nats.js.errors
from nats.aio.client import Client as NatsClient
from nats.js.api import ObjectStoreConfig
from nats.js.object_store import ObjectStore

from headrace.bus.port import BusError


class NatsBucket:
    """See `headrace.bus.port.ObjectBucket`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    async def open(cls, client: NatsClient, name: str) -> NatsBucket:
        """The bucket, made if missing. Two that make it at the same time both succeed: the same
        configuration is the same bucket."""
        context = client.jetstream()
        try:
            return cls(await context.object_store(name))
        except nats.js.errors.NotFoundError:
            return cls(await context.create_object_store(name, ObjectStoreConfig(bucket=name)))

    async def put(self, key: str, body: bytes) -> None:
        try:
            await self._store.put(key, body)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(str(error) or type(error).__name__) from error

    async def get(self, key: str) -> bytes | None:
        try:
            found = await self._store.get(key)
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(str(error) or type(error).__name__) from error
        return bytes(found.data or b"")
