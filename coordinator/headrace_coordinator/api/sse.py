"""A response of server-sent events that lives as long as its client does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from headrace_coordinator.api.services import Services
from headrace_protocol.tasks import end

RETRY = b"retry: 1000\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Follower(Protocol):
    """What writes the events."""

    gone: bool
    """The client has left."""

    def wake(self) -> None:
        """Look again whether it is over."""
        ...

    async def follow(self) -> None:
        """Send events until the client is gone or the server stops. Raises TimeoutError when it is stuck."""
        ...


class EventStream(Response[None]):
    """The response that carries a stream."""

    def __init__(self, services: Services, follower: Callable[[Send], Follower]) -> None:
        super().__init__(None, headers=HEADERS, media_type="text/event-stream", status_code=200)
        self.services = services
        self.follower = follower

    def to_asgi_response(self, *_: object, is_head_response: bool = False, **__: object) -> ASGIResponse:
        return _Streaming(self, is_head_response)


class _Streaming(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, stream: EventStream, is_head_response: bool) -> None:
        super().__init__(
            headers=stream.headers,
            media_type=str(stream.media_type),
            status_code=200,
            is_head_response=is_head_response,
        )
        self.stream = stream

    async def send_body(self, send: Send, receive: Receive) -> None:
        services = self.stream.services
        follower = self.stream.follower(send)
        services.streams.add(follower)
        watching = asyncio.create_task(_watch(follower, receive))
        try:
            await follower.follow()
            if not follower.gone:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # Without its last part the server closes the connection, and the client comes back when it can.
            return
        finally:
            services.streams.discard(follower)
            await end(watching)


async def _watch(follower: Follower, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.gone = True
    follower.wake()
