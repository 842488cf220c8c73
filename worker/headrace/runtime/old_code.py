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
from headrace_protocol.deliveries import Needed
from headrace_protocol.errors import ProtocolError

log = logging.getLogger("headrace.worker")

BEAT_S = 1.0
ANSWER_S = 1.0
"""After so long without a first answer nobody is there who knows."""
REPLACED_S = 30.0
"""How long those that take over may need to come."""
FORGET_S = 10.0
"""What was answered so long ago counts no more."""


class OldCode:
    """What is still needed of one worker."""

    def __init__(self, worker: str, beat: Callable[[], None]) -> None:
        self._worker = worker
        self._beat = beat
        self._needed: tuple[str, ...] = ()
        self._others = 0
        self._told_at = 0.0
        self.replaced = False
        """Others are about to take over: until they have come, nobody knows what only this worker has."""
        self._answered = asyncio.Event()

    def told(self, message: Message) -> None:
        try:
            needed = codec.decode(message.body, Needed, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("what is needed cannot be read: %s", error)
            return
        if needed.worker == self._worker:
            self._needed, self._others = needed.tasks, needed.others
            self._told_at = asyncio.get_running_loop().time()
            self._answered.set()

    def needed(self) -> tuple[str, ...]:
        """Tasks that unfinished runs need, and that only this worker has."""
        recent = asyncio.get_running_loop().time() - self._told_at < FORGET_S
        return self._needed if recent else ()

    async def finished(self, empty: Callable[[], Coroutine[object, None, object]]) -> None:
        """Returns when nothing is held and needed any more; beats meanwhile, which is what the coordinator answers."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await _within(self._answered.wait(), ANSWER_S)
        while True:
            idle = await _within(empty(), 0)
            awaited = self.replaced and not self._others and loop.time() - began < REPLACED_S
            if idle and not awaited and not self.needed():
                return
            await _within(self._next_answer() if idle else empty(), BEAT_S)
            self._beat()

    async def _next_answer(self) -> None:
        self._answered.clear()
        await self._answered.wait()


async def _within(wait: Coroutine[object, None, object], seconds: float) -> bool:
    """Whether it came to its end within the time."""
    task = asyncio.ensure_future(wait)
    try:
        await asyncio.wait([task], timeout=seconds)
        return task.done()
    finally:
        task.cancel()
