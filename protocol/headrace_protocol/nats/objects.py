"""Objects of the NATS Object Store (ADR-20 of NATS), read and written as streams of chunks.

A bucket is a stream: an object's chunks are messages on a subject of its own, and one message on another subject says
their number, size and SHA-256. nats-py appends each chunk to what it has, which copies 100 MB eight hundred times, and
writes one chunk per round trip. Here chunks are read through a pull consumer that asks for the next ones while the last
ones are used, and written with several on their way. What is written can be read by every other client.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Container,
    Mapping,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, ObjectStoreConfig

from headrace_protocol.nats.object_pull import (
    SILENCE_S,
    WINDOW_CHUNKS,
    Arrived,
    ObjectGone,
    ObjectsError,
    Pull,
    told,
)

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from headrace_protocol.nats.connection import Connection

CHUNK_BYTES = 128 * 1024
REPLICAS = 3
"""Of a bucket in a cluster; the coordinator adds those that were not to be had when it was made."""
NO_SERVERS = (10005, 10074)
"""JetStream's codes for more replicas than there are servers for, or than there are at all."""
UNDO_S = 1.0
PIECE_BYTES = 1024 * 1024
"""What is hashed at once; in a thread, which costs as much as hashing 50 KB."""

Publish = Callable[[str, bytes, Mapping[str, str] | None], "Future[int]"]
"""Into a stream; the future is its acknowledgement."""
Key = Callable[[], Awaitable[str]]
"""Asked for when the body is written."""
Body = bytes | bytearray | memoryview | AsyncIterable[bytes]

_ROLLUP = {"Nats-Rollup": "sub"}
_threads = ThreadPoolExecutor(2, "headrace-objects")


class Listed(msgspec.Struct, frozen=True):
    """An object as it is found by looking through a bucket."""

    key: str
    nuid: str
    """Names its chunks."""
    size_bytes: int
    sequence: int
    """Where in the bucket's stream it is: later ones were written later."""
    written_at_us: int
    """By the server's clock."""


class Strays(msgspec.Struct, frozen=True):
    """What was found of objects that were never finished."""

    purged: int
    last: int
    """The sequence to go on after; 0: all that is old enough was looked at."""


class _Link(msgspec.Struct):
    bucket: str = ""


class _Options(msgspec.Struct, omit_defaults=True):
    max_chunk_size: int = 0
    link: _Link | None = None


class _Meta(msgspec.Struct):
    """What the bucket says of an object. Others need to be told of what is 0 too."""

    name: str
    bucket: str = ""
    nuid: str = ""
    size: int = 0
    chunks: int = 0
    mtime: str = ""
    digest: str = ""
    deleted: bool = False
    options: _Options | None = None


class _StreamInfo(msgspec.Struct):
    ts: datetime | None = None
    """The server's time when it answered."""


_meta = msgspec.json.Decoder(_Meta).decode
_stream_info = msgspec.json.Decoder(_StreamInfo).decode


class StoredObject:
    """An object that was found. Its chunks come once, in order."""

    def __init__(self, objects: Objects, meta: _Meta) -> None:
        self.size_bytes = meta.size
        self._objects = objects
        self._meta = meta

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises ObjectGone when chunks are missing, ObjectsError when they cannot be read now."""
        meta, found = self._meta, 0
        if not meta.size:
            return
        subject = self._objects.chunk_subject(meta.nuid)
        only = await self._objects.last_message(subject) if meta.chunks == 1 else None
        if only is not None and len(only) == meta.size:
            yield only
            return
        async for message in self._objects.messages(subject, meta.chunks):
            found += len(message.body)
            yield message.body
        if found != meta.size:
            if await self._objects.find_other(meta.name, meta.nuid):
                raise ObjectsError(f"{meta.name} was replaced while it was read")
            raise ObjectGone(f"{meta.name}: {found} of {meta.size} bytes are there")


class Objects:
    """One bucket, made if it is missing."""

    def __init__(self, connection: Connection, bucket: str, publish: Publish) -> None:
        self._connection = connection
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"
        self._publish = publish

    async def open(self) -> None:
        """Two that make it at the same time both succeed: the same configuration is the same bucket."""
        context = self._connection.jetstream()
        with told():
            try:
                await context.stream_info(self._stream)
            except nats.js.errors.NotFoundError:
                await self._make(context, REPLICAS if self._connection.in_cluster else 1)

    async def _make(self, context: JetStreamContext, replicas: int) -> None:
        """With fewer replicas where the cluster has not so many servers now."""
        config = ObjectStoreConfig(bucket=self._bucket, replicas=replicas)
        try:
            await context.create_object_store(self._bucket, config)
        except nats.js.errors.APIError as error:
            if error.err_code not in NO_SERVERS or replicas == 1:
                raise
            await self._make(context, replicas - 1)

    def chunk_subject(self, nuid: str) -> str:
        return f"$O.{self._bucket}.C.{nuid}"

    def _meta_subject(self, key: str) -> str:
        return f"$O.{self._bucket}.M.{urlsafe_b64encode(key.encode()).decode()}"

    async def find(self, key: str) -> StoredObject | None:
        """The object; None when there is none."""
        meta = await self._find(key)
        return None if meta is None else StoredObject(self, meta)

    async def find_other(self, key: str, nuid: str) -> bool:
        """Whether there is an object of this key that is not the one known."""
        meta = await self._find(key)
        return meta is not None and meta.nuid != nuid

    async def _find(self, key: str) -> _Meta | None:
        with told():
            try:
                found = await self._connection.jetstream().get_last_msg(self._stream, self._meta_subject(key))
            except nats.js.errors.NotFoundError:
                return None
            meta = _meta(found.data or b"")
        if meta.options is not None and meta.options.link is not None:
            raise ObjectsError(f"{key} is a link to bucket {meta.options.link.bucket}, not an object of ours")
        return None if meta.deleted else meta

    async def last_message(self, subject: str) -> bytes | None:
        """By way of whichever server is nearest; None when that one has none, or the bucket does not allow it."""
        with suppress(nats.errors.Error, TimeoutError):
            found = await self._connection.jetstream().get_last_msg(self._stream, subject, direct=True)
            return found.data
        return None

    async def put(self, body: Body, key: Key) -> str:
        """Write an object whole, or leave nothing of it; returns its key. One that was there under it is replaced."""
        nuid = self._connection._nuid.next().decode()
        subject = self.chunk_subject(nuid)
        size, chunks, hasher = 0, 0, sha256()
        room = min(CHUNK_BYTES, self._connection.max_payload)
        sent: deque[Future[int]] = deque()
        try:
            async for piece in _pieces(body):
                await in_thread(hasher.update, piece)
                for start in range(0, len(piece), room):
                    if len(sent) >= WINDOW_CHUNKS:
                        await _stored(sent.popleft())
                    chunk = bytes(piece[start : start + room])
                    sent.append(self._publish(subject, chunk, None))
                    chunks += 1
                size += len(piece)
            while sent:
                await _stored(sent.popleft())
            name = await key()
            before = await self._find(name)
            meta = _Meta(
                name=name,
                bucket=self._bucket,
                nuid=nuid,
                size=size,
                chunks=chunks,
                mtime=datetime.now(UTC).isoformat(),
                digest="SHA-256=" + urlsafe_b64encode(hasher.digest()).decode(),
                options=_Options(max_chunk_size=room),
            )
            await _stored(self._publish(self._meta_subject(name), msgspec.json.encode(meta), _ROLLUP))
        except BaseException:
            await self._undo(subject, sent)
            raise
        if before is not None:
            await self._purge(self.chunk_subject(before.nuid))
        return name

    async def _undo(self, subject: str, sent: Collection[Future[int]]) -> None:
        """Delete chunks whose object will not be finished, as far as the server can be reached. A purge overtakes
        what the server has not stored yet."""
        if sent:
            await asyncio.wait(sent, timeout=UNDO_S)
        for future in sent:
            if not future.cancel() and not future.cancelled():
                future.exception()  # heard: what is told is why the object cannot be finished
        if self._connection.is_connected:
            with suppress(ObjectsError):
                await self._purge(subject)

    async def delete(self, key: str) -> int:
        """Delete an object, in such an order that what is left by a crash is found again; how large it was, or 0
        when there is none."""
        meta = await self._find(key)
        if meta is None:
            return 0
        await self._purge(self.chunk_subject(meta.nuid))
        await self._purge(self._meta_subject(key))
        return meta.size

    async def _purge(self, subject: str) -> None:
        with told():
            await self._connection.jetstream().purge_stream(self._stream, subject=subject)

    async def listed(self, after: int, limit: int) -> list[Listed]:
        """Objects in the order in which they were written, after a sequence."""
        found = []
        async for message in self.messages(f"$O.{self._bucket}.M.>", limit, after):
            meta = _meta(message.body)
            if not meta.deleted:
                found.append(Listed(meta.name, meta.nuid, meta.size, message.sequence, message.at_us))
        return found

    async def purge_strays(self, known: Container[str], before_us: int, after: int, limit: int) -> Strays:
        """Delete the chunks of objects that were never finished: those of no known `nuid` whose last chunk was written
        before a time (of the server's clock). Looks at the chunks of up to `limit` objects after a sequence."""
        prefix, purged, last = self.chunk_subject(""), 0, 0
        async for message in self.messages(prefix + ">", limit, after, last_chunks=True):
            if message.at_us >= before_us:
                return Strays(purged, 0)
            last = message.sequence
            if message.subject.removeprefix(prefix) not in known:
                await self._purge(message.subject)
                purged += 1
        return Strays(purged, last)

    async def server_time_us(self) -> int | None:
        """What the server's clock says; None when it does not tell."""
        with told():
            answer = await self._connection.request(f"$JS.API.STREAM.INFO.{self._stream}", b"", timeout=5)
            ts = _stream_info(answer.data).ts
        return None if ts is None else round(ts.timestamp() * 1e6)

    async def messages(
        self, subject: str, count: int, after: int = 0, *, last_chunks: bool = False
    ) -> AsyncIterator[Arrived]:
        """Up to so many messages of the bucket on a subject, oldest first, after a sequence; or only the last one of
        each subject, without its body."""
        wanted = ConsumerConfig(
            filter_subject=subject,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=3 * SILENCE_S,
        )
        if last_chunks:
            wanted = wanted.evolve(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, headers_only=True)
        elif after:
            wanted = wanted.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
        pull = Pull(self._connection, self._stream, count)
        try:
            await pull.start(wanted)
            async for message in pull.messages():
                if message.sequence > after:
                    yield message
        finally:
            await pull.stop()


async def in_thread(hash_: Callable[[bytes | memoryview], object], piece: bytes | memoryview) -> None:
    """Hash without holding the loop; what is small is done before a thread could begin."""
    if len(piece) <= CHUNK_BYTES:
        hash_(piece)
    else:
        await asyncio.get_running_loop().run_in_executor(_threads, partial(hash_, piece))


async def _pieces(body: Body) -> AsyncIterator[memoryview]:
    if isinstance(body, AsyncIterable):
        async for part in body:
            view = memoryview(part)
            for start in range(0, len(view), PIECE_BYTES):
                yield view[start : start + PIECE_BYTES]
        return
    view = memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


async def _stored(acknowledged: Future[int]) -> None:
    try:
        async with asyncio.timeout(SILENCE_S):
            await acknowledged
    except TimeoutError as error:
        raise ObjectsError(f"a chunk was not acknowledged within {SILENCE_S:g} s") from error
