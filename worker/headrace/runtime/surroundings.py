"""What a worker finds around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from headrace.bus import Bus, BusOptions
from headrace.runtime.attempt import RunnableTask
from headrace.runtime.capture import Captured, Sink
from headrace.runtime.lanes import Lane
from headrace.runtime.launch import Launch
from headrace.runtime.watchdog.link import Watchdog
from headrace_protocol.definition import Isolation


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """None stands for what a worker in a process of its own has: NATS, its targets, its threads, its streams."""

    connect: Callable[[BusOptions], Awaitable[Bus]] | None = None
    tasks: Mapping[str, RunnableTask] | None = None
    lanes: Mapping[Isolation, Lane] | None = None
    capture: Callable[[Sink], Captured] | None = None
    launch: Launch | None = None
    """What processes start with; None: what there is when the worker is made."""
    watchdog: Watchdog | None = None
    """Where there is one, the worker must be the process' only purpose: the watchdog may end it."""
    otlp: bool = True
    """Export spans to the endpoint that the environment names, if it names one."""
