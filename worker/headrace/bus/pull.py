"""Pulling from several consumers with as much demand as there are free slots.

Consumers have a rank: all queues' high priorities come before all normal ones, and those before low ones.
Each consumer is asked in one of two ways:

- *parked*: one message, waited for as long as it takes. Every consumer has such a request while anything is
  free, so an idle worker hears of any task after one hop.
- *hot*: several messages that are there already (`no_wait`), ended by the server at once. Every delivery tells
  how many more its consumer holds (the backlog); free slots go hot to the highest rank that has one.

A consumer is asked once at a time: a message does not say which request it answers, nor the server, when it ends
a hot request, how much of it is left.

Hot demand and what the owner holds never exceed the slots. Parked requests may: at most one message per
consumer. What arrives when nothing is free is *refused*: its owner returns it at once. It counts as backlog; the
request it used up is only repeated when a slot is free again. A lower rank
is parked only when the higher ones left something free, so under load low priorities wait for high ones.
(Nothing is known of a consumer before it delivers, so when the backlog moves to another rank, one task of a
lower one may slip in.)

Consumers may be added later. Those of the worker's own code, on subjects that few others read, are asked until nothing
has come for as long as a request waits, unless they are to stay.

A consumer that is gone is made again; a stream that is gone is waited for. After a reconnect everything is
asked again from a new inbox, so that requests which an old connection left behind find nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from headrace.bus.port import (
    Bus,
    BusError,
    ConsumerFound,
    Delivery,
    Message,
    StreamMissing,
    Subscription,
)
from headrace_protocol.topology import ConsumerSpec

log = logging.getLogger("headrace.bus")

EXPIRES_S = 60.0
"""How long a parked request waits; it costs one message each way when it is repeated."""
SILENCE_S = 10.0
"""How much longer than that, or than at once, an answer may take."""
HEARTBEATS = 2.5
"""So many of the server's heartbeats are missing when a parked request is lost."""
LOOK_S = 1.0
"""How often that is looked at."""
REVIVE_WAIT_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Between attempts to find the stream and make the consumer; the last one repeats."""
_ACK_TOKENS_V1 = 9


def as_delivery(message: Message) -> Delivery:
    """A message with what its acknowledgement subject tells:
    `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>. <deliveries>.<stream seq>.<consumer
    seq>.<timestamp>.<pending>[.<token>]`."""
    parts = message.reply.split(".")
    first = 4 if len(parts) == _ACK_TOKENS_V1 else 6
    return Delivery(
        message.subject,
        message.body,
        message.headers,
        message.reply,
        int(parts[first]),
        int(parts[first + 4]),
    )


class _Consumer:
    """Demand on one consumer."""

    def __init__(self, spec: ConsumerSpec, rank: int) -> None:
        self.spec = spec
        self.rank = rank
        self.ask_subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self.inbox = ""
        self.subscription: Subscription | None = None
        self.revival: asyncio.Task[None] | None = None
        self.heard_at = self.doubted_at = 0.0
        self.ack_wait_s = spec.ack_wait_s
        self.made = ""
        self.passing = False
        """It is given up when nothing comes."""
        self.closed = False
        self.forget()

    @property
    def usable(self) -> bool:
        return self.revival is None and not self.closed

    def forget(self) -> None:
        self.backlog = 0
        self.asked = 0
        """Messages that have been asked for and have not come."""
        self.hot = False
        """How they were asked for."""


class Pull:
    """Keeps deliveries coming while `free()` says that there is room for them."""

    def __init__(
        self,
        bus: Bus,
        consumers: Sequence[tuple[int, ConsumerSpec]],
        free: Callable[[], int],
        accept: Callable[[Delivery], None],
        refuse: Callable[[Delivery], None],
    ) -> None:
        """`consumers` come with their rank, 0 first. `accept` is called for one delivery at a time, and must
        lower `free()` before it returns; `refuse` for what arrives when nothing is free."""
        self._bus = bus
        self._consumers = sorted((_Consumer(spec, rank) for rank, spec in consumers), key=lambda c: c.rank)
        self._free = free
        self._accept = accept
        self._refuse = refuse
        self._leaving: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._running = False
        self._scheduled = False
        self._watching: asyncio.TimerHandle | None = None
        self.found: Callable[[str, bool], None] = lambda *_: None
        """Called when a consumer has been found at the bus, with its name, and whether it is still the one that
        delivered before."""
        self._parked = b'"expires":%d' % int(EXPIRES_S * 1e9)
        if bus.idle_heartbeat_s:
            self._parked += b',"idle_heartbeat":%d' % int(bus.idle_heartbeat_s * 1e9)
        bus.on_reconnect(self._reconnected)

    def start(self) -> None:
        """Returns at once, also where streams do not exist yet: each consumer waits for them in the
        background."""
        self._running = True
        for consumer in self._consumers:
            self._revive(consumer)
        if self._bus.idle_heartbeat_s:
            self._watch()

    def add(self, rank: int, spec: ConsumerSpec) -> None:
        """Ask one more consumer, until nothing has come for a while."""
        if self._running and all(known.spec.durable != spec.durable for known in self._consumers):
            consumer = _Consumer(spec, rank)
            consumer.passing = True
            self._consumers = sorted((*self._consumers, consumer), key=lambda c: c.rank)
            self._revive(consumer)

    async def narrow(self, keep: Callable[[ConsumerSpec], bool]) -> None:
        """Accept nothing more but from the consumers to keep, and return when nothing else can arrive."""
        closing = [consumer for consumer in self._consumers if not keep(consumer.spec)]
        for consumer in closing:
            self._close(consumer)
        for consumer in closing:
            await self._emptied(consumer)

    def stop(self) -> None:
        """Accept nothing more. What still arrives is refused."""
        self._running = False
        if self._watching is not None:
            self._watching.cancel()
        for consumer in self._consumers:
            self._close(consumer)
        for leaving in self._leaving:
            leaving.cancel()

    async def drain(self) -> None:
        """Stop, and return when nothing more can arrive."""
        self.stop()
        for consumer in self._consumers:
            await self._emptied(consumer)

    def _close(self, consumer: _Consumer) -> None:
        consumer.closed = True
        if consumer.revival is not None:
            consumer.revival.cancel()

    async def _emptied(self, consumer: _Consumer) -> None:
        subscription, consumer.subscription = consumer.subscription, None
        if subscription is not None and self._bus.connected:
            with suppress(Exception):  # the connection may go away, and the inbox with it
                await subscription.drain()

    def _leave(self, consumer: _Consumer) -> None:
        """Nothing has come from it for long."""
        self._close(consumer)
        self._consumers.remove(consumer)
        leaving = asyncio.create_task(self._emptied(consumer), name=f"leave {consumer.spec.durable}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    @property
    def ack_wait_s(self) -> float:
        """The shortest of the consumers'."""
        return min(consumer.ack_wait_s for consumer in self._consumers)

    def _watch(self) -> None:
        self.check()
        self._watching = asyncio.get_running_loop().call_later(LOOK_S, self._watch)

    def check(self) -> None:
        """To be called again and again. Asks anew where the server has been silent for longer than it can be: a
        request was lost. It takes two calls: before the first the loop may have been held up, and the answer waits to
        be read."""
        if not self._bus.connected:
            return
        now = asyncio.get_running_loop().time()
        parked_s = HEARTBEATS * self._bus.idle_heartbeat_s or EXPIRES_S + SILENCE_S
        for consumer in self._consumers:
            patience_s = SILENCE_S if consumer.hot else parked_s
            if not consumer.usable or not consumer.asked or now - consumer.heard_at <= patience_s:
                continue
            if consumer.doubted_at == consumer.heard_at:
                self._revive(consumer)
            consumer.doubted_at = consumer.heard_at

    def refill(self) -> None:
        """Something became free: ask for more, once per loop tick."""
        if not self._scheduled and self._running:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        self._scheduled = False
        if not self._running or not self._bus.connected:
            return
        free = self._free() - sum(consumer.asked for consumer in self._consumers if consumer.hot)
        for rank in self._ranks():
            if free <= 0:
                return
            waiting = [consumer for consumer in rank if consumer.backlog > 0]
            for place, consumer in enumerate(waiting):
                share = -(-free // (len(waiting) - place))
                count = min(share, consumer.backlog)
                free -= count
                if count and not consumer.asked:
                    consumer.backlog -= count
                    self._request(consumer, count, hot=True)
            for consumer in rank:
                if not consumer.asked and not consumer.backlog:
                    self._request(consumer, 1, hot=False)

    def _ranks(self) -> list[list[_Consumer]]:
        """Consumers by rank; within a rank, queues take turns at being first."""
        ranks: dict[int, list[_Consumer]] = {}
        for consumer in self._consumers:
            if consumer.usable:
                ranks.setdefault(consumer.rank, []).append(consumer)
        self._turn += 1
        turned = ((members, self._turn % len(members)) for members in ranks.values())
        return [members[first:] + members[:first] for members, first in turned]

    def _request(self, consumer: _Consumer, count: int, *, hot: bool) -> None:
        consumer.asked, consumer.hot = count, hot
        consumer.heard_at = asyncio.get_running_loop().time()
        how = b'"no_wait":true' if hot else self._parked
        self._bus.send(consumer.ask_subject, b'{"batch":%d,%b}' % (count, how), reply=consumer.inbox)

    def _receive(self, consumer: _Consumer, inbox: str, message: Message) -> None:
        if message.subject == inbox:
            if inbox == consumer.inbox:
                consumer.heard_at = asyncio.get_running_loop().time()
            self._ended(consumer, message)
            return
        delivery = as_delivery(message)
        if inbox == consumer.inbox:
            consumer.heard_at = asyncio.get_running_loop().time()
            consumer.asked = max(0, consumer.asked - 1)
        if consumer.closed or self._free() <= 0:
            consumer.backlog += 1
            self._refuse(delivery)
            return
        consumer.backlog = max(0, delivery.pending - consumer.asked)
        self._accept(delivery)
        self.refill()

    def _ended(self, consumer: _Consumer, message: Message) -> None:
        """The server ended a request: 404 nothing there, 408 expired, 409 refused or consumer gone,
        503 nobody answers for this consumer."""
        headers = message.headers or {}
        status = headers.get("Status", "")
        if status == "100":
            return
        if consumer.hot:
            consumer.backlog = 0
        elif consumer.passing and status == "408" and not consumer.closed:
            self._leave(consumer)
            return
        consumer.asked = 0
        description = headers.get("Description", "").lower()
        if status == "503" or "consumer" in description or "shutdown" in description:
            self._revive(consumer)
        elif status == "409" and "leadership" not in description and "maxwaiting" not in description:
            log.warning("a pull request was refused: %s (%s)", description, consumer.spec.durable)
            self._revive(consumer)
        elif status == "409":
            asyncio.get_running_loop().call_later(REVIVE_WAIT_S[-1], self.refill)
        else:
            self.refill()

    async def _reconnected(self) -> None:
        for consumer in self._consumers:
            if consumer.revival is not None:
                consumer.revival.cancel()
                consumer.revival = None
            if not consumer.closed:
                self._revive(consumer)
            else:  # what is still held is settled all the same
                with suppress(BusError):
                    self._found(consumer, await self._bus.ensure_consumer(consumer.spec))

    def _revive(self, consumer: _Consumer) -> None:
        if not consumer.closed and consumer.revival is None:
            consumer.forget()
            consumer.revival = asyncio.create_task(self._bring_up(consumer), name=consumer.spec.durable)

    async def _bring_up(self, consumer: _Consumer) -> None:
        attempt = 0
        while not consumer.closed:
            try:
                found = await self._bus.ensure_consumer(consumer.spec)
                if consumer.revival is not asyncio.current_task():
                    return  # the connection is another one: so is who brings it up
                self._found(consumer, found)
                await self._new_inbox(consumer)
            except StreamMissing:
                if attempt == 0:
                    log.info("waiting for the stream %s: the coordinator makes it", consumer.spec.stream)
            except BusError as error:
                log.debug("the consumer %s cannot be made yet: %s", consumer.spec.durable, error)
            else:
                consumer.forget()
                consumer.revival = None
                self.refill()
                return
            await asyncio.sleep(REVIVE_WAIT_S[min(attempt, len(REVIVE_WAIT_S) - 1)])
            attempt += 1

    def _found(self, consumer: _Consumer, found: ConsumerFound) -> None:
        same = consumer.made in ("", found.made)
        consumer.made, consumer.ack_wait_s = found.made, found.ack_wait_s
        self.found(consumer.spec.durable, same)

    async def _new_inbox(self, consumer: _Consumer) -> None:
        old, consumer.subscription = consumer.subscription, None
        if old is not None:
            with suppress(Exception):  # it belonged to a connection that is gone
                await old.unsubscribe()
        inbox = consumer.inbox = self._bus.inbox()
        consumer.subscription = await self._bus.subscribe(inbox, partial(self._receive, consumer, inbox))
