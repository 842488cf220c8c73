"""What every shard of a coordinator shares."""

from __future__ import annotations

from collections.abc import Callable

from headrace_coordinator.bus.port import Bus, ResultBucket
from headrace_coordinator.runtime.arrivals import Arrivals
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.collect import Collector
from headrace_coordinator.runtime.offload import Offloader
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.store.port import Store
from headrace_protocol.topology import Topology, inline_bytes


class Parts:
    """The ports, and what is made of them once."""

    def __init__(
        self,
        topology: Topology,
        store: Store,
        bus: Bus,
        results: ResultBucket,
        clock: Clock,
        sampled: Callable[[str], bool] = lambda trace_id: True,
    ) -> None:
        """`sampled` decides for runs that no traced caller started, from their trace id."""
        self.topology = topology
        self.store = store
        self.bus = bus
        self.clock = clock
        self.sampled = sampled
        self.registry = Registry(store)
        self.results = results
        self.collector = Collector(store, results, clock, lambda: inline_bytes(bus.max_payload_bytes))
        self.offloader = Offloader(results, clock)
        self.changes = Changes()
        self.arrivals = Arrivals()
        self.outbox = Outbox(bus)
