"""Events in: CloudEvents over HTTP. Events out: what was received, and what it started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from headrace_coordinator.api.bodies import parse_time
from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.runs import POSITION_MAX, Limit
from headrace_coordinator.api.services import Given
from headrace_coordinator.queries.events import EventDetail, EventFilter, EventPage, list_events, show_event
from headrace_coordinator.runtime.port import EventTaken
from headrace_coordinator.store.records import Verdict
from headrace_protocol.cloudevent import CloudEvent, decode_http


class EventReply(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was taken in, and what became of it."""

    id: str
    source: str
    type: str
    runs: tuple[str, ...]
    """The runs that it started, now or when it was published before."""
    duplicate: bool
    """It had been received before, or stands in the batch before."""
    verdicts: tuple[Verdict, ...]
    """What each trigger of its type made of it; empty when no trigger listens to the type."""
    nobody_listens: str = ""
    """Then, why: nothing is deployed, or the types that are listened to."""


class EventsReply(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a request, in its order."""

    events: tuple[EventReply, ...]


@post(
    "/events",
    operation_id="publishEvents",
    summary="Publish CloudEvents",
    description="The HTTP binding of CloudEvents 1.0: binary mode (`ce-` headers), structured mode, or "
    "a batch. Publishing an event again starts nothing twice. 202 means that every event is stored, whatever its "
    "triggers made of it: a trigger that fails on an event is a verdict of that event, and a dead letter. A batch with "
    "an event that cannot be read, or that is too large for the bus, is refused whole, and the answer names the event "
    "(`events[3]`).",
    tags=["events"],
    status_code=202,
    opt={"body": CloudEvent},
    responses=problems(400, 403, 413, 415, 422, 503),
)
async def events_publish(services: Given, request: Incoming) -> EventsReply:
    events = decode_http(dict(request.headers), await request.body())
    taken = await services.coordinator.events(events)
    why = services.coordinator.why_nobody_listens
    return EventsReply(
        events=tuple(_reply(event, one, why) for event, one in zip(events, taken, strict=True))
    )


def _reply(event: CloudEvent, taken: EventTaken, why_nobody_listens: Callable[[str], str]) -> EventReply:
    return EventReply(
        id=event.id,
        source=event.source,
        type=event.type,
        runs=taken.runs,
        duplicate=taken.duplicate,
        verdicts=taken.verdicts,
        nobody_listens="" if taken.verdicts else why_nobody_listens(event.type),
    )


def event_filter(
    event_type: Annotated[str | None, QueryParameter(name="type", description="Only this type.")] = None,
    source: Annotated[str | None, QueryParameter(description="Only this source.")] = None,
    event_id: Annotated[str | None, QueryParameter(name="id", description="Only this id.")] = None,
    q: Annotated[
        str | None, QueryParameter(description="Part of the id, source, type, subject or data.")
    ] = None,
    received_from: Annotated[
        str | None, QueryParameter(name="from", description="Received at this time or later.")
    ] = None,
    before: Annotated[str | None, QueryParameter(description="Received before this time.")] = None,
) -> EventFilter:
    return EventFilter(
        type=event_type,
        source=source,
        event_id=event_id,
        text=q or None,
        from_us=parse_time(received_from, "from"),
        before_us=parse_time(before, "before"),
    )


@get(
    "/events",
    operation_id="listEvents",
    summary="List the events that were received, newest first",
    description="A search looks at 20,000 events for one page; `next` goes on behind them.",
    tags=["events"],
    dependencies={"where": Provide(event_filter, sync_to_thread=False)},
    responses=problems(400),
)
async def events_list(
    services: Given,
    where: NamedDependency[EventFilter],
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> EventPage:
    return await list_events(services.store, where, cursor, limit)


@get(
    "/events/{position:int}",
    operation_id="showEvent",
    summary="Show an event with the runs that it started",
    tags=["events"],
    responses=problems(400, 404),
)
async def events_show(
    services: Given, position: Annotated[int, PathParameter(ge=0, le=POSITION_MAX)]
) -> EventDetail:
    return await show_event(services.store, position, services.moment())
