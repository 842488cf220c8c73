"""How long a worker that was told to stop goes on: until what it holds is finished, and until no unfinished run needs
tasks any more that only it has.

The coordinator tells which those are after each of its heartbeats; without an answer there are none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from headrace.bus import Message
from headrace_protocol import codec
from headrace_protocol.errors import ProtocolError
from headrace_protocol.messages import Needed

log = logging.getLogger("headrace.worker")

BEAT_S = 1.0
ANSWER_S = 1.0
"""After so long without a first answer nobody is there who knows."""
FORGET_S = 10.0
"""What was answered so long ago counts no more."""


class OldCode:
    """What is still needed of one worker."""

    def __init__(self, worker: str, beat: Callable[[], None]) -> None:
        self._worker = worker
        self._beat = beat
        self._needed: tuple[str, ...] = ()
        self._said: tuple[str, ...] = ()
        self._told_at = 0.0
        self._answered = asyncio.Event()

    def told(self, message: Message) -> None:
        try:
            needed = codec.decode(message.body, Needed, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("what is needed cannot be read: %s", error)
            return
        if needed.worker == self._worker:
            self._needed = needed.tasks
            self._told_at = asyncio.get_running_loop().time()
            self._answered.set()

    async def finished(
        self, empty: Callable[[], Coroutine[object, None, object]], grace_s: float, serve_s: float
    ) -> None:
        """Returns when nothing is held and needed any more, or when the time for it is over: `grace_s` for what is
        held, `serve_s` while something is needed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await _within(self._answered.wait(), ANSWER_S)
        while True:
            idle = await _within(empty(), 0)
            needed = self._still_needed()
            passed_s = loop.time() - began
            if (idle and not needed) or passed_s >= (max(serve_s, grace_s) if needed else grace_s):
                break
            self._say(needed, serve_s - passed_s)
            await _within(self._next_answer() if idle else empty(), BEAT_S)
            self._beat()
        if needed:
            log.warning("unfinished runs still need %s; this worker ends all the same", ", ".join(needed))

    async def _next_answer(self) -> None:
        self._answered.clear()
        await self._answered.wait()

    def _still_needed(self) -> tuple[str, ...]:
        recent = asyncio.get_running_loop().time() - self._told_at < FORGET_S
        return self._needed if recent else ()

    def _say(self, needed: tuple[str, ...], left_s: float) -> None:
        if needed and needed != self._said:
            names = ", ".join(needed)
            log.info(
                "unfinished runs need %s, which only this worker has: it goes on for %.0f s", names, left_s
            )
        self._said = needed


async def _within(wait: Coroutine[object, None, object], seconds: float) -> bool:
    """Whether it came to its end within the time."""
    task = asyncio.ensure_future(wait)
    try:
        await asyncio.wait([task], timeout=seconds)
        return task.done()
    finally:
        task.cancel()
