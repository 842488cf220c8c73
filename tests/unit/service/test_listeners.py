"""What a publisher reads when nobody took the event."""

from __future__ import annotations

from headrace_coordinator.runtime.orders import OrderKind
from headrace_coordinator.store.memory import MemoryStore
from headrace_protocol.definition import EventTrigger
from tests.unit.service.running import EVENT, member, running, workflow


async def test_the_reason_is_named() -> None:
    async with running(MemoryStore()) as live:
        why = live.coordinator.why_nobody_listens
        assert why("orders.placed") == "nothing is deployed"
        await live.deploy(member(workflow("plain")))
        assert why("orders.placed").endswith("no deployed workflow listens to events")
        await live.deploy(member(workflow("shop", EVENT, EventTrigger(id="b", type="orders.gone"))))
        assert why("orders.placed") == ""
        assert why("orders.plced") == (
            "no trigger listens to orders.plced (did you mean orders.placed?); "
            "known types are orders.gone, orders.placed"
        )
        await live.order(OrderKind.PAUSE, "shop", trigger="placed")
        assert why("orders.placed") == ("workflow shop, trigger placed is paused: the event is kept for it")
        await live.order(OrderKind.RETIRE, "shop")
        assert why("orders.placed") == "workflow shop is retired"
