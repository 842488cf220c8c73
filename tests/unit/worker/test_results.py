"""The claim check store and its cache."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from headrace.bus.port import Key
from headrace.results import InputLost, ResultStore
from headrace.results.digest import digest_of
from headrace.results.places import Places
from headrace.runtime.values import elements, raw
from headrace_protocol.messages import Stored


class Memory:
    """A place that counts."""

    prefix = "memory://here/"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.reads = 0

    async def put(self, body: memoryview, key: Key) -> str:
        found = await key()
        self.kept[found] = bytes(body)
        return found

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        self.reads += 1
        found = self.kept.get(key)
        return None if found is None else in_pieces(found)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1_000):
        yield body[start : start + 1_000]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def store(memory: Memory) -> ResultStore:
    return ResultStore(lambda uri: memory, memory.prefix, cache_bytes=10_000)


async def test_there_and_back(store: ResultStore, memory: Memory) -> None:
    stored = await store.put("r/n/1", b"abc")
    assert stored == Stored(f"memory://here/r/n/1/{digest_of(b'abc')}", 3, digest_of(b"abc"))
    assert await store.get(stored) == b"abc"
    assert await store.get(stored) == b"abc"
    assert memory.reads == 1


async def test_two_executions_of_one_attempt_do_not_meet(store: ResultStore) -> None:
    first, second = await store.put("r/n/1", b"one"), await store.put("r/n/1", b"two")
    assert (await store.get(first), await store.get(second)) == (b"one", b"two")


async def test_what_is_gone_or_changed_is_lost(store: ResultStore, memory: Memory) -> None:
    stored = await store.put("r/n/1", b"abc")
    key = stored.uri.removeprefix(memory.prefix)
    memory.kept[key] = b"abd"
    with pytest.raises(InputLost, match="not what was stored"):
        await store.get(stored)
    del memory.kept[key]
    with pytest.raises(InputLost, match="gone"):
        await store.get(stored)


async def test_the_cache_is_bounded(store: ResultStore, memory: Memory) -> None:
    stored = [await store.put(f"r/n/{number}", bytes(2_000) + bytes([number])) for number in range(8)]
    for entry in (*stored, stored[-1]):
        await store.get(entry)
    assert memory.reads == 8
    await store.get(stored[0])
    assert memory.reads == 9
    large = await store.put("r/n/9", bytes(9_000))
    await store.get(large)
    await store.get(large)
    assert memory.reads == 11, "what would drive everything else out is not kept"


async def test_lists_are_split_once(store: ResultStore, memory: Memory) -> None:
    stored = await store.put("r/n/1", bytes(memoryview(raw([1, 2, 3]))))
    calls = []

    def split(body: bytes) -> list:  # type: ignore[type-arg]
        calls.append(body)
        return elements(body)

    for index in range(3):
        assert (await store.items(stored, split, "()"))[index] == raw(index + 1)
    assert len(calls) == 1


async def test_a_list_larger_than_the_cache_is_split_once_too(store: ResultStore) -> None:
    """A map of a million items reads it a million times."""
    splits = 0

    def split(body: bytes) -> list[msgspec.Raw]:
        nonlocal splits
        splits += 1
        return elements(body)

    values = [f"item {number}" * 3 for number in range(2_000)]
    stored = await store.put("a", bytes(raw(values)))
    small = await store.put("b", bytes(raw("small")))
    for index in range(0, 2_000, 7):
        items = await store.items(stored, split, "()")
        assert (len(items), items[index]) == (2_000, raw(values[index]))
        await store.get(small)
    with pytest.raises(IndexError):
        items[2_000]
    assert splits == 1


class NoBus:
    """These results never touch the bus."""


async def test_files(tmp_path: Path) -> None:
    root = (tmp_path / "shared" / "results").as_uri()
    store = ResultStore(Places(NoBus()).open, root)  # type: ignore[arg-type]
    stored = await store.put("run/node/1", b"x" * 100_000)
    assert stored.uri.startswith(f"{root}//run/node/1/")
    other = ResultStore(Places(NoBus()).open, "nats://elsewhere/")  # type: ignore[arg-type]
    assert await other.get(stored) == b"x" * 100_000
    with pytest.raises(InputLost):
        await other.get(Stored(stored.uri + "0", 1, ""))
