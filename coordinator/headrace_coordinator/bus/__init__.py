"""The coordinator's side of the bus: doorbell, work queue and replayable log, never the truth.

A connection is *connected* or *reconnecting*, for ever, until it is closed. `streams` makes what must exist and
tells when a stream is not the one it was (I11). `consume` keeps a durable pull consumer asking. A publish gives a
future that the stream's acknowledgement resolves; what gets none is the outbox's to repeat.
"""

from headrace_coordinator.bus.nats_bus import NatsBus, connect
from headrace_coordinator.bus.port import Bus, BusError, ConsumerState, Incoming, StreamState
from headrace_coordinator.bus.settings import NatsSettings

__all__ = [
    "Bus",
    "BusError",
    "ConsumerState",
    "Incoming",
    "NatsBus",
    "NatsSettings",
    "StreamState",
    "connect",
]
