"""What only the running coordinator knows, as far as queries need it."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.plan import Place
from headrace_protocol.messages import HeldAttempt


class LiveWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as it told of itself the last time."""

    worker: str
    queues: tuple[str, ...]
    slots: int
    tasks: tuple[str, ...]
    busy: int
    draining: bool = False
    silent: bool = False
    """It shows no signs of life any more."""
    seen_at_us: int = 0
    """When it was last heard of."""
    held: tuple[HeldAttempt, ...] = ()


class SilentHolder(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt on a worker that has fallen silent."""

    worker: str
    seen_at_us: int
    """When the worker was last heard of."""
    held: HeldAttempt


class LiveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Workers, and the attempts of one run that they hold."""

    workers: tuple[LiveWorker, ...] = ()
    held: tuple[tuple[str, HeldAttempt], ...] = ()
    """(worker, attempt) pairs."""
    silent: tuple[SilentHolder, ...] = ()
    pending: dict[str, int] = {}
    """Tasks by queue that no worker has, on the bus or in the line; empty when nobody has asked."""
    troubles: dict[str, str] = {}
    """Why NATS gives out nothing of a queue."""
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

    def silent_holder(self, node: str, item: int | None, attempt: int) -> SilentHolder | None:
        """Who worked on an attempt when it fell silent."""
        for one in self.silent:
            if (one.held.node, one.held.item, one.held.attempt) == (node, item, attempt):
                return one
        return None
