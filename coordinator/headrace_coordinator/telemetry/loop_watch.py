"""Who holds the loop: everything waits meanwhile, so it is told with the stack, while it happens."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

from headrace_coordinator.runtime import metrics

log = logging.getLogger("headrace.loop")

HELD_S = 0.25
"""So long the loop may be held before it is told."""
LOOK_S = 0.05
FRAMES = 12
"""Of the stack, the innermost."""


class LoopWatch:
    """A thread that looks whether the loop goes round."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._round_at = time.monotonic()
        self._beat: asyncio.TimerHandle | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loop watch", daemon=True)

    def start(self) -> None:
        self._go_round()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._beat is not None:
            self._beat.cancel()

    def _go_round(self) -> None:
        self._round_at = time.monotonic()
        self._beat = self._loop.call_later(LOOK_S, self._go_round)

    def _look(self) -> None:
        told = 0.0
        looked_at = time.monotonic()
        while not self._ended.wait(LOOK_S):
            now, round_at = time.monotonic(), self._round_at
            starved = now - looked_at > HELD_S  # the machine gave us no time either
            looked_at = now
            if now - round_at <= HELD_S or starved or told == round_at:
                continue
            told = round_at
            metrics.loop_held.add(1)
            log.warning("the loop has been held for %.0f ms by:\n%s", (now - round_at) * 1e3, self._stack())

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread_id)
        return "".join(traceback.format_stack(frame)[-FRAMES:]).rstrip() if frame is not None else "nobody"
