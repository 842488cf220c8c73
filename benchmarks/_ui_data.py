"""A store as it is after much work: written at once, through the real store, before a coordinator opens it."""

from __future__ import annotations

import time
from pathlib import Path

from headrace_coordinator.engine.state import Node, NodeState, RunHead, RunState
from headrace_coordinator.store.records import DefinitionRow, NodeRow, Transaction
from headrace_coordinator.store.sqlite.store import SqliteStore
from headrace_protocol.codec import raw
from headrace_protocol.definition import NodeDefinition, TaskDefinition, WorkflowDefinition
from headrace_protocol.messages import LogLine

RUNS = 10_000
LINES = 100_000
GRAPH_NODES = 1_000
GRID_RUNS = 1_000
GRID_NODES = 100
LAYER = 40
"""Nodes of the graph that stand beside each other."""
STATES = (RunState.SUCCEEDED,) * 8 + (RunState.FAILED, RunState.CANCELLED)
LEVELS = ("info",) * 8 + ("warning", "error")
BATCH = 1_000
BIG = f"{0:026d}"
"""The run with the large graph and the long log."""


def graph() -> WorkflowDefinition:
    """Layers of nodes, each behind three of the layer before."""
    nodes = []
    for number in range(GRAPH_NODES):
        layer, place = divmod(number, LAYER)
        before = [(layer - 1) * LAYER + (place + step) % LAYER for step in (0, 1, 7)] if layer else []
        after = tuple(f"node-{one:04d}" for one in sorted(before))
        nodes.append(NodeDefinition(id=f"node-{number:04d}", task="step", after=after))
    return WorkflowDefinition(name="graph", nodes=tuple(nodes), tasks={"step": TaskDefinition(name="step")})


def grid() -> WorkflowDefinition:
    nodes = tuple(
        NodeDefinition(
            id=f"node-{number:03d}", task="step", after=(f"node-{number - 1:03d}",) if number else ()
        )
        for number in range(GRID_NODES)
    )
    return WorkflowDefinition(name="grid", nodes=nodes, tasks={"step": TaskDefinition(name="step")})


async def fill(file: Path) -> None:
    """Runs of three workflows: `many` has most of them, `grid` wide ones, `graph` the large one."""
    now_us = time.time_ns() // 1_000 - 3_600_000_000
    store = SqliteStore(file)
    await store.open()
    many = WorkflowDefinition(
        name="many",
        nodes=(NodeDefinition(id="step", task="step"),),
        tasks={"step": TaskDefinition(name="step")},
    )
    definitions = {made.name: made for made in (many, grid(), graph())}
    await store.commit(
        Transaction(
            definitions=[DefinitionRow(made, made.version(), now_us) for made in definitions.values()]
        )
    )
    await store.commit(_of(definitions["graph"], [BIG], now_us))
    wide = [f"{number:026d}" for number in range(1, GRID_RUNS + 1)]
    for first in range(0, GRID_RUNS, 100):
        await store.commit(_of(definitions["grid"], wide[first : first + 100], now_us + first))
    rest = [f"{number:026d}" for number in range(GRID_RUNS + 1, RUNS)]
    for first in range(0, len(rest), BATCH):
        await store.commit(_of(definitions["many"], rest[first : first + BATCH], now_us + 1_000_000 + first))
    for first in range(0, LINES, BATCH):
        await store.commit(
            Transaction(logs=[_line(number, now_us) for number in range(first, first + BATCH)])
        )
    await store.close()


def _of(definition: WorkflowDefinition, run_ids: list[str], at_us: int) -> Transaction:
    heads, rows = [], []
    for place, run_id in enumerate(run_ids):
        total = len(definition.nodes)
        state = RunState.SUCCEEDED if total > 100 else STATES[int(run_id) % len(STATES)]
        heads.append(
            RunHead(
                run_id=run_id,
                workflow=definition.name,
                version=definition.version(),
                shard=0,
                state=state,
                params=raw({}),
                created_at_us=at_us + place,
                finished_at_us=at_us + place + 500_000,
                nodes_total=total,
                nodes_done=total,
            )
        )
        done = Node(state=NodeState.SUCCEEDED, attempt=1, ready_at_us=at_us, queued_at_us=at_us)
        done.finished_at_us = at_us + 123_456
        rows += [NodeRow(run_id, node.id, done) for node in definition.nodes]
    return Transaction(runs=heads, nodes=rows)


def _line(number: int, now_us: int) -> LogLine:
    text = (
        f"line {number:06d}: carrier {'ABCDEFG'[number % 7]}{number % 11} has flown, as a program prints it"
    )
    return LogLine(
        run_id=BIG,
        node=f"node-{number % 40:04d}",
        attempt=1,
        at_us=now_us + number,
        level=LEVELS[number % len(LEVELS)],
        message=text,
    )
