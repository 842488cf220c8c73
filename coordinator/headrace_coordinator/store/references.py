"""Which large results a transaction refers to: whoever writes a result need not think of it."""

from __future__ import annotations

from headrace_coordinator.store.records import HolderKind, ResultReference, Transaction
from headrace_protocol.messages import Result


def references_of(transaction: Transaction) -> list[ResultReference]:
    """Those that it names, and those of the results in its attempts and nodes; each once."""
    found = dict.fromkeys(transaction.references)
    for done in transaction.attempts:
        if done.result is not None:
            _add(found, done.result, done.run_id)
    for row in transaction.nodes:
        if row.node.result is not None:
            _add(found, row.node.result, row.run_id)
    return list(found)


def _add(found: dict[ResultReference, None], result: Result, run_id: str) -> None:
    if result.stored is not None:
        found[ResultReference(result.stored.uri, HolderKind.RUN, run_id)] = None
