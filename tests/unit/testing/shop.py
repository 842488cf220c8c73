"""Workflows for the tests of `headrace.testing`, as users write them."""

from __future__ import annotations

import asyncio
import time

import msgspec

from headrace import Fail, Retries, context, cron, event, every, task, workflow


class Order(msgspec.Struct):
    number: int
    skus: list[str]


@task(retries=Retries(max_attempts=3, backoff="1s", jitter=False))
def accept(number: int, skus: list[str]) -> Order:
    print("order", number)
    context().log.info("attempt %d", context().attempt)
    return Order(number, sorted(set(skus)))


@task(timeout="10m")
async def price(sku: str) -> float:
    await asyncio.sleep(60)
    return len(sku) * 1.5


@task(isolation="process")
def invoice(order: Order, prices: list[float]) -> str:
    time.sleep(30)
    return f"order {order.number}: {sum(prices):.2f}"


@workflow(triggers=[event("orders.placed", where="size(event.data.skus) > 0")])
def fulfil(number: int, skus: list[str]) -> str:
    order = accept(number, skus)
    prices = price.map(order.skus)
    return invoice(order, prices)


@task(retries=Retries(max_attempts=3, backoff="10m", factor=2, cap="1h", jitter=False), timeout="30s")
def flaky(failures: int) -> int:
    if context().attempt <= failures:
        raise ConnectionError("the warehouse is closed")
    return context().attempt


@workflow
def restock(failures: int = 0) -> int:
    return flaky(failures)


@task
def refuse(reason: str) -> None:
    raise Fail(f"refused: {reason}", row=7)


@workflow
def refused(reason: str) -> None:
    return refuse(reason)


@task
def count() -> int:
    return 1


@workflow(triggers=[every("1h")])
def hourly() -> int:
    return count()


@workflow(triggers=[cron("0 6 * * 1-5", tz="Europe/Berlin")])
def workdays() -> int:
    return count()


@task
async def patient(days: float) -> str:
    await asyncio.sleep(days * 86_400)
    return "done"


@workflow
def waiting(days: float) -> str:
    return patient(days)
