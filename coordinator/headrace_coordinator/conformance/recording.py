"""What a worker said, in the order in which it passed the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeVar

import msgspec

from headrace_protocol import codec
from headrace_protocol.deliveries import Redelivered, Rejected
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Heartbeat, Outcome, OutcomeBatch
from headrace_protocol.subjects import Subjects

ACK_PREFIX = "$JS.ACK."
NEXT_PREFIX = "$JS.API.CONSUMER.MSG.NEXT."
_ACK_TOKENS_V1 = 9
T = TypeVar("T")


class Sign(Enum):
    """What a worker says of a message that it holds."""

    ACK = b"+ACK"
    NAK = b"-NAK"
    PROGRESS = b"+WPI"
    TERM = b"+TERM"


class Settlement(msgspec.Struct, frozen=True):
    """One such word."""

    sign: Sign
    body: bytes
    delivery: int
    stored_ns: int
    """When the stream took the message: of a stream that was made anew it is later."""
    at_us: int
    order: int


class Answer(msgspec.Struct, frozen=True):
    """An outcome, and how it came."""

    outcome: Outcome
    subject: str
    at_us: int
    order: int
    wants_reply: bool
    """Whether its sender asked JetStream for an acknowledgement."""


class Recording:
    """Of one namespace."""

    def __init__(self, subjects: Subjects, stream: str) -> None:
        self._subjects = subjects
        self._stream = stream
        self._news = asyncio.Event()
        self._order = 0
        self.answers: dict[str, list[Answer]] = {}
        """By attempt key."""
        self.settlements: dict[int, list[Settlement]] = {}
        """By the message's sequence in the stream."""
        self.asked: dict[str, int] = {}
        """When each consumer was last asked for messages, by its name."""
        self.redelivered: list[Redelivered] = []
        self.heartbeats: list[tuple[int, Heartbeat]] = []
        self.rejected: list[Rejected] = []
        """Messages that became dead letters."""
        self.malformed: list[str] = []
        self.on_redelivered: Callable[[Redelivered], None] = lambda _: None
        """Called with those that say where they want to be answered."""

    def hear(self, subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        self._order += 1
        if subject.startswith(ACK_PREFIX):
            self._hear_settlement(subject, body)
        elif subject.startswith(NEXT_PREFIX):
            self.asked[subject.rpartition(".")[2]] = now_us()
        elif subject == self._subjects.heartbeat:
            heartbeat = self._decoded(subject, headers, body, Heartbeat)
            if heartbeat is not None:
                self.heartbeats.append((now_us(), heartbeat))
        elif subject.startswith(f"{self._subjects.root}.in."):
            self._hear_input(subject, reply, headers, body)
        self.tell()

    def tell(self) -> None:
        """Something may have changed for who waits."""
        self._news.set()

    async def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until something holds; whether it does."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return holds()

    def signs(self, sequence: int, *kinds: Sign) -> list[Settlement]:
        """What was said of a message."""
        return [one for one in self.settlements.get(sequence, ()) if not kinds or one.sign in kinds]

    def _hear_settlement(self, subject: str, body: bytes) -> None:
        parts = subject.split(".")
        first = 2 if len(parts) == _ACK_TOKENS_V1 else 4
        if len(parts) < _ACK_TOKENS_V1 or parts[first] != self._stream:
            return
        delivery, sequence, _, stored_ns = (int(part) for part in parts[first + 2 : first + 6])
        sign = next((kind for kind in Sign if body.startswith(kind.value)), Sign.ACK)
        said = Settlement(sign, body, delivery, stored_ns, now_us(), self._order)
        self.settlements.setdefault(sequence, []).append(said)

    def _hear_input(self, subject: str, reply: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        kind = subject.split(".")[4:5]
        if kind == ["redelivered"]:
            told = self._decoded(subject, headers, body, Redelivered)
            if told is not None:
                self.redelivered.append(told)
                if told.reply_to:
                    self.on_redelivered(told)
        elif kind == ["rejected"]:
            rejected = self._decoded(subject, headers, body, Rejected)
            self.rejected += () if rejected is None else (rejected,)
        elif kind == ["outcome"]:
            batch = self._decoded(subject, headers, body, OutcomeBatch)
            for outcome in () if batch is None else batch.outcomes:
                key = attempt_key(outcome.run_id, outcome.node, outcome.item, outcome.attempt)
                known = self.answers.setdefault(key, [])
                if all(answer.outcome != outcome for answer in known):
                    known.append(Answer(outcome, subject, now_us(), self._order, bool(reply)))

    def _decoded(
        self, subject: str, headers: Mapping[str, str] | None, body: bytes, kind: type[T]
    ) -> T | None:
        try:
            return codec.decode(body, kind, headers, where=subject)
        except ProtocolError as error:
            self.malformed.append(" ".join(str(error).split()))
            return None


def now_us() -> int:
    return time.time_ns() // 1_000
