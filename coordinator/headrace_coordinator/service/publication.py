"""Events that come over HTTP: taken in like those of the bus, answered with what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from headrace_coordinator.bus.limits import check_size
from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime.port import EventTaken
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import OutboxMessage, Verdict, VerdictKind
from headrace_coordinator.triggers.intake import Intake, Taking
from headrace_protocol.cloudevent import CloudEvent, encode_binary
from headrace_protocol.errors import ProtocolError
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.subjects import Subjects

Identity = tuple[str, str]
"""Source and id."""


class Publication:
    """Publishes events for senders who wait for the answer."""

    def __init__(
        self, subjects: Subjects, store: Reader, intake: Intake, max_payload_bytes: Callable[[], int]
    ) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._subjects = subjects
        self._store = store
        self._intake = intake

    async def publish(self, events: Sequence[CloudEvent]) -> tuple[EventTaken, ...]:
        """One answer for each event, in their order. Raises ProtocolError before anything is stored."""
        messages = [self._message(event, place, len(events)) for place, event in enumerate(events)]
        unique: dict[Identity, tuple[CloudEvent, OutboxMessage]] = {}
        for event, message in zip(events, messages, strict=True):
            unique.setdefault(_identity(event), (event, message))
        known = await self._known(list(unique))
        takings = {name: self._taking(*one, known=name in known) for name, one in unique.items()}
        await self._intake.take(list(takings.values()))
        answers: list[EventTaken] = []
        answered: set[Identity] = set()
        for name in map(_identity, events):
            verdicts = takings[name].verdicts
            if name in answered:
                verdicts = _again(verdicts)
            answers.append(EventTaken(verdicts=verdicts, duplicate=name in known or name in answered))
            answered.add(name)
        return tuple(answers)

    def _message(self, event: CloudEvent, place: int, count: int) -> OutboxMessage:
        """The event as the bus has it; raises ProtocolError for one that it would not take."""
        binary, body = encode_binary(event)
        subject = self._subjects.event(event.type)
        message = OutboxMessage(subject, {**binary, MESSAGE_ID: f"{event.source} {event.id}"}, body)
        try:
            check_size(subject, message.headers, body, self._max_payload_bytes())
        except ProtocolError as error:
            error.where = subject if count == 1 else f"events[{place}], {event.id}"
            raise
        return message

    def _taking(self, event: CloudEvent, message: OutboxMessage, *, known: bool) -> Taking:
        """What is known has been on the bus already."""
        arrived = Incoming(message.subject, message.headers, message.body)
        return self._intake.taking(event, arrived, None if known else message)

    async def _known(self, identities: Sequence[Identity]) -> set[Identity]:
        found = await asyncio.gather(*(self._store.event(*one) for one in identities))
        return {one for one, record in zip(identities, found, strict=True) if record is not None}


def _identity(event: CloudEvent) -> Identity:
    return event.source, event.id


def _again(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """The verdicts as an event hears them that stands a second time in its batch."""
    return tuple(
        msgspec.structs.replace(verdict, kind=VerdictKind.DUPLICATE)
        if verdict.kind is VerdictKind.FIRED
        else verdict
        for verdict in verdicts
    )
