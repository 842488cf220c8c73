"""What the coordinator knows of workers, as queries want it."""

from __future__ import annotations

from headrace_coordinator.queries.live import LiveFacts, LiveWorker
from headrace_coordinator.runtime.port import Coordinator
from headrace_protocol.errors import Unavailable

SERVING = frozenset({"live", "draining"})


async def live_facts(coordinator: Coordinator, run_id: str) -> LiveFacts:
    """Workers, queues and the attempts of one run. Without a bus the queues' depths are missing."""
    pending: dict[str, int] = {}
    try:
        for queue in await coordinator.queues():
            pending[queue.queue] = pending.get(queue.queue, 0) + queue.pending
    except Unavailable:
        pending = {}
    return LiveFacts(
        workers=tuple(
            LiveWorker(
                worker=one.worker,
                queues=one.queues,
                slots=one.slots,
                tasks=one.tasks,
                busy=len(one.held),
                draining=one.state == "draining",
            )
            for one in coordinator.workers()
            if one.state in SERVING
        ),
        held=coordinator.held(run_id),
        pending=pending,
        ahead=coordinator.ahead(run_id),
    )
