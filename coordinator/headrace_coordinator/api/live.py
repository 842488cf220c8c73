"""What the coordinator knows of workers, as queries want it."""

from __future__ import annotations

from headrace_coordinator.queries.live import LiveFacts, LiveWorker, SilentHolder
from headrace_coordinator.runtime.port import Coordinator
from headrace_protocol.errors import Unavailable


def known_workers(coordinator: Coordinator) -> tuple[LiveWorker, ...]:
    """Every worker that has not said goodbye."""
    return tuple(
        LiveWorker(
            worker=one.worker,
            queues=one.queues,
            slots=one.slots,
            tasks=one.tasks,
            busy=len(one.held),
            draining=one.state == "draining",
            silent=one.state == "silent",
            seen_at_us=one.seen_at_us,
            held=one.held,
        )
        for one in coordinator.workers(gone=True)
        if one.state != "stopped"
    )


async def live_facts(coordinator: Coordinator, run_id: str) -> LiveFacts:
    """Workers, queues and the attempts of one run. Without a bus the queues' depths are missing."""
    pending: dict[str, int] = {}
    troubles: dict[str, str] = {}
    try:
        for queue in await coordinator.queues():
            pending[queue.queue] = pending.get(queue.queue, 0) + queue.pending
            if queue.trouble:
                troubles[queue.queue] = queue.trouble
    except Unavailable:
        pending = {}
    workers = known_workers(coordinator)
    return LiveFacts(
        workers=tuple(one for one in workers if not one.silent),
        held=coordinator.held(run_id),
        silent=tuple(
            SilentHolder(worker=one.worker, seen_at_us=one.seen_at_us, held=held)
            for one in workers
            if one.silent
            for held in one.held
            if held.run_id == run_id
        ),
        pending=pending,
        troubles=troubles,
        ahead=coordinator.ahead(run_id),
    )
