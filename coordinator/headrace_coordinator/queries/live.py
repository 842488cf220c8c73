"""What only the running coordinator knows, as far as queries need it."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.plan import Place
from headrace_protocol.messages import HeldAttempt


class LiveWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that shows signs of life."""

    worker: str
    queues: tuple[str, ...]
    slots: int
    tasks: tuple[str, ...]
    busy: int
    draining: bool = False


class LiveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Workers, and the attempts of one run that they hold."""

    workers: tuple[LiveWorker, ...] = ()
    held: tuple[tuple[str, HeldAttempt], ...] = ()
    """(worker, attempt) pairs."""
    pending: dict[str, int] = {}
    """Tasks by queue that no worker has."""
    ahead: dict[Place, int] = {}
    """For each ready line in which the run waits: tasks of other runs before its next one."""

    def serving(self, queue: str) -> tuple[LiveWorker, ...]:
        """Workers that take new tasks of a queue."""
        return tuple(one for one in self.workers if queue in one.queues and not one.draining)

    def holder(self, node: str, item: int | None, attempt: int) -> tuple[str, HeldAttempt] | None:
        """Who works on an attempt."""
        for worker, held in self.held:
            if (held.node, held.item, held.attempt) == (node, item, attempt):
                return worker, held
        return None
