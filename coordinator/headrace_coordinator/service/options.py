"""What an operator may set about a coordinator."""

from __future__ import annotations

import msgspec

from headrace_coordinator.service.result_sweep import GRACE_S
from headrace_coordinator.service.shards import LEASE_S
from headrace_coordinator.store.port import RetentionPolicy


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What may be set about a coordinator, besides where its store and its bus are."""

    shards: int = 1
    """Fixed for the life of a namespace."""
    keep_spans: bool = True
    """Keep workers' spans in the store, so that traces can be read without a tracing backend."""
    retention: RetentionPolicy = RetentionPolicy()
    sweep_s: float = 15.0
    """How often every live attempt is looked at."""
    trim_s: float = 15.0
    """How often events that were read are deleted from the bus; 0: never. A stream that is filled by half in that time
    refuses publishers, though all is read."""
    results_grace_s: float = GRACE_S
    """How long a stored result stays after nothing needs it any more, or after an attempt wrote it of which nothing
    was heard."""
    lease_s: float = LEASE_S
    """How long a coordinator that fell silent keeps its shards."""
    adopt: bool = False
    """Take the namespace over from the store that it belongs to."""
    await_definitions: bool = False
    """Accept no events until somebody says that definitions have been loaded: without them an event starts nothing."""
