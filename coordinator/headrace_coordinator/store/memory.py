"""The store without a file: for the simulator, for tests, and for a coordinator that need not survive.

It behaves as the SQL stores do; one conformance suite runs against all of them. A transaction is checked
against everything that could refuse it and then applied without a step that can fail or wait: all or nothing.
Closing keeps the content: the object is the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Iterable
from heapq import nsmallest
from itertools import islice

import msgspec

from headrace_coordinator.store.memory_reader import MemoryReader
from headrace_coordinator.store.memory_tables import Lease, RunTables, Tables, copy_transaction
from headrace_coordinator.store.port import REMEMBERED_S, Capabilities, FenceLost, RetentionPolicy, Store
from headrace_coordinator.store.records import OLD_TALLY_S, EventRecord, HolderKind, ShardFence, Transaction
from headrace_coordinator.store.references import references_of
from headrace_coordinator.store.rows import FINISHED, merge_event, whole_hour_s
from headrace_protocol.errors import Conflict, InvariantBroken


class MemoryStore(MemoryReader, Store):
    """Dicts behind the port."""

    capabilities = Capabilities(durable=False, many_coordinators=False)

    def __init__(self) -> None:
        self._tables = Tables()
        self._open = False

    async def open(self) -> None:
        self._open = True
        shards = self._tables.shards
        shards.update({shard: Lease("", held.epoch, 0) for shard, held in shards.items()})

    async def close(self) -> None:
        self._open = False

    def commit(self, transaction: Transaction) -> Coroutine[object, None, None]:
        return self._commit(copy_transaction(transaction))

    async def _commit(self, copy: Transaction) -> None:
        tables = self._opened
        _check(tables, copy)
        _write_runs(tables, copy)
        _write_rest(tables, copy)

    async def acquire_shard(self, shard: int, owner: str, lease_s: float, now_us: int) -> ShardFence | None:
        held = self._opened.shards.get(shard)
        epoch = 1
        if held is not None:
            epoch = held.epoch
            if held.owner != owner:
                if held.owner and held.until_us > now_us:
                    return None
                epoch += 1
        self._opened.shards[shard] = Lease(owner, epoch, now_us + round(lease_s * 1e6))
        return ShardFence(shard, epoch)

    async def release_shard(self, fence: ShardFence) -> None:
        held = self._opened.shards.get(fence.shard)
        if held is not None and held.epoch == fence.epoch:
            self._opened.shards[fence.shard] = Lease("", fence.epoch, 0)

    async def prune(self, policy: RetentionPolicy, now_us: int, limit: int) -> int:
        tables = self._opened

        def before(kept_s: float) -> int:
            return now_us - round(kept_s * 1e6)

        deleted = _prune_runs(tables, before(policy.runs_s), now_us, limit)
        for position in _oldest(
            ((row.line.at_us, position) for position, row in tables.logs.items()),
            before(policy.logs_s),
            limit,
        ):
            tables.drop_log(position)
            deleted += 1
        received = ((tables.events[position].received_at_us, position) for position in tables.events)
        for position in [at for us, at in islice(received, limit) if us < before(policy.events_s)]:
            event = tables.events.pop(position)
            del tables.event_positions[event.source, event.event_id]
            deleted += 1
        return deleted + _prune_rest(tables, policy, now_us, limit)


def _check(tables: Tables, transaction: Transaction) -> None:
    """Raises what the transaction is refused with."""
    fence = transaction.fence
    if fence is not None:
        held = tables.shards.get(fence.shard)
        if held is None or held.epoch != fence.epoch or not held.owner:
            raise FenceLost(f"shard {fence.shard}: epoch {fence.epoch} is over")
    known = {head.run_id for head in transaction.runs}
    parts = {row.run_id for row in transaction.nodes}
    parts.update(record.run_id for record in transaction.attempts)
    parts.update(batch.run_id for batch in transaction.history)
    for run_id in parts - known - tables.runs.keys():
        raise InvariantBroken("a transaction writes part of a run that is not stored", where=f"run {run_id}")
    _check_new("history position", tables.history, [batch.position for batch in transaction.history])
    _check_new("outbox sequence", tables.outbox, [batch.sequence for batch in transaction.outbox])


def _check_new(what: str, stored: Collection[int], new: list[int]) -> None:
    if len(set(new)) < len(new) or any(number in stored for number in new):
        raise Conflict("a transaction writes what exists already", found=f"{what} among {new}")


def _write_runs(tables: Tables, transaction: Transaction) -> None:
    for head in transaction.runs:
        kept = tables.runs.get(head.run_id)
        tables.runs[head.run_id] = RunTables(head) if kept is None else kept.with_head(head)
    for row in transaction.nodes:
        tables.runs[row.run_id].nodes[row.name] = row.node
    for record in transaction.attempts:
        tables.runs[record.run_id].add_attempt(record)
    for batch in transaction.history:
        tables.add_history(batch)


def _write_rest(tables: Tables, transaction: Transaction) -> None:
    for key in transaction.timers_dropped:
        tables.timers.pop(key, None)
    tables.timers.update((timer.key, timer) for timer in transaction.timers)
    for batch in transaction.outbox:
        tables.outbox[batch.sequence] = batch
        tables.last_outbox = max(tables.last_outbox, batch.sequence)
    for sequence in transaction.outbox_confirmed:
        tables.outbox.pop(sequence, None)
    for reference in references_of(transaction):
        tables.add_reference(reference)
    for uri in transaction.results_deleted:
        tables.released.pop(uri, None)
    for name in transaction.schedules_dropped:
        tables.schedules.pop(name, None)
    tables.schedules.update(((row.workflow, row.trigger), row) for row in transaction.schedules)
    _write_definitions(tables, transaction)
    for event in transaction.events:
        _write_event(tables, event)
    for letter in transaction.dead_letters:
        tables.set_letter(letter)
    for tally in transaction.tallies:
        tables.tallies[tally.at_s, tally.kind, tally.name, tally.state] += tally.count
    for line in transaction.logs:
        tables.add_log(line)
    for span in transaction.spans:
        tables.spans.setdefault(span.trace_id, {}).setdefault(span.span_id, span)
    tables.streams.update((stream.stream, stream) for stream in transaction.streams)
    tables.cursors.update(transaction.cursors)


def _write_definitions(tables: Tables, transaction: Transaction) -> None:
    for definition in transaction.definitions:
        versions = tables.definitions.setdefault(definition.definition.name, {})
        versions.pop(definition.version, None)  # Deployed again, it becomes the newest.
        versions[definition.version] = definition
    tables.workflow_states.update((state.workflow, state) for state in transaction.workflow_states)
    for change in transaction.workflow_changes:
        tables.add_change(change)


def _write_event(tables: Tables, event: EventRecord) -> None:
    position = tables.event_positions.get((event.source, event.event_id))
    if position is not None:
        tables.events[position] = merge_event(tables.events[position], event)
        return
    tables.last_event += 1
    tables.event_positions[event.source, event.event_id] = tables.last_event
    tables.events[tables.last_event] = msgspec.structs.replace(event, position=tables.last_event)


def _oldest(rows: Iterable[tuple[int, int]], before_us: int, limit: int) -> list[int]:
    return [position for _, position in nsmallest(limit, (row for row in rows if row[0] < before_us))]


def _prune_runs(tables: Tables, before_us: int, now_us: int, limit: int) -> int:
    expired = nsmallest(
        limit,
        (
            (run.head.created_at_us, run_id)
            for run_id, run in tables.runs.items()
            if run.head.state in FINISHED
            and max(run.head.created_at_us, run.head.finished_at_us or run.head.created_at_us) < before_us
        ),
    )
    budget = dict.fromkeys(("nodes", "attempts", "history", "logs"), limit)
    references = limit
    deleted = 0
    for _, run_id in expired:
        run = tables.runs[run_id]
        for kind in budget:
            dropped = tables.drop_part(run_id, kind, budget[kind])
            budget[kind] -= dropped
            deleted += dropped
        released = tables.release((HolderKind.RUN, run_id), references, now_us)
        references -= released
        deleted += released
        if run.empty and not tables.logs_of.get(run_id) and (HolderKind.RUN, run_id) not in tables.held:
            tables.pruned[run_id] = now_us
            del tables.runs[run_id]
            deleted += 1
    return deleted


def _prune_rest(tables: Tables, policy: RetentionPolicy, now_us: int, limit: int) -> int:
    spans_before = now_us - round(policy.spans_s * 1e6)
    spans = nsmallest(
        limit,
        (
            (span.start_us, span.trace_id, span.span_id)
            for trace in tables.spans.values()
            for span in trace.values()
            if span.start_us < spans_before
        ),
    )
    for _, trace_id, span_id in spans:
        del tables.spans[trace_id][span_id]
        if not tables.spans[trace_id]:
            del tables.spans[trace_id]
    letters_before = now_us - round(policy.dead_letters_s * 1e6)
    letters = nsmallest(
        limit,
        (
            (letter.received_at_us, letter_id)
            for letter_id, letter in tables.dead_letters.items()
            if letter.received_at_us < letters_before
        ),
    )
    for _, letter_id in letters:
        del tables.dead_letters[letter_id]
    pruned_before = now_us - round(REMEMBERED_S * 1e6)
    gone = nsmallest(
        limit, ((at_us, run_id) for run_id, at_us in tables.pruned.items() if at_us < pruned_before)
    )
    for _, run_id in gone:
        del tables.pruned[run_id]
    old = [key for key in tables.tallies if key[0] < whole_hour_s(now_us) and key[0] % OLD_TALLY_S]
    for minute in old:
        at_s, kind, name, state = minute
        tables.tallies[at_s // OLD_TALLY_S * OLD_TALLY_S, kind, name, state] += tables.tallies.pop(minute)
    tallies_before = (now_us - round(policy.tallies_s * 1e6)) // 1_000_000
    tallies = nsmallest(limit, (key for key in tables.tallies if key[0] < tallies_before))
    for tally in tallies:
        del tables.tallies[tally]
    changed_before = now_us - round(policy.changes_s * 1e6)
    changes = [change for change in tables.workflow_changes[:limit] if change.at_us < changed_before]
    tables.workflow_changes = tables.workflow_changes[len(changes) :]
    deleted = _prune_deleted(tables)
    return len(spans) + len(letters) + len(gone) + len(tallies) + len(old) + len(changes) + deleted


def _prune_deleted(tables: Tables) -> int:
    """Deleted workflows whose last run has gone."""
    with_runs = {run.head.workflow for run in tables.runs.values()}
    over = [name for name in tables.workflow_states if tables.deleted(name) and name not in with_runs]
    versions = sum(len(tables.definitions.pop(name, {})) for name in over)
    for name in over:
        del tables.workflow_states[name]
    return versions + len(over)
