"""Workflows that tests of the whole steer: what a task does to the outside goes into files that the test names."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from pathlib import Path

from headrace import Fail, Retries, Retry, context, event, task, workflow

AT_ONCE = Retries(max_attempts=3, backoff="10ms", jitter=False)


def _note(mark: str, text: str) -> None:
    where = context()
    line = f"{where.node} {where.item} {where.attempt} {text}\n"
    descriptor = os.open(mark, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@task
def add(number: int, more: int = 1) -> int:
    return number + more


@workflow(triggers=[event("numbers.came", where="event.data.number > 0")])
def quick(number: int) -> int:
    return add(number)


@workflow(triggers=[event("numbers.came", params={"number": "int(event.data.number) * 2"})])
def doubled(number: int) -> int:
    return add(number)


@task
async def waits_async(mark: str) -> int:
    _note(mark, "started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        _note(mark, "stopped")
        raise
    return 1


@task
def waits_thread(mark: str) -> int:
    _note(mark, "started")
    while not context().cancelled:
        time.sleep(0.01)
    _note(mark, "stopped")
    return 1


@task(isolation="process")
def waits_process(mark: str) -> int:
    _note(mark, f"pid {os.getpid()}")
    time.sleep(60)
    return 1


@workflow
def long_async(mark: str) -> int:
    return add(waits_async(mark))


@workflow
def long_thread(mark: str) -> int:
    return add(waits_thread(mark))


@workflow
def long_process(mark: str) -> int:
    return add(waits_process(mark))


@workflow
def short_async(mark: str) -> int:
    return waits_async.options(timeout="300ms")(mark)


@workflow
def short_thread(mark: str) -> int:
    return waits_thread.options(timeout="300ms")(mark)


@workflow
def short_process(mark: str) -> int:
    return waits_process.options(timeout="1500ms")(mark)


@workflow(deadline="3s")
def late_running(mark: str) -> int:
    return waits_thread(mark)


@workflow(deadline="300ms")
def late_queued(number: int) -> int:
    return add.options(queue="nobody")(number)


@task
def raises(kind: str, mark: str, until: int = 99) -> int:
    attempt = context().attempt
    _note(mark, kind)
    if attempt >= until:
        return attempt
    match kind:
        case "value":
            raise ValueError("not that")
        case "key":
            raise KeyError("missing")
        case "connection":
            raise ConnectionResetError("gone")
        case "later":
            raise Retry("busy", after="200ms")
        case "much later":
            raise Retry("busy", after="5s")
        case _:
            raise Fail("no use", path="orders.csv")


PICKY = Retries(max_attempts=3, backoff="10ms", jitter=False, retry_on=(OSError,))
GIVES_UP = Retries(max_attempts=3, backoff="10ms", jitter=False, give_up_on=(LookupError,))


@workflow
def retried(kind: str, mark: str, until: int = 99) -> int:
    return raises.options(retries=AT_ONCE)(kind, mark, until)


@workflow
def picky(kind: str, mark: str) -> int:
    return raises.options(retries=PICKY)(kind, mark)


@workflow
def gives_up(kind: str, mark: str) -> int:
    return raises.options(retries=GIVES_UP)(kind, mark)


@workflow
def slow_retry(mark: str) -> int:
    return raises.options(retries=Retries(max_attempts=3, backoff="60s", jitter=False))("value", mark)


@workflow
def branches(mark: str) -> list[int]:
    """One branch fails, what depends on it never starts, the other goes on."""
    wrong = raises.options(id="wrong")("value", mark)
    behind = add.options(id="behind")(wrong)
    last = add.options(id="last")(behind)
    other = add.options(id="other")(10)
    return [last, other]


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def square(number: int) -> int:
    return number * number


@workflow
def mapped(count: int) -> list[int]:
    return square.options(window=100).map(numbers(count))


@task
def blob(index: int, size: int) -> bytes:
    return bytes([index]) * size


@task
def sizes(blobs: list[bytes]) -> list[int]:
    return [len(one) * 1000 + one[0] for one in blobs]


@workflow
def large_items(count: int, size: int) -> list[int]:
    return sizes(blob.map(numbers(count), size=size))


@task
def picky_square(number: int, wrong: int) -> int:
    if number == wrong:
        raise ValueError(f"{number} is not welcome")
    return number * number


@workflow
def one_wrong(count: int, wrong: int) -> list[int]:
    return picky_square.options(window=50).map(numbers(count), wrong=wrong)


@task
def waits_item(number: int, mark: str, gate: str) -> int:
    _note(mark, "started")
    while not Path(gate).exists() and not context().cancelled:
        time.sleep(0.01)
    return number


@workflow
def held_items(count: int, mark: str, gate: str) -> list[int]:
    return waits_item.map(numbers(count), mark=mark, gate=gate)


@workflow
def nested(number: int) -> dict[str, object]:
    one, two = add.options(id="one")(number), add.options(id="two")(number, 2)
    return {"one": one, "both": [one, {"two": two, "fixed": "text"}], "given": number}


@workflow
def passes_large(size: int) -> list[int]:
    return sizes([blob(7, size), blob.options(id="second")(8, size)])


@workflow
def join_of_many(size: int) -> list[int]:
    """Thirty results, each small enough to travel inside, together too large for one message."""
    return sizes([blob.options(id=f"blob-{index}")(index, size) for index in range(30)])


@task
def width(text: str, others: list[bytes]) -> int:
    return len(text) + sum(map(len, others))


@workflow
def params_and_results(text: str, size: int) -> int:
    return width(text, [blob.options(id=f"blob-{index}")(index, size) for index in range(8)])


@task
def lengths(item: str, text: str) -> int:
    return len(item) + len(text)


@workflow
def large_param_items(items: list[str], text: str) -> list[int]:
    return lengths.map(items, text=text)


@task
def returns_socket() -> object:
    return socket.socket()


@workflow
def unencodable() -> object:
    return returns_socket()


@task
def talks(mark: str, gate: str) -> int:
    print("printed")
    logging.getLogger("shop").warning("warned %d", 7)
    context().log.info("told")
    _note(mark, "talked")
    while not Path(gate).exists():
        time.sleep(0.01)
    print("a late line")
    return 1


@workflow
def talking(mark: str, gate: str) -> int:
    return talks(mark, gate)


@workflow
def on_a_narrow_queue(mark: str, gate: str) -> int:
    return waits_item.options(queue="narrow")(1, mark, gate)


@workflow
def on_an_odd_queue(number: int) -> int:
    return add.options(queue="odd")(number)


@workflow
def on_no_queue(number: int) -> int:
    return add.options(queue="nobody")(number)
