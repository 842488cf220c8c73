"""Workflows for tests with real processes. Every effect of a task is written to a journal file, one line each."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
from opentelemetry import trace

from headrace import Retries, context, event, task, workflow


class Order(msgspec.Struct):
    """What the trigger event brings."""

    number: int
    lines: list[int]


def _journal(journal: str, text: str) -> None:
    where = context()
    entry = f"{where.run_id} {where.node} {where.item} {where.attempt} {text}\n"
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, entry.encode())
    finally:
        os.close(descriptor)


def _wait_for(gate: str) -> None:
    """A task that is in the middle of its work until the test opens the gate."""
    while gate and not Path(gate).exists():
        time.sleep(0.01)


@task(retries=Retries(max_attempts=3, backoff="50ms"))
def accept(number: int, journal: str) -> Order:
    _journal(journal, "accept")
    return Order(number, list(range(number)))


@task
def price(line: int, journal: str, gate: str) -> int:
    with trace.get_tracer("shop").start_as_current_span("look up price") as span:
        span.set_attribute("shop.line", line)
        _journal(journal, "price")
        _wait_for(gate)
    return line * 10


@task
def total(prices: list[int], journal: str) -> int:
    print("adding", len(prices))
    _journal(journal, "total")
    return sum(prices)


@workflow(triggers=[event("shop.ordered")])
def order(number: int, journal: str, gate: str = "") -> int:
    accepted = accept(number, journal)
    prices = price.map(accepted.lines, journal=journal, gate=gate)
    return total(prices, journal)


@task
def produce(size: int, journal: str) -> bytes:
    _journal(journal, "produce")
    return b"x" * size


@task
def hold(data: bytes, journal: str, gate: str) -> bytes:
    _journal(journal, "hold")
    _wait_for(gate)
    return data


@task
def measure(first: bytes, second: bytes, journal: str) -> int:
    _journal(journal, "measure")
    return len(first) + len(second)


@workflow
def large(size: int, journal: str, gate: str = "") -> int:
    """Results above the claim-check limit, read by two consumers."""
    produced = produce(size, journal)
    return measure(produced, hold(produced, journal, gate), journal)
