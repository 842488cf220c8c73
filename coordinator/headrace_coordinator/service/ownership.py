"""Whose the namespace is: the identity of the store, and its generation."""

from __future__ import annotations

import secrets

from headrace_coordinator.bus.port import Owner
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.store.records import ShardFence, Transaction

FOLDER = "store"
IDENTITY_BITS = 62
"""It is kept where positions are, in a column of signed integers."""


async def owner_of(parts: Parts, fence: ShardFence, *, adopt: bool = False) -> Owner:
    """Read from the store; made, and written under the fence, where it is missing.

    With `adopt` the generation grows beyond that of the bus. Raises BusError then.
    """
    known = await parts.store.cursors(FOLDER)
    identity = known.get("identity") or secrets.randbits(IDENTITY_BITS) + 1
    generation = known.get("generation", 1)
    if adopt:
        generation = max(generation, await parts.bus.generation(parts.topology)) + 1
    if known != {"identity": identity, "generation": generation}:
        written = {f"{FOLDER}/identity": identity, f"{FOLDER}/generation": generation}
        await parts.store.commit(Transaction(fence=fence, cursors=written))
    return Owner(f"{identity:016x}", generation, adopt)
