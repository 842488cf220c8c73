"""A namespace belongs to one store, which its streams name in their metadata.

A coordinator with another store would take events and outcomes that are not its own: half of them start nothing, and
runs wait for outcomes that were given away. So the mark is compared before anything is consumed or published, at the
start and after each reconnect. A stream without a mark gets one; nothing is refused for want of it.
"""

from __future__ import annotations

import contextlib

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from headrace_coordinator.bus.port import BusError, Owner
from headrace_protocol.errors import ErrorCode, NamespaceTaken
from headrace_protocol.topology import Topology

STORE = "headrace-store"
GENERATION = "headrace-generation"


def marks(owner: Owner | None) -> dict[str, str]:
    """What the metadata of the owner's streams says."""
    return {} if owner is None else {STORE: owner.store, GENERATION: str(owner.generation)}


async def generation_on_bus(context: JetStreamContext, topology: Topology) -> int:
    """The highest generation that a stream of the namespace names; 0 where none does. Raises BusError."""
    found = [_marked(config) for config in await _configs(context, topology)]
    return max((one.generation for one in found if one is not None), default=0)


async def check_owner(context: JetStreamContext, topology: Topology, owner: Owner) -> None:
    """Mark the streams that are there. Raises NamespaceTaken, BusError."""
    configs = await _configs(context, topology)
    if not owner.adopts:
        for config in configs:
            _compare(topology, config, owner)
    for config in configs:
        if marks(owner).items() <= (config.metadata or {}).items():
            continue
        try:
            now = (await context.stream_info(str(config.name))).config
            await context.update_stream(now.evolve(metadata={**(now.metadata or {}), **marks(owner)}))
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(f"stream {config.name}: {error}") from error


async def start_over(context: JetStreamContext, topology: Topology) -> None:
    """Drop what another store has dispatched and what was said of it, and have every event that is kept read once more.

    Raises BusError.
    """
    events = topology.event_consumer()
    try:
        for kind in ("TASKS", "INPUTS"):
            await context.purge_stream(topology.stream(kind))
        with contextlib.suppress(nats.js.errors.NotFoundError):
            await context.delete_consumer(events.stream, events.durable)
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(f"streams of {topology.namespace}: {error}") from error


def _compare(topology: Topology, config: StreamConfig, owner: Owner) -> None:
    found = _marked(config)
    if found is None:
        return
    if found.store != owner.store:
        raise NamespaceTaken(
            f"the namespace {topology.namespace} on this NATS belongs to another store",
            where=f"stream {config.name}",
            found=f"store {found.store}",
            expected=f"store {owner.store}, which this coordinator was started with",
            fix="Start it with the store that the namespace belongs to (--store), or in another namespace "
            "(--namespace). If that store is lost for good, --adopt takes the namespace over: its runs are gone "
            "then, and every event that NATS still holds is judged once more.",
        )
    if found.generation > owner.generation:
        raise NamespaceTaken(
            "the store is an older state of the one that the namespace belongs to",
            where=f"stream {config.name}",
            found=f"generation {owner.generation} in the store",
            expected=f"generation {found.generation}, as on NATS",
            fix="Start the coordinator with the newest copy of the store, or with --adopt to go on from this one: what"
            " happened since is lost then, and every event that NATS still holds is judged once more.",
            code=ErrorCode.STORE_WENT_BACK,
        )


def _marked(config: StreamConfig) -> Owner | None:
    told = config.metadata or {}
    store, generation = told.get(STORE, ""), told.get(GENERATION, "")
    return Owner(store, int(generation) if generation.isdigit() else 0) if store else None


async def _configs(context: JetStreamContext, topology: Topology) -> list[StreamConfig]:
    found = []
    for spec in topology.streams():
        try:
            found.append((await context.stream_info(spec.name)).config)
        except nats.js.errors.NotFoundError:
            continue
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(f"stream {spec.name}: {error}") from error
    return found
