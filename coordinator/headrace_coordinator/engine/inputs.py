"""Everything that can happen to a run. `StartRun` and `CancelRun` come straight from the protocol."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.plan import Place
from headrace_protocol.messages import CancelRun, Outcome, Result, StartRun


class OutcomeReceived(msgspec.Struct, frozen=True, gc=False):
    """A worker's outcome of one attempt."""

    outcome: Outcome


class TimerFired(msgspec.Struct, frozen=True):
    """A timer is due."""

    key: TimerKey
    due_us: int


class Collected(msgspec.Struct, frozen=True):
    """A map's results are together. `lost` names items whose stored results are gone instead."""

    run_id: str
    node: str
    result: Result | None = None
    counts: tuple[int, ...] = ()
    """Lengths at the plan's count paths of the node."""
    lost: tuple[int, ...] = ()


class Redispatch(msgspec.Struct, frozen=True):
    """The bus lost messages, or a predecessor what it held in memory: start again what is under way.

    `attempts` (node, item, attempt) are published again, every live one when it is None. Collecting starts again
    in any case.
    """

    run_id: str
    attempts: tuple[tuple[str, int | None, int], ...] | None = None


class AttemptOverdue(msgspec.Struct, frozen=True):
    """A worker has held an attempt for longer than its timeout and said nothing: fence it."""

    run_id: str
    node: str
    item: int | None
    attempt: int
    worker: str


class AttemptLost(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of an attempt is lost: no live worker has it any more."""

    run_id: str
    node: str
    item: int | None
    attempt: int
    worker: str = ""
    """Who had it, where that is known."""
    silent_s: float = 0.0
    """For how long nothing had been heard of that worker."""
    started_at_us: int = 0
    charged: bool = True
    """False: no worker can have died with it. It is dispatched again under the same number."""


class Granted(msgspec.Struct, frozen=True, gc=False):
    """The run's turn has come in the ready line: so many of its tasks go to the bus."""

    run_id: str
    place: Place
    count: int


class Capacity(msgspec.Struct, frozen=True, gc=False):
    """As many tasks of a queue may be on the bus from this shard, for each priority. It concerns no run by itself."""

    queue: str
    limit: int


class RetryRun(msgspec.Struct, frozen=True):
    """An operator gives a run that failed or was cancelled another chance."""

    run_id: str
    by: str = ""
    reason: str = ""


RunInput = (
    StartRun
    | CancelRun
    | RetryRun
    | OutcomeReceived
    | TimerFired
    | Collected
    | Redispatch
    | AttemptOverdue
    | AttemptLost
    | Granted
)

ShardInput = RunInput | Capacity
"""Everything that can happen on a shard."""
