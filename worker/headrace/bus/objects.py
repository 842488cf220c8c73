"""Buckets of the NATS Object Store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from headrace.bus.port import BusError, Key
from headrace_protocol.nats import ObjectGone, Objects, ObjectsError
from headrace_protocol.nats.objects import StoredObject


class NatsBucket:
    """See `headrace.bus.port.ObjectBucket`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @classmethod
    async def open(cls, objects: Objects) -> NatsBucket:
        """The bucket, made if missing."""
        try:
            await objects.open()
        except ObjectsError as error:
            raise BusError(str(error)) from error
        return cls(objects)

    async def put(self, body: memoryview, key: Key) -> str:
        try:
            return await self._objects.put(body, key)
        except ObjectsError as error:
            raise BusError(str(error)) from error

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        try:
            found = await self._objects.find(key)
        except ObjectsError as error:
            raise BusError(str(error)) from error
        return None if found is None else _pieces(found)


async def _pieces(found: StoredObject) -> AsyncIterator[bytes]:
    try:
        async for chunk in found.chunks():
            yield chunk
    except ObjectGone:
        return
    except ObjectsError as error:
        raise BusError(str(error)) from error
