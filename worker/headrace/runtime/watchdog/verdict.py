"""Who blocks the loop, and whether it is time to end the worker."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headrace.runtime.watchdog.board import Held
from headrace_protocol.definition import Isolation

_IN_THE_WORKER = (Isolation.ASYNC, Isolation.THREAD)


class Verdict(msgspec.Struct, frozen=True):
    """The worker is to be ended."""

    late: tuple[Held, ...]
    """Their time is over, and they block, or may be what blocks."""
    returned: tuple[Held, ...]
    """What is held beside them."""


def suspects(held: Sequence[Held], running: int) -> list[Held]:
    """The attempt that the loop is in. Where that is not known (Python's lock is kept, or what does not end is a task
    or callback that an attempt has made), all that work in the worker's own process."""
    known = [one for one in held if one.slot == running]
    return known or [one for one in held if one.started_s and one.entry.isolation in _IN_THE_WORKER]


def verdict(held: Sequence[Held], running: int, now_s: float, grace_s: float) -> Verdict | None:
    """None while nothing that may be the cause is over its time and the grace: a block without a timeout is only
    told."""
    late = tuple(one for one in suspects(held, running) if one.limit_s and now_s > one.limit_s + grace_s)
    if not late:
        return None
    return Verdict(late, tuple(one for one in held if one not in late))
