"""The memory that worker and watchdog share: the beat, and what the worker holds.

A page for the head and the processes' ids, the last heartbeat, then one slot for each delivery. The worker alone
writes. A slot's length is written last and cleared first, so that a reader finds a whole entry or none.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Iterator

import msgspec

from headrace.runtime.attempt import Attempt, Stop
from headrace.runtime.watchdog.idle import HEAD, PROCESSES_AT, SLOT_BYTES, SLOTS_AT
from headrace_protocol.definition import Isolation
from headrace_protocol.messages import Heartbeat

PROCESSES = 1_000
HEARTBEAT_AT, HEARTBEAT_BYTES = 4_096, 60 * 1024
SPARE_SLOTS = 64
"""Deliveries that are held beyond the slots: outcomes on their way, what came too much."""
NOBODY = 0xFFFF_FFFF

_BEATS = struct.Struct("<Qd")
_COUNT = struct.Struct("<I")
_SLOT = struct.Struct("<IBxxxdd")
_PROCESSES_COUNT_AT, _RUNNING_AT, _LEAVING_AT = 16, 20, 24
_STARTED = struct.Struct("<Bxxxdd")
_NOT_STARTED = bytes(_STARTED.size)
_EMPTY = bytes(4)
_encode = msgspec.msgpack.Encoder().encode


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is said of a delivery."""

    reply: str
    run_id: str
    node: str
    item: int | None
    attempt: int
    shard: int
    queue: str
    queued_at_us: int
    delivery: int
    timeout_s: float | None
    isolation: Isolation
    dispatch: int = 0


class Held(msgspec.Struct, frozen=True):
    """A delivery that the worker holds. Times are of the monotonic clock, which both processes share."""

    slot: int
    entry: Entry
    started_s: float
    """0 when its work has not begun."""
    limit_s: float
    """When its timeout or the run's deadline is over; 0 for never."""
    limit: Stop


_decode = msgspec.msgpack.Decoder(Entry).decode
_decode_heartbeat = msgspec.msgpack.Decoder(Heartbeat).decode


def _slot(at: int) -> int:
    """The number of the slot at a place."""
    return (at - SLOTS_AT) // SLOT_BYTES


def size_bytes(slots: int) -> int:
    """Of a board for so many deliveries."""
    return SLOTS_AT + (slots + SPARE_SLOTS) * SLOT_BYTES


class Board:
    """The worker's side."""

    def __init__(self, memory: mmap.mmap, ack_wait_s: float) -> None:
        """`ack_wait_s`: as expected, until a beat knows better."""
        self._memory = memory
        _BEATS.pack_into(memory, 0, 0, ack_wait_s)
        self._free = list(range(len(memory) - SLOT_BYTES, SLOTS_AT - 1, -SLOT_BYTES))
        self._places: dict[str, int] = {}
        """Where the slots are, by reply subject."""
        self._beats = 0
        self.running(None)

    def beat(self, ack_wait_s: float) -> None:
        self._beats += 1
        self.running(None)
        _BEATS.pack_into(self._memory, 0, self._beats, ack_wait_s)

    @property
    def beats(self) -> int:
        return self._beats

    def hold(self, attempt: Attempt) -> None:
        """The attempt's delivery is held from now on."""
        message = attempt.message
        body = _encode(
            (
                attempt.reply,
                message.run_id,
                message.node,
                message.item,
                message.attempt,
                message.shard,
                message.queue,
                message.queued_at_us,
                attempt.delivery,
                message.timeout_s,
                attempt.isolation,
                message.dispatch,
            )
        )
        length = len(body)
        if not self._free or length > SLOT_BYTES - _SLOT.size:
            return  # its lease is kept by the worker alone
        at = self._places[attempt.reply] = self._free.pop()
        self._memory[at + 4 : at + _SLOT.size + length] = _NOT_STARTED + body
        self._memory[at : at + 4] = length.to_bytes(4, "little")

    def release(self, reply: str) -> None:
        """The delivery is settled."""
        at = self._places.pop(reply, None)
        if at is not None:
            self._memory[at : at + 4] = _EMPTY
            self._free.append(at)

    def started(self, attempt: Attempt, now_s: float) -> None:
        """Its work begins, and its clock with it."""
        at = self._places.get(attempt.reply)
        if at is None:
            return
        end_us = attempt.context.deadline_us
        limit_s = 0.0 if end_us is None else now_s + (end_us - attempt.started_at_us) / 1e6
        _STARTED.pack_into(self._memory, at + 4, attempt.limit is Stop.DEADLINE, now_s, limit_s)

    def running(self, attempt: Attempt | None) -> None:
        """Which attempt the loop is in, where that is known; until the next beat."""
        at = None if attempt is None else self._places.get(attempt.reply)
        _COUNT.pack_into(self._memory, _RUNNING_AT, NOBODY if at is None else _slot(at))

    def processes(self, pids: Iterable[int]) -> None:
        """The leaders of groups that are to end with the worker."""
        known = tuple(pids)[:PROCESSES]
        struct.pack_into(f"<{len(known)}I", self._memory, PROCESSES_AT, *known)
        _COUNT.pack_into(self._memory, _PROCESSES_COUNT_AT, len(known))

    def heartbeat(self, beat: Heartbeat) -> None:
        """What the watchdog says on the worker's behalf, but for the time and what is held."""
        body = _encode(msgspec.structs.replace(beat, held=()))
        if len(body) > HEARTBEAT_BYTES - _COUNT.size:
            body = _encode(msgspec.structs.replace(beat, held=(), tasks=()))
        at = HEARTBEAT_AT + _COUNT.size
        self._memory[at : at + len(body)] = body
        _COUNT.pack_into(self._memory, HEARTBEAT_AT, len(body))

    def leave(self) -> None:
        """The worker ends in order."""
        self._memory[_LEAVING_AT] = 1


class Reader:
    """The watchdog's side."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @property
    def beats(self) -> int:
        return int(HEAD.unpack_from(self._memory)[0])

    @property
    def ack_wait_s(self) -> float:
        return float(HEAD.unpack_from(self._memory)[1])

    @property
    def running(self) -> int:
        """The slot of the attempt that the loop is in; NOBODY where that is not known."""
        return int(HEAD.unpack_from(self._memory)[3])

    @property
    def leaving(self) -> bool:
        return bool(HEAD.unpack_from(self._memory)[4])

    def processes(self) -> list[int]:
        count = min(int(HEAD.unpack_from(self._memory)[2]), PROCESSES)
        return list(struct.unpack_from(f"<{count}I", self._memory, PROCESSES_AT))

    def heartbeat(self) -> Heartbeat | None:
        (length,) = _COUNT.unpack_from(self._memory, HEARTBEAT_AT)
        at = HEARTBEAT_AT + _COUNT.size
        return _decode_heartbeat(self._memory[at : at + length]) if length else None

    def held(self) -> Iterator[Held]:
        for at in range(SLOTS_AT, len(self._memory), SLOT_BYTES):
            length, deadline, started_s, limit_s = _SLOT.unpack_from(self._memory, at)
            if length:
                body = self._memory[at + _SLOT.size : at + _SLOT.size + length]
                limit = Stop.DEADLINE if deadline else Stop.TIMEOUT
                yield Held(_slot(at), _decode(body), started_s, limit_s, limit)
