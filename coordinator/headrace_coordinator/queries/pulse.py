"""What changes in lists without a commit: a worker has started an attempt, fallen silent, or left a queue."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headrace_coordinator.engine.state import RunState
from headrace_coordinator.queries.activity import Moment, RunActivity, run_activities
from headrace_coordinator.queries.news import Interest, Topic
from headrace_coordinator.queries.views import RunSummary, summary_of
from headrace_coordinator.store.port import Reader, RunFilter

AT_MOST = 500
"""Runs told at once: lists show no more, and one that is looked at later is read then."""
Pulse = dict[str, object]


class Beats(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers have changed."""

    runs: tuple[RunSummary, ...] = ()
    activity: tuple[RunActivity, ...] = ()


async def read_beats(
    store: Reader, wanted: Interest, before: Pulse, moment: Moment, changed: Iterable[str]
) -> tuple[Pulse, Beats]:
    """The pulse now, and what differs from the one before. `changed` are runs that were committed meanwhile."""
    pulse = moment.fleet.pulse()
    served = pulse[""] != before.get("", pulse[""])
    moved = [name for name in {**before, **pulse} if name and pulse.get(name) != before.get(name)]
    summaries: list[RunSummary] = []
    if Topic.RUNS in wanted.topics and (moved or served):
        heads = list((await store.heads(moved[:AT_MOST])).values())
        if served:
            unfinished = RunFilter(workflow=wanted.workflow, states=(RunState.RUNNING,))
            heads += await store.runs(unfinished, None, AT_MOST)
        unique = {head.run_id: head for head in heads if wanted.workflow in (None, head.workflow)}
        summaries = [summary_of(head, moment) for head in unique.values()]
    watched = wanted.runs if served else wanted.runs & {*moved, *changed}
    activities = [await _activity(store, run_id, moment) for run_id in sorted(watched)]
    return pulse, Beats(runs=tuple(summaries), activity=tuple(one for one in activities if one is not None))


async def _activity(store: Reader, run_id: str, moment: Moment) -> RunActivity | None:
    stored = await store.run(run_id)
    row = None if stored is None else await store.definition(stored.head.workflow, stored.head.version)
    if stored is None or row is None:
        return None
    return run_activities(stored.head, row.definition.nodes, stored.nodes, moment)
