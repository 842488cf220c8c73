"""One SSE response, read part by part from the application itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from headrace_coordinator.api.app import Api
from headrace_protocol.messages import LifecycleBatch


class Stream:
    """What a client of the stream has got so far."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.taking = asyncio.Event()
        self.taking.set()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.ended = False

    async def receive(self) -> dict[str, object]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, object]) -> None:
        await self.taking.wait()
        if not self.gone.is_set():
            await self.parts.put(message)

    async def read(self, timeout_s: float = 30) -> str:
        """The next part of the body; empty at the end."""
        async with asyncio.timeout(timeout_s):
            message = await self.parts.get()
        if message["type"] == "http.response.start":
            self.status = int(str(message["status"]))
            raw: list[tuple[bytes, bytes]] = message["headers"]  # type: ignore[assignment]
            self.headers = {name.decode(): value.decode() for name, value in raw}
            return await self.read(timeout_s)
        body: bytes = message.get("body", b"")  # type: ignore[assignment]
        self.ended = not message.get("more_body")
        self.text += body.decode()
        return body.decode()

    async def read_changes(self, count: int) -> list[LifecycleBatch]:
        """Read until so many changes have come."""
        while len(changes_in(self.text)) < count:
            await self.read()
        return changes_in(self.text)

    async def read_until(self, event: str) -> dict[str, object]:
        """Read until an event of a kind has come; its data."""
        while True:
            for name, _, data in reversed(events_in(self.text)):
                if name == event:
                    return data
            await self.read()

    @property
    def last_id(self) -> str:
        return [line[4:] for line in self.text.splitlines() if line.startswith("id: ")][-1]


def changes_in(text: str) -> list[LifecycleBatch]:
    """The changes in what was received, checked: each one's id is its position."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields and "event" not in fields:
            batch = msgspec.json.decode(fields["data"], type=LifecycleBatch)
            assert batch.position == int(fields["id"])
            found.append(batch)
    return found


def events_in(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """Name, id and data of each event that was received whole."""
    found = []
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], fields.get("id", ""), msgspec.json.decode(fields["data"])))
    return found


@asynccontextmanager
async def open_stream(
    app: Api, query: str = "", last_id: str = "", path: str = "/api/v1/changes"
) -> AsyncIterator[Stream]:
    """A connection to a stream; leaving is what a client does that goes away."""
    stream = Stream()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"last-event-id", last_id.encode())] if last_id else [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    serving = asyncio.create_task(app(scope, stream.receive, stream.send))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        stream.gone.set()
        stream.taking.set()
        async with asyncio.timeout(30):
            await serving
