"""Small workflows, for plans that are written by hand."""

from __future__ import annotations

import msgspec

from headrace_protocol.definition import (
    EventTrigger,
    Isolation,
    NodeDefinition,
    RetryPolicy,
    TaskOptions,
    Trigger,
    WorkflowDefinition,
)
from tests.simulation.flows import EVENT, PARAMS, TASK, Flow, Habit

ON_EVENT = EventTrigger(id="on", type=EVENT)


def flow(name: str, habit: Habit, trigger: Trigger = ON_EVENT, attempts: int = 1) -> Flow:
    """A workflow of one node."""
    options = TaskOptions(retry=RetryPolicy(max_attempts=attempts, backoff_s=0.2), isolation=Isolation.ASYNC)
    node = NodeDefinition(id="n0", task=TASK.name, options=options)
    definition = WorkflowDefinition(
        name=name,
        nodes=(node,),
        tasks={TASK.name: TASK},
        params={param: {} for param in PARAMS},
        defaults=PARAMS,
        triggers=(trigger,),
    )
    return Flow(definition, {"n0": habit})


def wide(name: str, nodes: int, *habits: Habit) -> Flow:
    """A workflow of nodes that start together. The last habit is that of all nodes that have none of their own."""
    one = flow(name, Habit())
    (node,) = one.definition.nodes
    names = [f"n{number}" for number in range(nodes)]
    many = tuple(msgspec.structs.replace(node, id=name) for name in names)
    known = habits or (Habit(),)
    own = {name: known[min(number, len(known) - 1)] for number, name in enumerate(names)}
    return Flow(msgspec.structs.replace(one.definition, nodes=many), own)
