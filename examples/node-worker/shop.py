"""A workflow whose tasks run in Node: `headrace dev shop.py`."""

from headrace import event, task, workflow


@task(name="shop.price", external=True, queue="node")
def price(sku: str) -> float:
    raise NotImplementedError


@task(name="shop.total", external=True, queue="node")
def total(prices: list[float]) -> float:
    raise NotImplementedError


@workflow(triggers=[event("orders.placed")])
def invoice(skus: list[str]) -> float:
    """What an order costs: one task for each article, then their sum."""
    return total(price.map(skus))
