"""The bare round trip: what two programs that use nats-py and JetStream, and nothing else, can do.

The coordinator's side publishes a task to a work-queue stream; a worker process fetches it, publishes an outcome
to a second work-queue stream and acknowledges; the coordinator's side fetches the outcome and acknowledges it.
Nothing is stored but what JetStream stores, nothing is checked, nothing is retried.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy

BODY = b"x" * 256
IN_FLIGHT = 64
_TASKS, _OUTCOMES = "BARE_TASKS", "BARE_OUTCOMES"


async def _subscription(jetstream: JetStreamContext, stream: str) -> JetStreamContext.PullSubscription:
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000)
    return await jetstream.pull_subscribe(stream.lower(), durable="all", stream=stream, config=config)


def _start_worker(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(Path(__file__)), url])


class Bare:
    """The coordinator's side, and the worker process."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url, pending_size=16 * 1024 * 1024)
        self._jetstream = self._client.jetstream(publish_async_max_pending=4_000)
        for stream in (_TASKS, _OUTCOMES):
            await self._jetstream.add_stream(
                name=stream, subjects=[stream.lower()], retention=RetentionPolicy.WORK_QUEUE
            )
        self._outcomes = await _subscription(self._jetstream, _OUTCOMES)
        self._worker = _start_worker(self._url)
        await self.latencies_s(50)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.kill()
        self._worker.wait()
        await self._client.close()

    async def latencies_s(self, count: int) -> list[float]:
        """One round trip after the other."""
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            await self._jetstream.publish(_TASKS.lower(), BODY)
            (outcome,) = await self._outcomes.fetch(1, timeout=30)
            await outcome.ack()
            taken.append(time.perf_counter() - started)
        return taken

    async def per_second(self, count: int, in_flight: int = IN_FLIGHT) -> float:
        """Round trips a second with so many on their way."""
        slots = asyncio.Semaphore(in_flight)

        async def publish() -> None:
            for _ in range(count):
                await slots.acquire()
                _ = await self._jetstream.publish_async(_TASKS.lower(), BODY)

        started = time.perf_counter()
        publisher = asyncio.create_task(publish())
        left = count
        while left:
            outcomes = await self._outcomes.fetch(min(in_flight, left), timeout=30)
            for outcome in outcomes:
                await outcome.ack()
                slots.release()
            left -= len(outcomes)
        await publisher
        return count / (time.perf_counter() - started)


async def _finish(jetstream: JetStreamContext, tasks: list[Msg]) -> None:
    stored = [await jetstream.publish_async(_OUTCOMES.lower(), BODY) for _ in tasks]
    for task, outcome in zip(tasks, stored, strict=True):
        await outcome
        await task.ack()


async def _work(url: str) -> None:
    client = await nats.connect(url, pending_size=16 * 1024 * 1024)
    jetstream = client.jetstream(publish_async_max_pending=4_000)
    subscription = await _subscription(jetstream, _TASKS)
    finishing: set[asyncio.Task[None]] = set()
    while True:
        with suppress(TimeoutError):
            tasks = await subscription.fetch(IN_FLIGHT, timeout=30)
            finished = asyncio.create_task(_finish(jetstream, tasks))
            finishing.add(finished)
            finished.add_done_callback(finishing.discard)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_work(sys.argv[1]))
