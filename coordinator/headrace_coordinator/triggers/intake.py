"""Taking events in, whichever way they came: each becomes a record with the verdict of every trigger of its type, and
starts the runs that it matches, in one transaction for each shard.

A trigger that fails on an event harms only itself: the event is kept for it as a dead letter, and its other triggers
and the events beside it go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Protocol

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import event_letter
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.store.records import EventRecord, OutboxMessage, Verdict, VerdictKind
from headrace_coordinator.triggers.events import Matcher, event_json
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import CommandReply, StartRun

TOGETHER = 512
"""Events in one turn at most: deciding them holds the loop for some 50 ms."""
COPIES = 10_000
"""Copies on their way to the bus that are remembered; one that is not is taken in once more, and is a duplicate."""

MISSING = object()


class Shards(Protocol):
    """Where runs live."""

    @property
    def count(self) -> int: ...

    def put(self, shard: int, envelope: Envelope) -> None: ...

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]: ...


class Taking:
    """An event on its way in."""

    __slots__ = ("_copied", "_verdicts", "copy", "event", "message", "received_at_us", "undecided")

    def __init__(
        self,
        event: CloudEvent,
        message: Incoming,
        received_at_us: int,
        copy: OutboxMessage | None,
        copied: Callable[[OutboxMessage], None],
    ) -> None:
        self.event = event
        self.message = message
        """What it came in, or would have come in by the bus: what a dead letter keeps."""
        self.received_at_us = received_at_us
        self.copy = copy
        """For the bus, when it came by another way."""
        self._copied = copied
        self.undecided: set[int] = set()
        """Shards that have not decided their part of it."""
        self._verdicts: dict[tuple[str, str], Verdict] = {}

    def send_copy(self, turn: Turn) -> None:
        """Let the bus have the event too, for whoever else listens."""
        if self.copy is not None:
            turn.send(self.copy)
            turn.after_commit.append(partial(self._copied, self.copy))

    def judged(self, verdicts: Sequence[Verdict]) -> None:
        self._verdicts.update(((one.workflow, one.trigger), one) for one in verdicts)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(self._verdicts.values())

    @property
    def identity(self) -> tuple[str, str]:
        return self.event.source, self.event.id


class _Share:
    """What one shard does for one event. Its first one says what needs no shard, too."""

    __slots__ = ("failures", "filtered", "first", "shard", "starts", "taking")

    def __init__(self, taking: Taking, shard: int, starts: list[StartRun]) -> None:
        self.taking = taking
        self.shard = shard
        self.starts = starts
        self.first = False
        self.filtered: tuple[Verdict, ...] = ()
        self.failures: tuple[tuple[str, str, ErrorInfo], ...] = ()

    def conclude(self, turn: Turn, replies: Iterator[CommandReply]) -> None:
        """The event's record, its letters, and its copy for the bus, as the turn has decided."""
        taking = self.taking
        verdicts = list(self.filtered)
        verdicts += [self._broken(turn, *failure) for failure in self.failures]
        for command, reply in zip(self.starts, islice(replies, len(self.starts)), strict=True):
            trigger = trigger_of(command)
            if reply.error is not None:
                verdicts.append(self._broken(turn, command.workflow, trigger, reply.error))
                continue
            kind = VerdictKind.FIRED if reply.created else VerdictKind.DUPLICATE
            verdicts.append(
                Verdict(workflow=command.workflow, trigger=trigger, kind=kind, run_id=command.run_id)
            )
        for verdict in verdicts:
            metrics.event_verdicts.add(1, verdict.kind, verdict.workflow)
        if self.first and not (verdicts or taking.verdicts):
            metrics.event_verdicts.add(1, "no_trigger", "")
        turn.transaction.events.append(self._record(tuple(verdicts)))
        if self.first:
            taking.send_copy(turn)
        taking.judged(verdicts)
        taking.undecided.discard(self.shard)

    def _broken(self, turn: Turn, workflow: str, trigger: str, error: ErrorInfo) -> Verdict:
        taking = self.taking
        letter = event_letter(
            taking.message, error, turn.now_us, event=taking.identity, trigger=f"{workflow}/{trigger}"
        )
        turn.transaction.dead_letters.append(letter)
        return Verdict(
            workflow=workflow,
            trigger=trigger,
            kind=VerdictKind.BROKEN,
            error=error,
            letter_id=letter.letter_id,
        )

    def _record(self, verdicts: tuple[Verdict, ...]) -> EventRecord:
        event = self.taking.event
        return EventRecord(
            event_id=event.id,
            source=event.source,
            type=event.type,
            received_at_us=self.taking.received_at_us,
            subject=event.subject,
            data=event_json(event),
            runs=tuple(one.run_id for one in verdicts if one.run_id),
            verdicts=verdicts,
        )


class Intake:
    """Matches events, and hands shards their part."""

    def __init__(self, matcher: Matcher, shards: Shards, clock: Clock) -> None:
        self._matcher = matcher
        self._shards = shards
        self._clock = clock
        self._copies: dict[str, object] = {}

    def is_copy(self, message: Incoming) -> bool:
        """Whether the message is the copy of an event that was taken in by another way: its verdicts stand. What is
        redriven comes without a message id, and is never one."""
        name = message.headers.get(MESSAGE_ID, "")
        return bool(name) and self._copies.pop(name, MISSING) is None

    def _copied(self, copy: OutboxMessage) -> None:
        if len(self._copies) >= COPIES:
            del self._copies[next(iter(self._copies))]
        self._copies[copy.headers[MESSAGE_ID]] = None

    def taking(self, event: CloudEvent, message: Incoming, copy: OutboxMessage | None = None) -> Taking:
        """An event that has arrived now."""
        return Taking(event, message, self._clock.now_us(), copy, self._copied)

    def envelopes(self, takings: Sequence[Taking]) -> list[tuple[int, Envelope]]:
        """One envelope for each shard concerned."""
        by_shard: dict[int, list[_Share]] = {}
        for taking in takings:
            for shard, share in self._shares(taking):
                by_shard.setdefault(shard, []).append(share)
        return [
            (
                shard,
                Envelope(
                    inputs=tuple(command for share in shares for command in share.starts),
                    conclude=partial(_conclude, shares),
                ),
            )
            for shard, shares in by_shard.items()
        ]

    def _shares(self, taking: Taking) -> list[tuple[int, _Share]]:
        match = self._matcher.match(taking.event)
        by_shard: dict[int, list[StartRun]] = {}
        for command in match.starts:
            by_shard.setdefault(shard_of(command.run_id, self._shards.count), []).append(command)
        shares = [(shard, _Share(taking, shard, starts)) for shard, starts in (by_shard or {0: []}).items()]
        taking.undecided = set(by_shard or {0})
        first = shares[0][1]
        first.first = True
        first.filtered = match.filtered
        first.failures = tuple((one.workflow, one.trigger, one.error.info()) for one in match.failures)
        return shares

    async def take(self, takings: Sequence[Taking]) -> None:
        """Returns when everything that the events start is committed: `TOGETHER` of them in one transaction a shard.

        Raises Unavailable; events before that are taken in, and are duplicates when they are published again.
        """
        for start in range(0, len(takings), TOGETHER):
            await self._take(takings[start : start + TOGETHER])

    async def _take(self, takings: Sequence[Taking]) -> None:
        envelopes = self.envelopes(takings)
        if len(takings) == 1:
            for _, envelope in envelopes:
                envelope.origin = takings[0].message
        replies = await asyncio.gather(*(self._shards.ask(shard, envelope) for shard, envelope in envelopes))
        # What broke the engine took those with it that were decided together with it.
        lost = [taking for taking in takings if taking.undecided]
        if len(takings) > 1:
            for taking in lost:
                await self._take([taking])
        elif lost:
            for (_, envelope), answers in zip(envelopes, replies, strict=True):
                lost[0].judged(list(_buried(envelope, answers)))


def _buried(envelope: Envelope, replies: list[CommandReply]) -> Iterator[Verdict]:
    """The verdicts of what broke the engine: its shard has put the whole message to the dead letters."""
    for command, reply in zip(envelope.inputs, replies, strict=True):
        if isinstance(command, StartRun) and reply.error is not None:
            yield Verdict(
                workflow=command.workflow,
                trigger=trigger_of(command),
                kind=VerdictKind.BROKEN,
                error=reply.error,
            )


def trigger_of(command: StartRun) -> str:
    """The trigger's id, as the workflow defines it."""
    return command.trigger.partition(":")[2]


def _conclude(shares: list[_Share], turn: Turn, replies: list[CommandReply]) -> None:
    remaining = iter(replies)
    for share in shares:
        share.conclude(turn, remaining)
