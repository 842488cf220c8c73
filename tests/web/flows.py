"""Workflows that the pages show. Tests hold them up and let them go by files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from headrace import Retries, event, task, workflow


@task
async def hold(gate: str) -> int:
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
    return 1


@task
def finish(number: int) -> int:
    return number


@workflow
def held(gate: str) -> int:
    """Waits until somebody makes a file."""
    return finish(hold(gate))


@workflow(triggers=[event("numbers.came", where="event.data.number > 0")])
def quick(number: int) -> int:
    return finish(number)


@task
def needs(mark: str) -> int:
    if not Path(mark).exists():
        raise FileNotFoundError(f"the price list {Path(mark).name} has not come")
    return 1


@workflow
def picky(mark: str) -> int:
    """Fails until somebody makes a file; what is before it is done once."""
    return needs(mark)


@task(retries=Retries(max_attempts=3, backoff="10ms", jitter=False))
def accept(count: int) -> list[int]:
    print(f"accepting {count} orders")
    return list(range(count))


@task
def price(order: int) -> float:
    print(f"order {order} costs {order * 1.5}")
    return order * 1.5


@task
def total(prices: list[float]) -> float:
    return sum(prices)


@task
def audit(prices: list[float]) -> int:
    return len(prices)


@task
def report(amount: float, count: int) -> str:
    return f"{count} orders, {amount:.2f}"


@workflow(triggers=[event("orders.came")])
def shop(count: int = 5) -> str:
    """A graph with a map, two branches and a join."""
    prices = price.map(accept(count))
    return report(total(prices), audit(prices))


@task
async def tell(lines: int, gate: str) -> int:
    for number in range(lines):
        print(f"line {number:05d}")
        if number % 100 == 0:  # or the watchdog, on a busy machine, logs that the loop is blocked
            await asyncio.sleep(0)
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
    return lines


@workflow
def talking(lines: int, gate: str) -> int:
    """Prints, then waits."""
    return tell(lines, gate)
