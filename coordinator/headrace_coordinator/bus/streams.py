"""Making streams and consumers from the topology, and looking at them."""

from __future__ import annotations

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    SequenceInfo,
    StorageType,
    StreamConfig,
    StreamInfo,
)

from headrace_coordinator.bus.port import BusError, ConsumerState, StreamState
from headrace_protocol.topology import ConsumerSpec, Retention, StreamSpec, Topology

_RETENTION = {Retention.LIMITS: RetentionPolicy.LIMITS, Retention.WORK_QUEUE: RetentionPolicy.WORK_QUEUE}


async def ensure_streams(context: JetStreamContext, topology: Topology) -> list[StreamState]:
    """Every stream of the topology, made where it was missing."""
    return [await _ensure_stream(context, spec) for spec in topology.streams()]


async def _ensure_stream(context: JetStreamContext, spec: StreamSpec) -> StreamState:
    try:
        try:
            info = await context.stream_info(spec.name)
        except nats.js.errors.NotFoundError:
            info = await context.add_stream(_config(spec))
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"stream {spec.name}: {error}") from error
    return _state(spec, info)


def _state(spec: StreamSpec, info: StreamInfo) -> StreamState:
    return StreamState(spec.name, str(info.created), info.state.last_seq)


def _config(spec: StreamSpec) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=_RETENTION[spec.retention],
        storage=StorageType.FILE,
        max_bytes=spec.max_bytes,
        max_age=spec.max_age_s,
        discard=DiscardPolicy.NEW if spec.discard_new else DiscardPolicy.OLD,
        duplicate_window=spec.duplicate_window_s,
    )


async def ensure_consumer(context: JetStreamContext, spec: ConsumerSpec) -> None:
    """The consumer, made if it is missing; an existing one keeps what it has delivered."""
    config = ConsumerConfig(
        durable_name=spec.durable,
        filter_subject=spec.filter_subject or None,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_s,
        max_deliver=-1,
        max_ack_pending=spec.max_ack_pending,
        max_waiting=spec.max_waiting,
    )
    try:
        await context.add_consumer(spec.stream, config)
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"consumer {spec.durable}: {error}") from error


async def consumer_state(context: JetStreamContext, spec: ConsumerSpec) -> ConsumerState | None:
    """What the consumer has still to do; None when it does not exist."""
    try:
        info = await context.consumer_info(spec.stream, spec.durable)
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"consumer {spec.durable}: {error}") from error
    floor = info.ack_floor
    return ConsumerState(
        pending=info.num_pending or 0,
        in_flight=info.num_ack_pending or 0,
        redelivered=info.num_redelivered or 0,
        acked_below=0 if floor is None else floor.stream_seq,
        waiting=info.num_waiting or 0,
        delivered_at_us=_active_us(info.delivered),
        acked_at_us=_active_us(floor),
    )


def _active_us(place: SequenceInfo | None) -> int | None:
    at = None if place is None else place.last_active
    return None if at is None else round(at.timestamp() * 1e6)
