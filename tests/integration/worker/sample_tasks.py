"""Tasks that the tests run."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from pathlib import Path

from headrace import Fail, Retry, task
from headrace.context import context

log = logging.getLogger("sample")


@task
async def noop() -> None:
    return None


@task
async def add(a: int, b: int = 10) -> int:
    return a + b


@task
def add_in_thread(a: int, b: int) -> int:
    return a + b


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
async def wrong_result() -> int:
    return "seven"  # type: ignore[return-value]


@task
def raises(message: str) -> None:
    raise LookupError(message)


@task
def exits() -> None:
    sys.exit(3)


@task
def gives_up() -> None:
    raise Fail("the file is empty", row=7)


@task
def wants_retry() -> None:
    raise Retry("not yet", after=12)


@task
async def sleeps(mark: str) -> None:
    """Writes how it ended to a file."""
    Path(mark).write_text("started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        Path(mark).write_text("cancelled")
        raise


@task
def spins(mark: str) -> None:
    """A thread that looks at `cancelled`."""
    Path(mark).write_text(f"started {threading.get_ident()}")
    while not context().cancelled:
        time.sleep(0.01)
    Path(mark).write_text("saw the cancel")


@task(isolation="process")
def process_sleeps(mark: str) -> None:
    Path(mark).write_text(str(os.getpid()))
    time.sleep(60)


@task(isolation="process")
def process_id(a: int) -> int:
    print(f"adding {a}")
    log.warning("in the child")
    return os.getpid()


@task(isolation="process")
def dies() -> None:
    os.kill(os.getpid(), 9)


@task(isolation="process")
def process_raises() -> None:
    raise LookupError("in the child")


@task
async def slow(seconds: float, mark: str) -> str:
    Path(mark).write_text("started")
    await asyncio.sleep(seconds)
    return "done"


@task
async def large(count: int) -> list[str]:
    return [f"item {index:06d}" for index in range(count)]


@task
def talks() -> None:
    print("first line")
    print("half", end="")
    print("no newline", file=sys.stderr, end="")
    log.info("logged %d", 7)


@task
async def opens_span() -> None:
    from opentelemetry import trace

    with trace.get_tracer("user").start_as_current_span("user work"):
        log.info("inside")


@task
async def annotates() -> None:
    from opentelemetry import trace

    span = trace.get_current_span()
    span.set_attribute("rows", 7)
    span.add_event("halfway", {"row": 3})
    with trace.get_tracer("user").start_as_current_span("before") as before:
        span.add_link(before.get_span_context())


@task
async def measure(values: list[str]) -> int:
    return len(values)


@task
async def echo(value: str) -> str:
    return value


@task
async def stubborn(mark: str) -> None:
    """Ignores its cancel until the file says stop."""
    while not Path(mark).exists():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


@task
async def inattentive(mark: str) -> None:
    """Loses its first cancel, as `wait_for` may, and says when it ends."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    try:
        await asyncio.sleep(60)
    finally:
        Path(mark).write_text("ended")


@task
async def waits_for(mark: str) -> None:
    """Ends when the test says so."""
    path = Path(mark)
    path.write_text("started")
    while path.read_text() != "go on":
        await asyncio.sleep(0.01)
    path.write_text("ended")


@task
def chatters(word: str) -> None:
    for _ in range(20):
        print(word, end=" ")
        time.sleep(0.001)
        print(word)


@task
async def chatters_async(word: str) -> None:
    for _ in range(20):
        print(word, end=" ")
        await asyncio.sleep(0.001)
        print(word)


@task
def prints_much() -> None:
    print("ü" * 100_000)


@task(isolation="process")
def opens_span_in_process() -> None:
    from opentelemetry import trace

    with trace.get_tracer("user").start_as_current_span("user work"):
        log.info("inside")


@task
async def nap(s: float) -> None:
    await asyncio.sleep(s)
