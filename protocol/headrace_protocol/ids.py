"""Identifiers, and how those that must survive restarts are derived instead of drawn.

Run ids of triggered runs, trace ids and span ids are hashes of what they name, so that any process, before or
after a crash, computes the same one.
"""

from __future__ import annotations

from hashlib import blake2b
from os import urandom
from typing import NewType
from zlib import crc32

RunId = NewType("RunId", str)
NodeId = NewType("NodeId", str)
WorkerId = NewType("WorkerId", str)
EventId = NewType("EventId", str)
TraceId = NewType("TraceId", str)
"""32 lower-case hex digits."""
SpanId = NewType("SpanId", str)
"""16 lower-case hex digits."""


_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_PAIR_SHIFTS = range(120, -1, -10)


def _base32(raw: bytes) -> str:
    """16 bytes in base32hex, without padding (RFC 4648, section 7), in lower case."""
    number = int.from_bytes(raw) << 2
    return "".join([_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])


def new_run_id() -> RunId:
    """A random run id (128 bit, 26 characters), for runs started by hand without an idempotency key."""
    return RunId(_base32(urandom(16)))


def derived_run_id(namespace: str, workflow: str, trigger: str, dedupe_key: str) -> RunId:
    """The run that one trigger starts for one dedupe key: the same input always names the same run (I2)."""
    text = "\0".join((namespace, workflow, trigger, dedupe_key))
    return RunId(_base32(blake2b(text.encode(), digest_size=16).digest()))


def new_worker_id(host: str, pid: int) -> WorkerId:
    """A worker's id: readable, and unique even when the operating system reuses the process id."""
    return WorkerId(f"{host}-{pid}-{urandom(3).hex()}")


def shard_of(key: str, shards: int) -> int:
    """The shard that owns an actor: CRC-32 (ISO 3309) of its key, modulo the number of shards."""
    return crc32(key.encode()) % shards


def attempt_key(run_id: str, node: str, item: int | None, attempt: int) -> str:
    """One attempt's name: `run/node/attempt`, or `run/node/item/attempt` for an item of a map."""
    return f"{run_id}/{node}/{attempt}" if item is None else f"{run_id}/{node}/{item}/{attempt}"


def name_hash(task: str) -> str:
    """16 hex digits that stand for a task's name in a subject, where any code that has the task will do."""
    return blake2b(task.encode(), digest_size=8, person=b"task").hexdigest()


def derived_trace_id(run_id: str) -> TraceId:
    """Trace id of a run whose trigger brought none."""
    return TraceId(blake2b(run_id.encode(), digest_size=16, person=b"trace").hexdigest())


def derived_span_id(name: str) -> SpanId:
    """Span id of a run (`run`), a node (`run/node`), an attempt (`attempt_key`) or a trigger's firing."""
    return SpanId(blake2b(name.encode(), digest_size=8, person=b"span").hexdigest())
