"""Workflows to try the engine on: small graphs that hold every feature of a definition."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from hypothesis import strategies as st

from headrace_coordinator.engine.plan import Plan, compile_plan
from headrace_protocol.checks import check_definition
from headrace_protocol.definition import (
    Binding,
    Item,
    ListOf,
    Literal,
    MapOver,
    NodeDefinition,
    ObjectOf,
    Output,
    Param,
    Path,
    Priority,
    RetryPolicy,
    TaskDefinition,
    TaskOptions,
    WorkflowDefinition,
)

T = TypeVar("T")
numbers = st.integers(0, 2**64)

TASK = TaskDefinition(name="work", params={"a": {}, "b": {}, "c": {}})
PARAMS: dict[str, object] = {"items": ["p0", "p1", "p2", "p3"], "box": {"rows": [1, 2]}, "none": [], "x": 7}
ERROR_KINDS = (("pkg.Broken", "builtins.ValueError"), ("builtins.OSError",), ())

POLICIES = {
    "max_attempts": (1, 2, 3, 4),
    "backoff_s": (0.0, 0.5, 2.0),
    "factor": (1.0, 2.0),
    "cap_s": (60.0, 1.0),
    "jitter": (False, True),
    "retry_on": ((), (), ("ValueError",), ("builtins.OSError",)),
    "give_up_on": ((), (), ("pkg.Broken",)),
}
WHOLE = (
    Param("items"),
    Literal([1, 2, 3, 4, 5]),
    Param("box", ("rows",)),
    Literal([]),
    Param("none"),
)
LEAVES: tuple[Binding, ...] = (Literal(None), Param("x"), Literal({"k": 1}))


class Dice:
    """Choices read off one number, the first of each from 0: much cheaper to draw than one by one."""

    def __init__(self, number: int) -> None:
        self._left = number

    def pick(self, choices: Sequence[T]) -> T:
        self._left, index = divmod(self._left, len(choices))
        return choices[index]

    def some(self, choices: Sequence[T]) -> tuple[T, ...]:
        """None, one or two of them."""
        if not choices:
            return ()
        return tuple(dict.fromkeys(self.pick(choices) for _ in range(self.pick((0, 1, 2, 1)))))


def list_path(source: NodeDefinition) -> Path:
    """Where a node's result holds a list; the world makes results that fit."""
    if source.map is not None:
        return (0,) if source.id.endswith(("3", "6", "9")) else ()
    return () if int(source.id[1:]) % 2 else ("rows",)


def node_of(dice: Dice, number: int, earlier: list[NodeDefinition]) -> NodeDefinition:
    """A node whose edges lead to earlier ones."""
    known = [node.id for node in earlier]
    bindings: dict[str, Binding] = {}
    for parameter, source in zip("ab", dice.some(known), strict=False):
        plain = Output(source)
        shapes = (plain, Output(source, (0,)), ListOf((plain, Literal(1))), ObjectOf({"f": plain}))
        bindings[parameter] = dice.pick(shapes)
    mapped = None
    if dice.pick((False, False, True)):
        over: Param | Output | Literal = dice.pick(WHOLE)
        if earlier and dice.pick((True, True, False)):
            mapped_over = dice.pick(earlier)
            over = Output(mapped_over.id, list_path(mapped_over))
        mapped = MapOver(over=over, window=dice.pick((1, 2, 3)))
    bindings["c"] = Item() if mapped is not None else dice.pick(LEAVES)
    retry = {name: dice.pick(choices) for name, choices in POLICIES.items()}
    return NodeDefinition(
        id=f"n{number}",
        task=TASK.name,
        bindings=bindings,
        after=dice.some(known),
        map=mapped,
        options=TaskOptions(
            retry=RetryPolicy(**retry),
            queue=dice.pick(("default", "gpu")),
            priority=dice.pick(list(Priority)),
            timeout_s=dice.pick((None, 5.0)),
        ),
    )


@st.composite
def definitions(draw: st.DrawFn, max_nodes: int = 12, deadlines: bool = True) -> WorkflowDefinition:
    """A workflow that may be deployed; its nodes are listed in any order."""
    made: list[NodeDefinition] = []
    for number, thrown in enumerate(draw(st.lists(numbers, min_size=1, max_size=max_nodes))):
        made.append(node_of(Dice(thrown), number, made))
    dice = Dice(draw(numbers))
    last = Output(made[-1].id)
    outputs = (None, last, Output(made[0].id, (0,)), ListOf((last, Param("x"))), ObjectOf({"f": last}))
    definition = WorkflowDefinition(
        name="flow",
        output=dice.pick(outputs),
        deadline_s=dice.pick((None, None, None, 600.0, 3.0)) if deadlines else None,
        nodes=tuple(sorted(made, key=lambda _: dice.pick(range(7)))),
        tasks={TASK.name: TASK},
        params={name: {} for name in PARAMS},
    )
    check_definition(definition)
    return definition


def plans(max_nodes: int = 12, deadlines: bool = True) -> st.SearchStrategy[Plan]:
    """Compiled workflows."""
    return definitions(max_nodes, deadlines).map(partial(compile_plan, version="v1"))
