"""Making streams and consumers from the topology, and looking at them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    SequenceInfo,
    StorageType,
    StreamConfig,
    StreamInfo,
)

from headrace_coordinator.bus.port import BusError, ConsumerState, StreamState
from headrace_protocol.nats.objects import NO_SERVERS
from headrace_protocol.topology import ConsumerSpec, Retention, StreamSpec, Topology, ack_wait_of

log = logging.getLogger("headrace.bus")

_NO_ROOM = (10002, 10047)
"""JetStream's codes for a bound that the account or the server cannot promise: bounds are reserved."""
_SMALLEST_SHARE = 1_024
_RETENTION = {Retention.LIMITS: RetentionPolicy.LIMITS, Retention.WORK_QUEUE: RetentionPolicy.WORK_QUEUE}


async def ensure_streams(
    context: JetStreamContext, topology: Topology, replicas: int = 1, marks: Mapping[str, str] | None = None
) -> list[StreamState]:
    """Every stream of the topology, made where it was missing, and kept from losing anything where it was not.

    `replicas` is how many servers are to hold each; fewer where there are not so many. `marks` are added to the
    metadata of streams that are made.
    """
    try:
        found = [(spec, await _stream(context, spec.name)) for spec in topology.streams()]
        for spec, info in found:
            if info is not None and spec.discard_new:
                await _keep_all(context, spec, info.config)
            if info is not None and spec.metadata:
                await _tell_ack_wait(context, spec, info.config, topology.ack_wait_s)
        missing = [spec for spec, info in found if info is None]
        made = await _make(context, missing, replicas, dict(marks or {}))
        if replicas > 1:
            await _raise_replicas(context, topology, replicas)
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"streams of {topology.namespace}: {error}") from error
    return [_state(spec, info or made[spec.name]) for spec, info in found]


async def _stream(context: JetStreamContext, name: str) -> StreamInfo | None:
    try:
        return await context.stream_info(name)
    except nats.js.errors.NotFoundError:
        return None


async def _keep_all(context: JetStreamContext, spec: StreamSpec, found: StreamConfig) -> None:
    """Older versions made streams that drop what is old, and such that take inputs of shards that do not exist; bounds
    and all else remain what the operator has chosen."""
    kept = found.discard == DiscardPolicy.NEW and (found.max_age or 0.0) == spec.max_age_s
    subjects = list(spec.subjects)
    if kept and found.subjects == subjects:
        return
    await context.update_stream(
        found.evolve(discard=DiscardPolicy.NEW, max_age=spec.max_age_s, subjects=subjects)
    )
    if not kept:
        log.warning("the stream %s dropped old messages, read or not; it keeps them from now on", spec.name)


async def _tell_ack_wait(
    context: JetStreamContext, spec: StreamSpec, found: StreamConfig, ack_wait_s: float
) -> None:
    """The coordinator was started with another ack wait: consumers that there are already follow it, too."""
    if ack_wait_of(found.metadata, 0.0) == ack_wait_s:
        return
    now = await context.stream_info(spec.name)
    metadata = {**(found.metadata or {}), **dict(spec.metadata)}
    await context.update_stream(now.config.evolve(metadata=metadata))
    for consumer in await context.consumers_info(spec.name):
        if consumer.config.ack_wait != ack_wait_s and consumer.config.durable_name:
            await context.add_consumer(spec.name, consumer.config.evolve(ack_wait=ack_wait_s))
            log.warning(
                "consumer %s had an ack wait of %s s; it is %s s now, as this coordinator was told",
                consumer.name,
                consumer.config.ack_wait,
                ack_wait_s,
            )


async def _raise_replicas(context: JetStreamContext, topology: Topology, wanted: int) -> None:
    """Have more servers hold what was made when there were fewer. Nothing is ever taken from any."""
    for name in (*(spec.name for spec in topology.streams()), f"OBJ_{topology.bucket}"):
        info = await _stream(context, name)
        has = wanted if info is None else info.config.num_replicas or 1
        for replicas in range(wanted, has, -1):
            if info is not None and await _is_held_by(context, info.config, replicas):
                log.warning("the stream %s is held by %d servers now, and was by %d", name, replicas, has)
                break


async def _is_held_by(context: JetStreamContext, found: StreamConfig, replicas: int) -> bool:
    try:
        await context.update_stream(found.evolve(num_replicas=replicas))
    except nats.js.errors.APIError as error:
        if error.err_code not in NO_SERVERS:
            raise
        return False
    return True


async def _make(
    context: JetStreamContext, missing: list[StreamSpec], replicas: int, marks: dict[str, str]
) -> dict[str, StreamInfo]:
    """The streams; all of them half as large, again and again, where the server has not so much room."""
    share = 1
    made: dict[str, StreamInfo] = {}
    while True:
        try:
            for spec in missing:
                put = context.update_stream if spec.name in made else context.add_stream
                made[spec.name] = await put(_config(spec, spec.max_bytes // share, replicas, marks))
        except nats.js.errors.APIError as error:
            if error.err_code in NO_SERVERS and replicas > 1:
                replicas -= 1
                log.warning("the cluster cannot hold %d replicas of a stream now", replicas + 1)
                continue
            if error.err_code not in _NO_ROOM or share >= _SMALLEST_SHARE:
                raise
            share *= 2
            continue
        if share > 1:
            log.warning("JetStream has little room: streams are bounded at 1/%d of their usual size", share)
        return made


def _state(spec: StreamSpec, info: StreamInfo) -> StreamState:
    return StreamState(spec.name, str(info.created), info.state.last_seq)


def _config(spec: StreamSpec, max_bytes: int, replicas: int, marks: dict[str, str]) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=_RETENTION[spec.retention],
        storage=StorageType.FILE,
        max_bytes=max_bytes,
        max_age=spec.max_age_s,
        discard=DiscardPolicy.NEW if spec.discard_new else DiscardPolicy.OLD,
        duplicate_window=spec.duplicate_window_s,
        metadata={**dict(spec.metadata), **marks} or None,
        num_replicas=replicas,
    )


async def ensure_consumer(context: JetStreamContext, spec: ConsumerSpec) -> None:
    """The consumer, made if it is missing; an existing one keeps what it has delivered, and what an operator has set,
    but for the ack wait."""
    try:
        found = (await context.consumer_info(spec.stream, spec.durable)).config
        if found.ack_wait != spec.ack_wait_s:
            await context.add_consumer(spec.stream, found.evolve(ack_wait=spec.ack_wait_s))
    except nats.js.errors.NotFoundError:
        await _make_consumer(context, spec)
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"consumer {spec.durable}: {error}") from error


async def _make_consumer(context: JetStreamContext, spec: ConsumerSpec) -> None:
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
        delivered_to=0 if info.delivered is None else info.delivered.stream_seq,
        trouble=_trouble(info),
    )


def _trouble(info: ConsumerInfo) -> str:
    if info.paused:
        return f"consumer {info.name} of {info.stream_name} is paused on NATS until {info.config.pause_until}"
    if info.cluster is not None and not info.cluster.leader:
        return (
            f"consumer {info.name} of {info.stream_name} has no leader: too few servers of the cluster answer"
        )
    return ""


async def next_published_us(
    context: JetStreamContext, spec: ConsumerSpec, state: ConsumerState
) -> int | None:
    """When the message was published that the consumer gets next; None when there is none."""
    try:
        found = await context.get_msg(
            spec.stream, state.delivered_to + 1, spec.filter_subject or ">", next=True
        )
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"consumer {spec.durable}: {error}") from error
    return None if found.time is None else round(found.time.timestamp() * 1e6)


def _active_us(place: SequenceInfo | None) -> int | None:
    at = None if place is None else place.last_active
    return None if at is None else round(at.timestamp() * 1e6)
