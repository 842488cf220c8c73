"""One stream for a whole browser: everything that its pages show, as it changes, resumed from its last event.

    greet → read what is new behind the place → send it → wait until something is committed → read …

Nothing is kept for a client but its place, so a slow one costs nothing, and one that reads nothing is cut. Workers
and queues have no place: they are what they are now, and are sent whole when they differ from what was sent.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.types import Send

from headrace_coordinator.api.problems import Incoming, problems
from headrace_coordinator.api.services import Given, Services
from headrace_coordinator.api.sse import RETRY, EventStream
from headrace_coordinator.queries.activity import RunActivity
from headrace_coordinator.queries.events import EventView
from headrace_coordinator.queries.letters import DeadLetterView
from headrace_coordinator.queries.logs import LogView
from headrace_coordinator.queries.news import (
    Interest,
    NewRows,
    Topic,
    is_ahead,
    parse_place,
    read_new,
    skip,
    write_place,
)
from headrace_coordinator.queries.pulse import Beats, Pulse, read_beats
from headrace_coordinator.queries.views import RunSummary
from headrace_coordinator.runtime.arrivals import Arrival
from headrace_coordinator.runtime.port import QueueView, WorkerView
from headrace_coordinator.store.records import Positions
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import LifecycleBatch

PLACE = r"^h[0-9]{1,18}-l[0-9]{1,18}-e[0-9]{1,18}-d[0-9]{1,18}$"


class LiveData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says: only the fields of its kind are there."""

    id: str | None = None
    now_us: int | None = None
    runs: tuple[RunSummary, ...] | None = None
    """Each run that changed, as it is now."""
    changes: tuple[LifecycleBatch, ...] | None = None
    """What happened to the runs that `run` names."""
    activity: tuple[RunActivity, ...] | None = None
    """What nodes of the runs do that `run` names, when workers have changed it."""
    run_id: str | None = None
    """The run of the lines, when `logs` names only one."""
    lines: tuple[LogView, ...] | None = None
    events: tuple[EventView, ...] | None = None
    dead_letters: tuple[DeadLetterView, ...] | None = None
    """New ones, and those with which something was done."""
    workers: tuple[WorkerView, ...] | None = None
    queues: tuple[QueueView, ...] | None = None


class LiveFrame(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the stream."""

    event: str
    """`hello`, `reset`, `beat`, `runs`, `changes`, `activity`, `logs`, `events`, `dead_letters`, `workers` or
    `queues`."""
    data: LiveData


class LivePoll(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream would have sent since a place."""

    id: str
    """What to give as `after` next time."""
    now_us: int
    more: bool
    """There is more at once."""
    frames: tuple[LiveFrame, ...]


def interest(
    topics: Annotated[
        list[Topic] | None, QueryParameter(description="What to hear of; may be repeated.")
    ] = None,
    run: Annotated[
        list[str] | None, QueryParameter(description="A run whose history to hear; may be repeated.")
    ] = None,
    logs: Annotated[
        list[str] | None, QueryParameter(description="A run whose log lines to hear; may be repeated.")
    ] = None,
    workflow: FromQuery[str | None] = None,
) -> Interest:
    return Interest(
        topics=frozenset(topics or ()),
        runs=frozenset(run or ()),
        logs=frozenset(logs or ()),
        workflow=workflow,
    )


WANTED = {"wanted": Provide(interest, sync_to_thread=False)}
After = Annotated[
    str | None, QueryParameter(pattern=PLACE, description="Go on after this id. Absent: from now on.")
]


@get(
    "/live",
    operation_id="followLive",
    summary="Everything that changes, in one stream",
    description="Server-sent events; the name says which fields of `LiveData` there are. `Last-Event-ID`, or "
    "`after`, goes on exactly behind an id; without either the stream begins now. An event `reset` says that the "
    "id belongs to another store: read everything anew.",
    tags=["operations"],
    media_type="text/event-stream",
    dependencies=WANTED,
    responses=problems(400),
)
async def live(
    services: Given, request: Incoming, wanted: NamedDependency[Interest], after: After = None
) -> EventStream:
    last = request.headers.get("last-event-id", "").strip()
    place = last or after
    at = None if place is None else parse_place(place, "Last-Event-ID" if last else "after")
    return EventStream(services, lambda send: LiveFollower(services, wanted, at, send))


@get(
    "/live/poll",
    operation_id="livePoll",
    summary="What the stream would have sent since a place",
    description="For clients behind something that lets no stream through.",
    tags=["operations"],
    dependencies=WANTED,
    responses=problems(400),
)
async def live_poll(services: Given, wanted: NamedDependency[Interest], after: After = None) -> LivePoll:
    at, reset = await _begin(services, wanted, None if after is None else parse_place(after, "after"))
    now_us = services.now_us()
    rows = await read_new(services.store, wanted, at, services.moment())
    place = write_place(rows.at)
    frames = [LiveFrame(event="reset", data=LiveData(id=place))] if reset else []
    frames += _frames(wanted, rows)
    if wanted.history:
        _, beats = await read_beats(services.store, wanted, {}, services.moment(), _runs_of(rows))
        frames += _beat_frames(beats)
    frames += await _snapshots(services, wanted)
    return LivePoll(id=place, now_us=now_us, more=rows.more, frames=tuple(frames))


class LiveFollower:
    """Follows everything for one client, from a place on."""

    def __init__(self, services: Services, wanted: Interest, at: Positions | None, send: Send) -> None:
        self.services = services
        self.wanted = wanted
        self.gone = False
        self._at = at or Positions(0, 0, 0, 0)
        self._begins = at
        self._send = send
        self._stirred = asyncio.Event()
        self._shown: dict[str, bytes] = {}
        self._pulse: Pulse = {}
        self._kinds = _kinds(wanted)

    @property
    def over(self) -> bool:
        return self.gone or self.services.closing

    def wake(self) -> None:
        self._stirred.set()

    async def follow(self) -> None:
        """Send what comes until the client is gone or the server stops. Raises TimeoutError when it is stuck."""
        with self.services.coordinator.arrivals(self._arrived):
            await self._greet()
            loop = asyncio.get_running_loop()
            beat_at = loop.time() + self.services.settings.heartbeat_s
            while not self.over:
                self._stirred.clear()
                if await self._tell_rows() and not self.over:
                    continue
                await self._tell_snapshots()
                if loop.time() >= beat_at:
                    await self._beat()
                    beat_at = loop.time() + self.services.settings.heartbeat_s
                await self._wait(beat_at - loop.time())

    def _arrived(self, kind: Arrival) -> None:
        if kind in self._kinds:
            self._stirred.set()

    async def _greet(self) -> None:
        self._at, reset = await _begin(self.services, self.wanted, self._begins)
        data = LiveData(id=write_place(self._at), now_us=self.services.now_us())
        await self._write(RETRY + _event(self._at, LiveFrame(event="hello", data=data)))
        if reset:
            await self._write(_event(self._at, LiveFrame(event="reset", data=LiveData(id=data.id))))

    async def _tell_rows(self) -> bool:
        """Send what is new. True when there is more at once."""
        rows = await read_new(self.services.store, self.wanted, self._at, self.services.moment())
        body = b""
        for frame in _frames(self.wanted, rows):
            self._at = _reached(self._at, rows.at, frame.event)
            body += _event(self._at, frame)
        self._at = rows.at
        if self.wanted.history:
            body += await self._beats(rows)
        if body:
            await self._write(body)
        return rows.more

    async def _beats(self, rows: NewRows) -> bytes:
        """What workers have started or left since the last time."""
        store, moment = self.services.store, self.services.moment()
        self._pulse, beats = await read_beats(store, self.wanted, self._pulse, moment, _runs_of(rows))
        return b"".join(_event(None, frame) for frame in _beat_frames(beats))

    async def _tell_snapshots(self) -> None:
        for frame in await _snapshots(self.services, self.wanted):
            body = _event(None, frame)
            if self._shown.get(frame.event) != body:
                self._shown[frame.event] = body
                await self._write(body)

    async def _beat(self) -> None:
        """A sign of life that scripts can see, unlike a comment, and the place where a quiet client is."""
        newest = await self.services.store.positions()
        self._at = skip(self._at, newest, self.wanted)
        await self._write(
            _event(self._at, LiveFrame(event="beat", data=LiveData(now_us=self.services.now_us())))
        )

    async def _wait(self, longest_s: float) -> None:
        settings = self.services.settings
        if self.wanted.history or {Topic.WORKERS, Topic.QUEUES} & self.wanted.topics:
            longest_s = min(longest_s, settings.snapshot_s)
        try:
            async with asyncio.timeout(max(0.0, longest_s)):
                await self._stirred.wait()
        except TimeoutError:
            return
        if not self.over:
            await asyncio.sleep(settings.live_pace_s)  # What comes in one burst is read and drawn at once.

    async def _write(self, body: bytes) -> None:
        async with asyncio.timeout(self.services.settings.slow_client_s):
            await self._send({"type": "http.response.body", "body": body, "more_body": True})


async def _begin(services: Services, wanted: Interest, at: Positions | None) -> tuple[Positions, bool]:
    """Where to begin, and whether the place given belongs to another store."""
    newest = await services.store.positions()
    if at is None or is_ahead(at, newest):
        return newest, at is not None
    return skip(at, newest, wanted), False


def _kinds(wanted: Interest) -> frozenset[Arrival]:
    follows = {
        Arrival.HISTORY: wanted.history,
        Arrival.LOGS: bool(wanted.logs),
        Arrival.EVENTS: Topic.EVENTS in wanted.topics,
        Arrival.DEAD_LETTERS: Topic.DEAD_LETTERS in wanted.topics,
    }
    return frozenset(kind for kind, yes in follows.items() if yes)


def _frames(wanted: Interest, rows: NewRows) -> list[LiveFrame]:
    only = next(iter(wanted.logs)) if len(wanted.logs) == 1 else None
    found = {
        "runs": LiveData(runs=rows.runs),
        "changes": LiveData(changes=rows.changes),
        "logs": LiveData(run_id=only, lines=rows.lines),
        "events": LiveData(events=rows.events),
        "dead_letters": LiveData(dead_letters=rows.dead_letters),
    }
    there = {
        "runs": rows.runs,
        "changes": rows.changes,
        "logs": rows.lines,
        "events": rows.events,
        "dead_letters": rows.dead_letters,
    }
    return [LiveFrame(event=name, data=data) for name, data in found.items() if there[name]]


def _runs_of(rows: NewRows) -> list[str]:
    return [batch.run_id for batch in rows.changes]


def _beat_frames(beats: Beats) -> list[LiveFrame]:
    frames = [LiveFrame(event="runs", data=LiveData(runs=beats.runs))] if beats.runs else []
    if beats.activity:
        frames.append(LiveFrame(event="activity", data=LiveData(activity=beats.activity)))
    return frames


async def _snapshots(services: Services, wanted: Interest) -> list[LiveFrame]:
    """Workers and queues as they are now. Without a bus nothing is said of queues."""
    frames = []
    if Topic.WORKERS in wanted.topics:
        frames.append(LiveFrame(event="workers", data=LiveData(workers=services.coordinator.workers())))
    if Topic.QUEUES in wanted.topics:
        try:
            queues = await services.queues.get()
        except Unavailable:
            return frames
        frames.append(LiveFrame(event="queues", data=LiveData(queues=queues)))
    return frames


def _reached(at: Positions, behind: Positions, event: str) -> Positions:
    """The place after one event of several: a client that is cut between them gets none of them twice."""
    match event:
        case "changes":
            return msgspec.structs.replace(at, history=behind.history)
        case "logs":
            return msgspec.structs.replace(at, logs=behind.logs)
        case "events":
            return msgspec.structs.replace(at, events=behind.events)
        case "dead_letters":
            return msgspec.structs.replace(at, dead_letters=behind.dead_letters)
        case _:
            return at  # `runs` say what is, not what happened: they may come again.


def _event(at: Positions | None, frame: LiveFrame) -> bytes:
    named = b"" if at is None else b"id: %b\n" % write_place(at).encode()
    return named + b"event: %b\ndata: %b\n\n" % (frame.event.encode(), msgspec.json.encode(frame.data))
