"""Events in: CloudEvents over HTTP. Events out: what was received, and what it started."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import QueryParameter

from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.runs import Limit
from headrace_coordinator.api.services import Given
from headrace_coordinator.queries.lists import EventPage, list_events
from headrace_protocol.cloudevent import CloudEvent, decode_http


class EventReply(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was taken, and the runs it started, now or when it was sent before."""

    id: str
    source: str
    type: str
    runs: tuple[str, ...]


class EventsReply(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a request, in its order."""

    events: tuple[EventReply, ...]


@post(
    "/events",
    operation_id="publishEvents",
    summary="Publish CloudEvents",
    description="The HTTP binding of CloudEvents 1.0: binary mode (`ce-` headers), structured mode, or "
    "a batch. Publishing an event again starts nothing twice.",
    tags=["events"],
    status_code=202,
    opt={"body": CloudEvent},
    responses=problems(400, 403, 413, 415, 422, 503),
)
async def events_publish(services: Given, request: Incoming) -> EventsReply:
    events = decode_http(dict(request.headers), await request.body())
    taken = []
    for event in events:
        runs = await services.coordinator.event(event)
        taken.append(EventReply(id=event.id, source=event.source, type=event.type, runs=runs))
    return EventsReply(events=tuple(taken))


@get(
    "/events",
    operation_id="listEvents",
    summary="List the events that were received, newest first",
    tags=["events"],
    responses=problems(400),
)
async def events_list(
    services: Given,
    event_type: Annotated[str | None, QueryParameter(name="type", description="Only this type.")] = None,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> EventPage:
    return await list_events(services.store, event_type, cursor, limit)
