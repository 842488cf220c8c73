"""The workflow being defined: tasks called while one is, become its nodes.

Three situations, kept per thread of control: *tracing* (a workflow function runs once at decoration; tasks
record nodes and return handles), *inline* (a workflow is called as a plain function; coroutines of async
tasks are run to their value), and neither (a task is the function it decorates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from headrace.authoring.places import caller_place, function_place
from headrace.authoring.signatures import Signature
from headrace_protocol.definition import NodeDefinition, TaskDefinition
from headrace_protocol.errors import DefinitionError


class TaskSpec(msgspec.Struct, frozen=True):
    """A decorated function and what is known about it."""

    function: Callable[..., object]
    signature: Signature
    definition: TaskDefinition
    is_async: bool
    external: bool = False
    """Workers in another language run it: there is a signature and no code."""

    @property
    def name(self) -> str:
        return self.definition.name


class Trace:
    """Nodes recorded so far, in order of the calls."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.nodes: dict[str, NodeDefinition] = {}
        self.tasks: dict[str, TaskSpec] = {}
        self._repeats: dict[str, int] = {}

    def new_id(self, spec: TaskSpec, asked: str | None) -> str:
        """The id asked for, or the task's short name, then `name-2`, `name-3`."""
        if asked is not None:
            if asked in self.nodes:
                raise DefinitionError(
                    "two nodes have one id", where=caller_place(), found=asked, fix="Choose another id."
                )
            return asked
        short = spec.name.rpartition(".")[2]
        while True:
            count = self._repeats[short] = self._repeats.get(short, 0) + 1
            made = short if count == 1 else f"{short}-{count}"
            if made not in self.nodes:
                return made

    def add(self, spec: TaskSpec, node: NodeDefinition) -> None:
        known = self.tasks.setdefault(spec.name, spec)
        if known.function is not spec.function:
            raise DefinitionError(
                f"two tasks have the name {spec.name!r}",
                where=caller_place(),
                found=f"{function_place(known.function)} and {function_place(spec.function)}",
                expected="one task of a name",
                fix=f'Name one of them: @task(name="other_{spec.name}").',
            )
        self.nodes[node.id] = node


_tracing: ContextVar[Trace | None] = ContextVar("headrace_tracing", default=None)
_inline: ContextVar[bool] = ContextVar("headrace_inline", default=False)


def current_trace() -> Trace | None:
    return _tracing.get()


def is_inline() -> bool:
    return _inline.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Calls of tasks are recorded in `trace`."""
    token = _tracing.set(trace)
    try:
        yield
    finally:
        _tracing.reset(token)


@contextmanager
def inline(on: bool) -> Iterator[None]:
    """Whether async tasks give their values (`on`) or coroutines."""
    token = _inline.set(on)
    try:
        yield
    finally:
        _inline.reset(token)
