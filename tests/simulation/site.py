"""What the programs of a simulation share, and how each of them lives, dies and lives again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextvars import Context
from functools import partial

import nats.errors

from headrace_coordinator.bus.memory.server import Server
from headrace_coordinator.bus.port import BusError
from headrace_protocol.errors import HeadraceError, Unavailable
from headrace_protocol.topology import Topology
from tests.simulation.client import Client, Weather
from tests.simulation.flows import Flow
from tests.simulation.loop import PROCESS, Process, SimulatedLoop
from tests.simulation.observer import Observer
from tests.simulation.plan import Plan, is_foreign
from tests.simulation.store import Disk

OUTSIDE = Context()
"""Of no process."""
T0_US = 1_700_000_000_000_000
EXPECTED_FAILURES = (HeadraceError, BusError, nats.errors.Error, OSError)
"""With these a program may end; whoever runs it starts it again."""


class Site:
    """What all programs share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = random.Random(f"{plan.seed}/world")
        self.loop = SimulatedLoop(random.Random(f"{plan.seed}/loop"))
        self.server = Server(self.loop.time, self.loop.call_at, T0_US)  # type: ignore[arg-type]
        self.weather = Weather()
        self.disk = Disk()
        self.observer = Observer(self.disk.tables, self.loop.time, self.loop.halt)
        self.disk.committed = self.observer.committed
        self.server.on_stored = self.observer.stored
        self.server.on_settled = self.observer.deliveries.settled
        self.observer.is_foreign = partial(is_foreign, plan)
        self.disk.leased = self.observer.lost_attempts.leased
        self.server.on_stray = lambda what: self.observer.breach("stray", what)
        self.topology = Topology("default", ack_wait_s=plan.ack_wait_s)
        self.flows: dict[str, Flow] = {flow.definition.name: flow for flow in plan.flows}
        self.deployed = asyncio.Event()
        self.poison: Callable[[str], None] = lambda process: None
        """Kills a process."""

    def now_us(self) -> int:
        """What the clock of the process that asks shows."""
        process = PROCESS.get()
        offset_us = 0 if process is None else process.clock_offset_us
        return T0_US + round(self.loop.time() * 1e6) + offset_us

    def client(self, name: str) -> Client:
        return Client(name, self.server, self.weather, self.rng, self.loop)


class SimulatedClock:
    """See `headrace_coordinator.runtime.clock.Clock`."""

    def __init__(self, site: Site) -> None:
        self.now_us = site.now_us
        self.monotonic = site.loop.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Program:
    """Something that is started, dies and is started again."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        self.starts = 0
        self.process = Process(name)
        self.process.alive = False
        self.client: Client | None = None
        self.reachable = True
        self.clock_offset_us = 0
        self.again_s = 0.3

    def start(self) -> None:
        if self.process.alive:
            return
        self.starts += 1
        self.process = Process(f"{self.name}.{self.starts}")
        self.process.clock_offset_us = self.clock_offset_us
        self.again_s = 0.3
        self.site.observer.tell(f"{self.name} starts")
        self.site.loop.start(self.process, self._main)

    def kill(self, again_s: float) -> None:
        if not self.process.alive:
            return
        self.site.observer.tell(f"{self.name} is dead")
        self.site.observer.note(f"{self.name} dies")
        self.site.loop.kill(self.process)
        if self.client is not None:
            self.client.hang_up()
        self.site.loop.call_later(again_s, self.start)

    def burn(self, callbacks: int, again_s: float) -> None:
        """Kill it some callbacks from now."""
        process = self.process
        process.fuse = callbacks
        process.on_fuse = lambda: self.kill(again_s) if process is self.process else None

    def pause(self, for_s: float) -> None:
        process = self.process
        self.site.loop.pause(process)
        self.site.loop.call_later(for_s, self.site.loop.resume, process)

    def jump(self, by_s: float) -> None:
        self.clock_offset_us += round(by_s * 1e6)
        self.process.clock_offset_us = self.clock_offset_us

    def cut(self, for_s: float) -> None:
        self.reachable = False
        self.site.loop.call_later(for_s, self._reach)
        if self.client is not None:
            self.client.reachable = False
            self.client.cut()

    def _reach(self) -> None:
        self.reachable = True
        if self.client is not None:
            self.client.reachable = True

    def stop(self, again_s: float) -> None:
        """SIGTERM."""
        self.again_s = again_s
        if self.process.alive and self.client is not None:
            self.site.loop.call_soon(self.stopping, context=self.client.context)

    def stopping(self) -> None:
        """What the program does when it is told to stop."""

    def connection(self) -> Client:
        self.client = self.site.client(f"{self.name}-{self.starts}")
        self.client.reachable = self.reachable
        self.client.on_listener_error = self._callback_failed
        return self.client

    def _callback_failed(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):  # of a coordinator that has lost its shard
            self.site.observer.breach("unhandled", f"a callback of {self.name}'s bus: {error!r}")

    async def _main(self) -> None:
        try:
            await self.run()
        except EXPECTED_FAILURES as error:
            self.site.observer.tell(f"{self.name} ends: {type(error).__name__}: {error}")
        except Exception as error:
            self.site.observer.breach("crash", f"{self.name}: {type(error).__name__}: {error}")
            raise
        # The rest happens outside of the process, which is over now.
        world = self.site.loop
        self.process.alive = False
        if self.client is not None:
            self.client.hang_up()
        world.call_later(self.again_s, self.start, context=OUTSIDE)

    async def run(self) -> None:
        raise NotImplementedError
