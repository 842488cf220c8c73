"""Deleting from a stream what its one durable consumer has finished with.

JetStream's own limits know nothing of consumers: by age and by size they drop what nobody has read yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from headrace_coordinator.bus.port import BusError
from headrace_protocol.topology import ConsumerSpec

FILLED = 0.5
"""The share of its bound that a stream may take with what was read."""


async def trim_stream(
    context: JetStreamContext, spec: ConsumerSpec, before_us: int, connected: Callable[[], bool]
) -> float:
    """See `headrace_coordinator.bus.port.Bus`. `connected` tells whether the connection is still the one of the call.

    What the consumer has finished with is asked late, and is only good for this connection: a stream that was made
    anew numbers its messages from the beginning, and the old numbers would delete what nobody has read.
    """
    try:
        while True:
            info = await context.stream_info(spec.stream)
            first, bound = info.state.first_seq, info.config.max_bytes or 0
            share = info.state.bytes / bound if bound > 0 else 0.0
            if not info.state.messages:
                return share
            wanted = max(await _old_below(context, info, before_us), _beyond(info, bound))
            below = min(wanted, await _unread_from(context, spec)) if wanted > first else first
            if below <= first:
                return share
            # After a purge up to where only deleted messages were, nats-server 2.15 deletes too much with the next one.
            below, _ = await _message(context, info, below)
            if not connected():
                raise BusError(f"stream {spec.stream}: the connection was lost")
            await context.purge_stream(spec.stream, seq=below)
    except nats.js.errors.NotFoundError:
        return 0.0
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"stream {spec.stream}: {str(error) or type(error).__name__}") from error


async def _old_below(context: JetStreamContext, info: StreamInfo, before_us: int) -> int:
    """The sequence below which everything was published before that time.

    Doubling steps from the oldest message, then halves: one look where nothing is old, few where little is.
    """
    old, other, step = info.state.first_seq - 1, info.state.last_seq + 1, 1
    while other - old > 1:
        probe = min(old + step, (old + other) // 2)
        sequence, published_us = await _message(context, info, probe)
        if published_us < before_us:
            old, step = sequence, step * 2
        else:
            other = probe
    return other


async def _message(context: JetStreamContext, info: StreamInfo, sequence: int) -> tuple[int, float]:
    """Sequence and time of a message, or of the next one where there is none. The end was never published."""
    try:
        found = await context.get_msg(str(info.config.name), sequence, ">", next=True)
    except nats.js.errors.NotFoundError:
        return max(sequence, info.state.last_seq + 1), math.inf
    return found.seq or sequence, math.inf if found.time is None else found.time.timestamp() * 1e6


def _beyond(info: StreamInfo, bound: int) -> int:
    """The sequence below which there is, by the messages' mean size, what the stream holds too much."""
    excess = info.state.bytes - FILLED * bound if bound > 0 else 0.0
    return info.state.first_seq + math.ceil(info.state.messages * max(0.0, excess) / max(1, info.state.bytes))


async def _unread_from(context: JetStreamContext, spec: ConsumerSpec) -> int:
    """The first sequence that the consumer has not finished with."""
    floor = (await context.consumer_info(spec.stream, spec.durable)).ack_floor
    return 1 + (0 if floor is None else floor.stream_seq)
