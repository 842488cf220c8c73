"""A NATS server with JetStream, as far as Headrace uses it: streams, pull consumers, acknowledgements, objects.

It keeps JetStream's contracts and no more: a message is stored once for each message id within the duplicate
window; a consumer delivers until it is told to stop, and again when it has heard nothing for the ack wait; an
acknowledgement names a stream sequence, whatever incarnation of the stream it was meant for. What is not fsynced
may be gone after a crash, and everything may be gone after a wipe.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Protocol

import msgspec

from headrace_coordinator.bus.memory.bucket import Buckets
from headrace_coordinator.bus.memory.streams import Consumer, Headers, InFlight, Request, Stored, Stream
from headrace_protocol.headers import EXPECTED_LAST_ID, MESSAGE_ID

ACK_PREFIX = "$JS.ACK."
NEXT_PREFIX = "$JS.API.CONSUMER.MSG.NEXT."


class Inbox(Protocol):
    """Where a subscription's messages go."""

    @property
    def interested(self) -> bool:
        """Whether anybody is there."""
        ...

    def deliver(self, subject: str, body: bytes, reply: str, headers: Headers) -> None: ...


class Server:
    """See the module's docstring. `now` is virtual time, which began at `start_us`; what is sent to clients goes
    through their inboxes."""

    def __init__(
        self, now: Callable[[], float], call_at: Callable[..., asyncio.TimerHandle], start_us: int
    ) -> None:
        self._now = now
        self._start_us = start_us
        self._call_at = call_at
        self._made = 0
        self.streams: dict[str, Stream] = {}
        self.deleted: set[str] = set()
        """Incarnations of streams that were deleted while everybody was connected."""
        self.buckets = Buckets(self.now_us)
        self.exact: dict[str, list[Inbox]] = {}
        self.inboxes: dict[str, Inbox] = {}
        """By the part of the subject before the last token."""
        self.on_stored: Callable[[str, Headers, bytes], None] = lambda *_: None
        self.on_settled: Callable[[Stored | None, int, bytes], None] = lambda *_: None
        self.on_erased: Callable[[Stored], None] = lambda _: None
        self.on_stray: Callable[[str], None] = lambda _: None
        """An acknowledgement takes effect that was meant for a message of another incarnation of the stream."""

    # -- subjects ----------------------------------------------------------------------------------

    def subscribe(self, subject: str, inbox: Inbox) -> None:
        if subject.endswith(".*"):
            self.inboxes[subject[:-2]] = inbox
        else:
            self.exact.setdefault(subject, []).append(inbox)

    def unsubscribe(self, subject: str, inbox: Inbox) -> None:
        if subject.endswith(".*"):
            if self.inboxes.get(subject[:-2]) is inbox:
                del self.inboxes[subject[:-2]]
        elif inbox in self.exact.get(subject, ()):
            self.exact[subject].remove(inbox)

    def _inbox(self, subject: str) -> Inbox | None:
        found = self.inboxes.get(subject.rpartition(".")[0]) or next(iter(self.exact.get(subject, ())), None)
        return found if found is not None and found.interested else None

    def _tell(self, subject: str, body: bytes, headers: Headers = None, reply: str = "") -> None:
        if (inbox := self._inbox(subject)) is not None:
            inbox.deliver(subject, body, reply, headers)

    def receive(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        """A client's message arrives."""
        if subject.startswith(ACK_PREFIX):
            self._acknowledged(subject, body)
        elif subject.startswith(NEXT_PREFIX):
            self._asked(subject.removeprefix(NEXT_PREFIX), body, reply)
        else:
            self._published(subject, body, reply, headers)

    def _published(self, subject: str, body: bytes, reply: str, headers: Headers) -> None:
        stream = next((s for s in self.streams.values() if subject.startswith(s.prefixes)), None)
        if stream is not None:
            sequence = self._store(stream, Stored(subject, headers, body, self.now_us()))
            if sequence is None:
                self._tell(reply, b'{"error":{"code":400,"description":"wrong last msg ID"}}')
            elif reply:
                self._tell(reply, b'{"stream":"%s","seq":%d}' % (stream.name.encode(), sequence))
        elif reply:
            self._tell(reply, b"", {"Status": "503"})
        for inbox in tuple(self.exact.get(subject, ())):
            if inbox.interested:
                inbox.deliver(subject, body, reply, headers)
        if subject.startswith("_INBOX"):
            self._tell(subject, body, headers, reply)

    def now_us(self) -> int:
        """By the server's clock."""
        return self._start_us + round(self._now() * 1e6)

    # -- streams -----------------------------------------------------------------------------------

    def add_stream(
        self, name: str, subjects: tuple[str, ...], *, work_queue: bool, window_s: float
    ) -> Stream:
        if name not in self.streams:
            self._made += 1
            self.streams[name] = Stream(
                name,
                subjects,
                work_queue=work_queue,
                window_s=window_s,
                made=f"{self._made}@{self._now():.6f}",
            )
        return self.streams[name]

    def add_consumer(self, stream: Stream, durable: str, subject: str, ack_wait_s: float) -> Consumer:
        if durable not in stream.consumers:
            stream.consumers[durable] = Consumer(stream, durable, subject, ack_wait_s)
        return stream.consumers[durable]

    def _store(self, stream: Stream, message: Stored) -> int | None:
        """The message's sequence; None when it was to follow another one than the stream's last."""
        headers = message.headers or {}
        message_id = headers.get(MESSAGE_ID)
        now = self._now()
        if message_id is not None:
            known = stream.ids.get(message_id)
            if known is not None and now - known[1] <= stream.window_s:
                self.on_stored(message.subject, message.headers, message.body)
                return known[0]
        if headers.get(EXPECTED_LAST_ID, stream.last_id) != stream.last_id:
            return None
        stream.last_id = message_id or ""
        stream.last_sequence += 1
        sequence = stream.last_sequence
        stream.messages[sequence] = message
        if message_id is not None:
            stream.ids[message_id] = (sequence, now)
        self.on_stored(message.subject, message.headers, message.body)
        for consumer in stream.consumers.values():
            if consumer.wants(message.subject):
                consumer.fresh.append(sequence)
                self._serve(consumer)
        return sequence

    def purge(self, stream: Stream, below: int) -> None:
        """Delete everything below a sequence."""
        for sequence in list(takewhile(lambda known: known < below, stream.messages)):
            del stream.messages[sequence]

    # -- consumers ---------------------------------------------------------------------------------

    def _asked(self, place: str, body: bytes, reply: str) -> None:
        name, _, durable = place.partition(".")
        stream = self.streams.get(name)
        consumer = None if stream is None else stream.consumers.get(durable)
        if consumer is None:
            self._tell(reply, b"", {"Status": "503"})
            return
        wanted = msgspec.json.decode(body)
        count = int(wanted["batch"])
        if wanted.get("no_wait"):
            request = Request(reply, count, 0.0)
            consumer.requests.appendleft(request)
            self._serve(consumer)
            if request in consumer.requests:
                consumer.requests.remove(request)
                # A real server does not say either how much of it is left.
                self._tell(reply, b"", {"Status": "404", "Description": "No Messages"})
            return
        request = Request(reply, count, self._now() + wanted["expires"] / 1e9)
        consumer.requests.append(request)
        self._call_at(request.expires_at, self._expire, consumer, request)
        if wanted.get("idle_heartbeat"):
            self._beat_later(consumer, request, wanted["idle_heartbeat"] / 1e9)
        self._serve(consumer)

    def _beat_later(self, consumer: Consumer, request: Request, every_s: float) -> None:
        self._call_at(self._now() + every_s, self._beat, consumer, request, every_s)

    def _beat(self, consumer: Consumer, request: Request, every_s: float) -> None:
        if any(waiting is request for waiting in consumer.requests):
            self._tell(request.reply, b"", {"Status": "100", "Description": "Idle Heartbeat"})
            self._beat_later(consumer, request, every_s)

    def _expire(self, consumer: Consumer, request: Request) -> None:
        if any(waiting is request for waiting in consumer.requests):
            consumer.requests = deque(waiting for waiting in consumer.requests if waiting is not request)
            self._end(request, "408", "Request Timeout")

    def _end(self, request: Request, status: str, description: str) -> None:
        headers = {"Status": status, "Description": description, "Nats-Pending-Messages": str(request.left)}
        self._tell(request.reply, b"", headers)

    def _serve(self, consumer: Consumer) -> None:
        while consumer.requests:
            request = consumer.requests[0]
            if self._inbox(request.reply) is None:
                consumer.requests.popleft()
                continue
            sequence = consumer.next_sequence()
            if sequence is None:
                return
            self._deliver(consumer, request, sequence)
            request.left -= 1
            if request.left:
                consumer.requests.rotate(-1 if request.expires_at else 0)
            else:
                consumer.requests.popleft()

    def _deliver(self, consumer: Consumer, request: Request, sequence: int) -> None:
        stream = consumer.stream
        message = stream.messages[sequence]
        before = consumer.in_flight.pop(sequence, None)
        deliveries = 1 if before is None else before.deliveries + 1
        consumer.redelivered += deliveries > 1
        consumer.in_flight[sequence] = InFlight(deliveries, self._now() + consumer.ack_wait_s)
        consumer.delivered = max(consumer.delivered, sequence)
        pending = len(consumer.fresh) + len(consumer.again)
        # A real server has the message's time where this one has the stream's incarnation: both are only told.
        place = f"{sequence}.{sequence}.{stream.number}"
        reply = f"{ACK_PREFIX}{stream.name}.{consumer.durable}.{deliveries}.{place}.{pending}"
        if (inbox := self._inbox(request.reply)) is not None:
            inbox.deliver(message.subject, message.body, reply, message.headers)
        self._watch(consumer)

    def _watch(self, consumer: Consumer) -> None:
        if consumer.timer is None and consumer.in_flight:
            first = next(iter(consumer.in_flight.values())).deadline
            consumer.timer = self._call_at(max(first, self._now()), self._overdue, consumer)

    def _overdue(self, consumer: Consumer) -> None:
        """The ack wait is over for some."""
        consumer.timer = None
        if self.streams.get(consumer.stream.name) is not consumer.stream:
            return
        now = self._now()
        waiting = set(consumer.again)
        for sequence, held in list(consumer.in_flight.items()):
            if held.deadline > now:
                break
            if sequence not in waiting:
                consumer.again.append(sequence)
            held.deadline = now + consumer.ack_wait_s
            consumer.in_flight[sequence] = consumer.in_flight.pop(sequence)
        self._serve(consumer)
        self._watch(consumer)

    def _acknowledged(self, subject: str, body: bytes) -> None:
        _, _, name, durable, delivery, token, _, number, _ = subject.split(".")
        stream = self.streams.get(name)
        consumer = None if stream is None else stream.consumers.get(durable)
        sequence = int(token)
        if consumer is None or stream is None or sequence not in consumer.in_flight:
            return
        if body == b"+WPI":
            held = consumer.in_flight.pop(sequence)
            held.deadline = self._now() + consumer.ack_wait_s
            consumer.in_flight[sequence] = held
            return
        self.on_settled(stream.messages.get(sequence), int(delivery), body)
        if body == b"-NAK":
            if sequence not in consumer.again:
                consumer.again.append(sequence)
            self._serve(consumer)
        else:
            if number != stream.number and number not in self.deleted:
                self.on_stray(f"message {sequence} of {name} is acknowledged by who had read an older stream")
            del consumer.in_flight[sequence]
            if sequence in consumer.again:
                consumer.again.remove(sequence)
            if stream.work_queue:
                stream.messages.pop(sequence, None)

    # -- misfortunes -------------------------------------------------------------------------------

    def wipe(self) -> None:
        """Everything is gone: streams, consumers, objects."""
        for stream in self.streams.values():
            for sequence in list(stream.messages):
                self._erase(stream, sequence)
        self.streams.clear()
        self.buckets.clear()

    def delete(self, name: str) -> None:
        """A stream is gone, and only who waits at it is told."""
        stream = self.streams.pop(name, None)
        if stream is None:
            return
        self.deleted.add(stream.number)
        for sequence in list(stream.messages):
            self._erase(stream, sequence)
        for consumer in stream.consumers.values():
            while consumer.requests:
                self._end(consumer.requests.popleft(), "409", "Consumer Deleted")

    def roll_back(self, count: int) -> None:
        """The newest messages of every stream were not on the disk yet."""
        for stream in self.streams.values():
            first = max(0, stream.last_sequence - count)
            for sequence in [known for known in stream.messages if known > first]:
                self._erase(stream, sequence)
            stream.last_sequence = first
            stream.last_id = ""
            stream.ids = {key: value for key, value in stream.ids.items() if value[0] <= first}
            for consumer in stream.consumers.values():
                consumer.delivered = min(consumer.delivered, first)
                consumer.in_flight = {seq: held for seq, held in consumer.in_flight.items() if seq <= first}

    def _erase(self, stream: Stream, sequence: int) -> None:
        self.on_erased(stream.messages.pop(sequence))

    def change_leaders(self) -> None:
        """Consumers are led by other servers, which know nothing of the requests that wait. Nobody is told."""
        for stream in self.streams.values():
            for consumer in stream.consumers.values():
                consumer.requests.clear()

    def hurry(self) -> None:
        """Deliver everything that is in flight once more, as after a change of leaders."""
        for stream in self.streams.values():
            for consumer in stream.consumers.values():
                waiting = set(consumer.again)
                consumer.again += [seq for seq in consumer.in_flight if seq not in waiting]
                self._serve(consumer)
