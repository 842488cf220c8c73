"""The end of a worker in words and within one deadline: finish what runs, cancel what does not end, send what is known.

The grace is the operator's, and whatever supervises the worker kills it when it is over. So the parts share it:
cancelling and sending have their share reserved, and get what finishing leaves over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from headrace.runtime.attempt import Attempt
from headrace.runtime.settings import WorkerSettings

log = logging.getLogger("headrace.worker")

SEND_S = 1.0
"""Reserved for the last outcomes: the least that they have, also when there is no grace at all."""
TELL_EVERY_S = 10.0
NAMED = 3
"""Tasks or attempts that a line names."""


def serving(worker: str, settings: WorkerSettings, tasks: Iterable[str], queues: Iterable[str]) -> str:
    """What a worker serves, and what it waits for."""
    names = sorted(tasks)
    return (
        f"worker {worker} is connected to {settings.bus.shown}, namespace {settings.namespace}, and serves "
        f"{_named(list(queues), 'queue')} with {settings.slots} slots: {_named(names, 'task')}. "
        "It asks for tasks; SIGTERM or ctrl-C drains it."
    )


def _named(names: list[str], noun: str) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    few = ", ".join(names[:NAMED]) + more
    return f"{noun} {few}" if len(names) == 1 else f"{len(names)} {noun}s ({few})"


class Drain:
    """One drain: its deadline, and what it says."""

    def __init__(
        self,
        settings: WorkerSettings,
        held: Callable[[], Iterable[Attempt]],
        hurried: asyncio.Event,
        needed: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`needed` names tasks that unfinished runs need and only this worker has: while there are any, finishing may
        take as long as old code is served."""
        self._held = held
        self._hurried = hurried
        self._needed = needed
        self._loop = asyncio.get_running_loop()
        self._serve_until = self._loop.time() + settings.serve_old_code_s
        grace_s = settings.grace_s
        self._ends_at = self._loop.time() + grace_s
        reserved_s = min(settings.cancel_grace_s + SEND_S, grace_s / 2)
        self._cancel_at = self._ends_at - reserved_s
        self._send_at = self._ends_at - min(SEND_S, reserved_s / 2)

    async def finish(self, empty: Awaitable[None]) -> None:
        """Let what runs come to its end."""
        running = self._running()
        if running:
            log.info(
                "draining: takes no new tasks; %s, for at most %.3g s; a second signal does not wait",
                _still(running),
                max(0.0, self._cancel_at - self._loop.time()),
            )
        else:
            log.info("draining: takes no new tasks, and nothing runs")
        await self._until(empty, self._finish_by, self._tell)
        if self._needed():
            log.warning(
                "unfinished runs still need %s; this worker ends all the same", ", ".join(self._needed())
            )
        late_s = max(0.0, self._loop.time() - self._cancel_at)
        self._cancel_at += late_s
        self._send_at += late_s
        self._ends_at += late_s

    def _finish_by(self) -> float:
        return max(self._cancel_at, self._serve_until) if self._needed() else self._cancel_at

    async def give_back(self, empty: Awaitable[None]) -> None:
        """After `Runner.return_all`: what was cancelled may clean up."""
        running = self._running()
        if running:
            log.warning(
                "the time to finish is over: %s; they are cancelled and given back to the queue",
                _still(running),
            )
        await self._until(empty, lambda: self._send_at, None)

    async def send(self, drained: Awaitable[None]) -> None:
        """Let the last outcomes reach the bus."""
        until = max(self._ends_at, self._loop.time() + SEND_S)
        if not await self._until(drained, lambda: until, None):
            log.error(
                "stopped before all outcomes could be sent to NATS: their tasks are delivered again to another worker"
            )
        log.info("stopped")

    def _running(self) -> list[Attempt]:
        return [attempt for attempt in self._held() if not attempt.finished]

    def _tell(self) -> None:
        left_s = max(0.0, self._finish_by() - self._loop.time())
        needed = self._needed()
        why = f"unfinished runs need {', '.join(needed)}, which only this worker has" if needed else ""
        running = self._running()
        still = _still(running) if running or not why else ""
        log.info("draining: %s, %.3g s left", "; ".join(filter(None, (still, why))), left_s)

    async def _until(
        self, done: Awaitable[None], ends_at: Callable[[], float], tell: Callable[[], None] | None
    ) -> bool:
        """Wait until something is done, the user hurries, or the time is over; whether it is done."""
        waits = [asyncio.ensure_future(done), asyncio.ensure_future(self._hurried.wait())]
        try:
            while True:
                left_s = ends_at() - self._loop.time()
                part_s = max(0.0, left_s if tell is None else min(left_s, TELL_EVERY_S))
                finished, _ = await asyncio.wait(waits, timeout=part_s, return_when=asyncio.FIRST_COMPLETED)
                if finished or ends_at() <= self._loop.time():
                    return waits[0].done()
                if tell is not None:
                    tell()
        finally:
            for wait in waits:
                wait.cancel()


def _still(running: list[Attempt]) -> str:
    names = [_name(attempt) for attempt in running[:NAMED]]
    more = f" and {len(running) - NAMED} more" if len(running) > NAMED else ""
    verb = "attempt still runs" if len(running) == 1 else "attempts still run"
    return f"{len(running)} {verb} ({', '.join(names)}{more})"


def _name(attempt: Attempt) -> str:
    message = attempt.message
    item = "" if message.item is None else f" item {message.item}"
    return f"{message.node}{item} of run {message.run_id[:10]}"
