"""Events that were received, and what they started."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.queries.activity import Moment
from headrace_coordinator.queries.cursors import number_cursor, parse_number_cursor
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import Reader
from headrace_coordinator.store.records import EventRecord, Verdict
from headrace_protocol.errors import NotFound

LOOKED_AT = 20_000
"""Events that one page of a search looks at."""
PAGE = 1_000


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events."""

    type: str | None = None
    source: str | None = None
    event_id: str | None = None
    text: str | None = None
    """Part of the id, the source, the type, the subject or the data."""
    from_us: int | None = None
    before_us: int | None = None

    @property
    def searches(self) -> bool:
        """Whether events have to be looked at one by one."""
        return any((self.source, self.event_id, self.text, self.from_us, self.before_us))

    def finds(self, record: EventRecord) -> bool:
        return (
            self.source in (None, record.source)
            and self.event_id in (None, record.event_id)
            and (self.from_us is None or record.received_at_us >= self.from_us)
            and (self.before_us is None or record.received_at_us < self.before_us)
            and (self.text is None or self.text.lower() in _searched(record))
        )


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger event and what it started."""

    event_id: str
    source: str
    type: str
    subject: str
    received_at_us: int
    runs: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """What each trigger of its type made of it; empty when no trigger listened to the type."""
    position: int
    event: object
    """The CloudEvent as JSON (structured mode)."""


class EventDetail(EventView, frozen=True, kw_only=True):
    """An event with the runs that it started, as far as they are kept."""

    started: tuple[RunSummary, ...]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first."""

    events: tuple[EventView, ...]
    next: str | None
    """The cursor of the next page; None on the last one."""
    searched_to_us: int | None
    """How far back this page has looked. A search that finds little ends its page early, with `next` set."""


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """The events that started a run."""

    events: tuple[EventView, ...]


async def list_events(store: Reader, where: EventFilter, cursor: str | None, limit: int) -> EventPage:
    """One page of trigger events. Raises RequestError for a cursor of another list."""
    before = None if cursor is None else parse_number_cursor(cursor)
    found: list[EventRecord] = []
    looked = 0
    while True:
        wanted = PAGE if where.searches else limit - len(found)
        records = await store.events(where.type, before, wanted + 1)
        for record in records[:wanted]:
            before, looked = record.position, looked + 1
            if where.finds(record):
                found.append(record)
            if len(found) == limit:
                break
        more = bool(records) and records[-1].position < (before or 0)
        past = bool(records) and where.from_us is not None and records[-1].received_at_us < where.from_us
        if not more or past or len(found) == limit or looked >= LOOKED_AT:
            break
    last_us = next((one.received_at_us for one in records if one.position == before), None)
    return EventPage(
        events=tuple(map(event_view, found)),
        next=number_cursor(before) if more and not past and before is not None else None,
        searched_to_us=last_us,
    )


async def show_event(store: Reader, position: int, moment: Moment) -> EventDetail:
    """An event with its runs; raises NotFound."""
    found = await store.events(None, position + 1, 1)
    if not found or found[0].position != position:
        raise NotFound("there is no such event", where="position", found=str(position))
    heads = await store.heads(found[0].runs)
    view = msgspec.structs.asdict(event_view(found[0]))
    return EventDetail(**view, started=tuple(summary_of(head, moment) for head in heads.values()))


async def events_of_run(store: Reader, head: RunHead) -> EventList:
    """The event that started a run; none for a run that no event started, or when the event is gone."""
    record = await store.event(head.event_source, head.event_id) if head.event_id else None
    return EventList(events=() if record is None else (event_view(record),))


def event_view(record: EventRecord) -> EventView:
    """An event as it is shown."""
    return EventView(
        event_id=record.event_id,
        source=record.source,
        type=record.type,
        subject=record.subject,
        received_at_us=record.received_at_us,
        runs=record.runs,
        verdicts=record.verdicts,
        position=record.position,
        event=_json(record.data),
    )


def _searched(record: EventRecord) -> str:
    data = record.data.decode("utf-8", "replace")
    return "\n".join((record.event_id, record.source, record.type, record.subject, data)).lower()


def _json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data) if data else None
    except (msgspec.MsgspecError, ValueError):
        return None
