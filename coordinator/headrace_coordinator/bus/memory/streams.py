"""What the server keeps: streams, their consumers, and who waits at them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import msgspec

Headers = Mapping[str, str] | None


class Stored(msgspec.Struct):
    """A message in a stream."""

    subject: str
    headers: Headers
    body: bytes
    published_us: int


class InFlight(msgspec.Struct):
    deliveries: int
    deadline: float


class Request(msgspec.Struct, eq=False):
    reply: str
    left: int
    expires_at: float


class Consumer:
    """A durable pull consumer with explicit acknowledgement."""

    def __init__(self, stream: Stream, durable: str, subject: str, ack_wait_s: float) -> None:
        self.stream = stream
        self.durable = durable
        self.subject = subject
        self.ack_wait_s = ack_wait_s
        self.created = stream.created
        self.delivered = 0
        self.redelivered = 0
        self.fresh: deque[int] = deque(seq for seq, m in stream.messages.items() if self.wants(m.subject))
        self.again: deque[int] = deque()
        self.in_flight: dict[int, InFlight] = {}
        self.requests: deque[Request] = deque()
        self.timer: asyncio.TimerHandle | None = None

    def wants(self, subject: str) -> bool:
        if not self.subject:
            return True
        if self.subject.endswith(">"):
            return subject.startswith(self.subject[:-1])
        return subject == self.subject

    @property
    def acked_below(self) -> int:
        return min(self.in_flight) - 1 if self.in_flight else self.delivered

    def next_sequence(self) -> int | None:
        for queue in (self.again, self.fresh):
            while queue:
                sequence = queue.popleft()
                if sequence in self.stream.messages:
                    return sequence
                self.in_flight.pop(sequence, None)
        return None


class Stream:
    """A stream of one incarnation."""

    def __init__(
        self, name: str, subjects: tuple[str, ...], *, work_queue: bool, window_s: float, made: str
    ) -> None:
        self.name = name
        self.metadata: Mapping[str, str] = {}
        self.prefixes = tuple(subject.removesuffix(">") for subject in subjects)
        self.work_queue = work_queue
        self.window_s = window_s
        self.created = made
        self.number = made.partition("@")[0]
        self.last_sequence = 0
        self.last_id = ""
        self.messages: dict[int, Stored] = {}
        self.ids: dict[str, tuple[int, float]] = {}
        self.consumers: dict[str, Consumer] = {}
