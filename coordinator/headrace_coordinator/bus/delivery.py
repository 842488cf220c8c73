"""What the subject that acknowledges a message tells about it:
`$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>[.<token>]`.
"""

from __future__ import annotations

import msgspec

from headrace_coordinator.bus.port import Incoming

_TOKENS = 9
"""Without domain and account."""


class Delivery(msgspec.Struct, frozen=True):
    """A delivery of a message of a stream."""

    sequence: int
    """In the stream."""
    count: int
    """How often the message has been delivered, this time included."""


def delivery_of(message: Incoming) -> Delivery:
    """Of a message that a durable consumer delivered."""
    tokens = message.reply.split(".")
    first = 4 if len(tokens) == _TOKENS else 6
    return Delivery(sequence=int(tokens[first + 1]), count=int(tokens[first]))
