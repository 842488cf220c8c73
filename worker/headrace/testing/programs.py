"""The programs of an environment: each is started, may be killed or paused, and is started again.

A program is *running*, *paused* (it goes on where it was, as after SIGCONT), *dead* (killed, until it is started
again) or *over* (it was told to stop, and did).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context

from headrace.testing.loop import Process, VirtualLoop, discard


class Program:
    """Something with lives."""

    def __init__(
        self,
        loop: VirtualLoop,
        name: str,
        main: Callable[[], Coroutine[object, object, None]],
        died: Callable[[], None],
    ) -> None:
        """`main` is one life; `died` is called when one was ended by force."""
        self.name = name
        self.lives = 0
        self.over = False
        self._loop = loop
        self._main = main
        self._died = died
        self._dead: list[Process] = []
        self.process = Process(name)
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done() and self.process.alive

    def start(self) -> None:
        if self.running or self.over:
            return
        self.lives += 1
        self.process = Process(f"{self.name}.{self.lives}")
        self._task = self._loop.start(self.process, self._main)
        self._task.add_done_callback(lambda _: self._loop.finish())

    def kill(self, back_after_s: float) -> None:
        """At once: whatever it was doing is not finished, and nobody is told."""
        if not self.running:
            return
        self.process.alive = False
        self._dead.append(self.process)
        self._died()
        self._loop.call_later(back_after_s, self.start, context=Context())

    def pause(self, for_s: float) -> None:
        process = self.process
        process.paused = True
        self._loop.call_later(for_s, process.resume, self._loop, context=Context())

    def check(self) -> None:
        """Raises what a life that nobody ended has ended with."""
        task = self._task
        if task is not None and task.done() and not task.cancelled() and self.process.alive:
            error = task.exception()
            if error is not None:
                raise error

    def discard(self) -> None:
        self.over = True
        for process in (*self._dead, self.process):
            discard(process)
