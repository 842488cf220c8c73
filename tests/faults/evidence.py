"""What is left to judge by when everything is over: rows and history of the store, what the bus still tells, what the
API had answered, what publishers were promised, and the journals of effects."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import Node, RunHead
from headrace_coordinator.store import open_store
from headrace_coordinator.store.port import LetterFilter, Reader, RunCursor, RunFilter
from headrace_coordinator.store.records import DeadLetter
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent
from tests.faults.journal import Effect

PAGE = 500


class Publication(msgspec.Struct, kw_only=True):
    """What somebody asked for, and whether it was accepted: acknowledged by NATS, or answered 2xx."""

    way: str
    event_type: str = ""
    event_id: str = ""
    source: str = ""
    workflow: str = ""
    run_id: str = ""
    tries: int = 0
    accepted_at_us: int | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the API showed it at some moment."""

    run_id: str
    state: str
    finished_at_us: int | None
    waits: bool


class Fleet(msgspec.Struct, frozen=True):
    """A worker as a heartbeat of its own showed it."""

    worker: str
    slots: int
    held: int


class Strike(msgspec.Struct, kw_only=True):
    """A fault, from its beginning until all is up again."""

    kind: str
    target: str
    began_us: int
    ended_us: int = 0


class Kept(msgspec.Struct, dict=True):
    """A run as the store has it."""

    head: RunHead
    nodes: dict[str, Node]
    attempts: list[AttemptRecord]
    history: list[LifecycleBatch]

    @cached_property
    def events(self) -> list[LifecycleEvent]:
        return [event for batch in self.history for event in batch.events]

    @cached_property
    def won(self) -> dict[tuple[str, int | None], list[AttemptRecord]]:
        """Attempts that succeeded, by node and item."""
        found: dict[tuple[str, int | None], list[AttemptRecord]] = {}
        for record in self.attempts:
            if record.state == "succeeded":
                found.setdefault((record.node, record.item), []).append(record)
        return found

    def recoveries(self, node: str) -> int:
        """How often the node's result was lost with the bus, and made again."""
        return self.nodes[node].recoveries if node in self.nodes else 0


class Evidence(msgspec.Struct, kw_only=True, dict=True):
    """Everything that `invariants` judges."""

    definitions: dict[str, WorkflowDefinition]
    runs: dict[str, Kept]
    publications: list[Publication] = []
    effects: list[Effect] = []
    seen: list[Seen] = []
    """In the order of time."""
    fleets: list[Fleet] = []
    strikes: list[Strike] = []
    told: list[LifecycleBatch] = []
    """What the lifecycle stream still holds."""
    erased: set[tuple[str, str]] = set()
    """(source, id) of events that were on the bus alone when its volume was wiped."""
    workers: set[int] = set()
    """Process ids."""
    slots: int = 1
    unconfirmed: int = 0
    """Outbox batches that are left."""
    dead_letters: list[DeadLetter] = []
    one_clock: bool = True
    """Whether the coordinator's times and the workers' may be compared."""

    @cached_property
    def begun(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.phase == "begin"]

    @cached_property
    def written(self) -> dict[str, Effect]:
        """Ends of executions that returned a result, by their token."""
        return {effect.token: effect for effect in self.effects if effect.phase == "ok"}


async def read_store(url: str, shards: int) -> tuple[dict[str, Kept], int, list[DeadLetter]]:
    """Every run, the number of outbox batches, and the dead letters. Nobody else may have the store open."""
    store = open_store(url)
    await store.open()
    try:
        runs = {head.run_id: await _kept(store, head) async for head in _heads(store)}
        unconfirmed = sum([len(await store.outbox(shard)) for shard in range(shards)])
        return runs, unconfirmed, await store.dead_letters(LetterFilter(), None, PAGE)
    finally:
        await store.close()


async def _heads(store: Reader) -> AsyncIterator[RunHead]:
    after: RunCursor | None = None
    while page := await store.runs(RunFilter(), after, PAGE):
        for head in page:
            yield head
        after = RunCursor(page[-1].created_at_us, page[-1].run_id)


async def _kept(store: Reader, head: RunHead) -> Kept:
    stored = await store.run(head.run_id)
    if stored is None:
        raise LookupError(f"run {head.run_id} is listed and not there")
    attempts = await store.attempts(head.run_id, None, 0, 100_000)
    history: list[LifecycleBatch] = []
    while page := await store.history(head.run_id, history[-1].position if history else 0, PAGE):
        history += page
    return Kept(stored.head, stored.nodes, attempts, history)


def stored_events(path: Path) -> set[tuple[str, str]]:
    """(source, id) of the events that the store has, read beside a coordinator that lives."""
    return set(_read_beside(path, "SELECT source, event_id FROM events"))


def outbox_depth(path: Path) -> int:
    """How many batches the bus has not confirmed, or the store not deleted since, read beside a coordinator that
    lives."""
    return int(_read_beside(path, "SELECT count(*) FROM outbox")[0][0])


def _read_beside(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
