"""A bus in this process' memory: JetStream's contracts without a server, a socket or a disk.

`server` keeps the streams, for the simulator too, which puts its own network and the real adapters in front of it.
`network` carries messages to it and back on an event loop, in order and in no time, unless a rule delays, repeats or
drops them; a connection may be cut. `bus` is the coordinator's port on such a connection; a worker's port on it is
`headrace.testing.bus`.
"""

from headrace_coordinator.bus.memory.bus import MemoryBus, MemoryResults
from headrace_coordinator.bus.memory.network import Connection, Network, Rule
from headrace_coordinator.bus.memory.server import Server

__all__ = ["Connection", "MemoryBus", "MemoryResults", "Network", "Rule", "Server"]
