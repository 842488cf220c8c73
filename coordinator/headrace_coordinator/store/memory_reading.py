"""What every query of the memory store starts from."""

from __future__ import annotations

from headrace_coordinator.engine.state import RunHead
from headrace_coordinator.store.memory_tables import Tables
from headrace_coordinator.store.port import RunFilter
from headrace_coordinator.store.rows import search_text
from headrace_protocol.errors import Unavailable


class MemoryReading:
    """The tables, while the store is open."""

    _tables: Tables
    _open: bool

    @property
    def _opened(self) -> Tables:
        if not self._open:
            raise Unavailable("the store is not open", where="memory:")
        return self._tables


def matches(head: RunHead, where: RunFilter) -> bool:
    """Whether a filter finds a run."""
    created = head.created_at_us
    return (
        where.workflow in (None, head.workflow)
        and (not where.states or head.state in where.states)
        and where.trigger in (None, head.trigger)
        and where.event_id in (None, head.event_id)
        and (where.label is None or where.label in head.labels.items())
        and (where.created_from_us is None or created >= where.created_from_us)
        and (where.created_before_us is None or created < where.created_before_us)
        and (where.search is None or where.search.lower() in search_text(head))
    )
