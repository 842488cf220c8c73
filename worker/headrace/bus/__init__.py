"""The worker's side of the bus: a port, and its adapter to NATS (the only place in `headrace` that imports
nats).

A connection is *connected* or *reconnecting* (for ever) until it is closed. What was sent while it is
reconnecting is kept up to a bound; a publish whose acknowledgement can no longer arrive fails with
`Disconnected` and is the caller's to repeat, after `on_reconnect` has told them that there is a server again.

A `Pull` (see `pull`) keeps outstanding demand in step with free slots over the consumers of several queues
and priorities.
"""

from headrace.bus.options import BusOptions
from headrace.bus.port import Bus, BusError, Delivery, Disconnected, Message, Settlement, StreamMissing

__all__ = [
    "Bus",
    "BusError",
    "BusOptions",
    "Delivery",
    "Disconnected",
    "Message",
    "Settlement",
    "StreamMissing",
]
