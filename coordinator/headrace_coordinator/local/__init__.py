"""Everything on one machine: a real nats-server of our own, with the coordinator and workers around it.

The nats-server is a child process in a process group of its own, so that ctrl-C reaches only us and we stop
it in order. It moves between three states: *stopped*, *running* (its client port accepts connections and
JetStream is recovered) and *died* (it ended although nobody asked it to; whoever waits on `died` may start
it again on the same port and directory). A lock on its directory lives exactly as long as the process, so
two servers never write to one JetStream store.

Coordinator and workers are children of the same kind (`process`), and `keeping` starts again whatever dies.
The supervisor (`site`) holds them together: NATS and the coordinator start at the same time; definitions are
loaded and deployed by a process of their own, so that no mistake in them can hurt anything else; workers
start when there are valid definitions. A save deploys again and replaces the workers; what cannot be loaded
changes nothing. The end goes the other way round: workers, coordinator, NATS.

`in_process` is the other way round: a coordinator on memory, inside the process of a user's test. It and what it is
made of is all that others import from here, and is loaded when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace_coordinator.bus.memory import Connection, Rule
    from headrace_coordinator.local.in_process import InProcess

__all__ = ["Connection", "InProcess", "Rule"]


def __getattr__(name: str) -> object:
    """`headrace dev` imports this package too, and wants no part of a coordinator in its own process."""
    if name == "InProcess":
        from headrace_coordinator.local.in_process import InProcess

        return InProcess
    if name in __all__:
        from headrace_coordinator.bus import memory

        return getattr(memory, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
