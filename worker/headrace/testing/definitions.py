"""What is deployed in an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from headrace.authoring.loader import load_all
from headrace.authoring.signatures import signature_of
from headrace.authoring.tasks import Task
from headrace.authoring.workflows import Workflow
from headrace.runtime.attempt import RunnableTask
from headrace.testing.replacing import ReplaceableTask
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import DefinitionError

if TYPE_CHECKING:
    from headrace.testing.site import Site


class Deployable(Protocol):
    """A workflow of any type."""

    @property
    def name(self) -> str: ...
    @property
    def definition(self) -> WorkflowDefinition: ...
    @property
    def tasks(self) -> Mapping[str, RunnableTask]: ...
    @property
    def function(self) -> Callable[..., object]: ...


class Definitions:
    """Workflows by name, and the tasks that workers must have."""

    def __init__(self, given: Iterable[Deployable | ModuleType | str]) -> None:
        self._workflows: dict[str, Deployable] = {}
        self._tasks: dict[str, ReplaceableTask] = {}
        self._functions: dict[str, Callable[..., object]] = {}
        self._queues: set[str] = set()
        self._new: dict[str, Deployable] = {}
        self.add(given)

    def add(self, given: Iterable[Deployable | ModuleType | str]) -> None:
        """Raises DefinitionError for what holds no workflow."""
        for workflow in _workflows(given):
            self._workflows[workflow.name] = self._new[workflow.name] = workflow
            for task in workflow.tasks.values():
                self.add_task(task)
            self._queues |= {node.options.queue for node in workflow.definition.nodes}

    def add_task(self, task: RunnableTask) -> ReplaceableTask:
        if self._functions.get(task.name) is not task.function:
            self._functions[task.name] = task.function
            self._tasks[task.name] = ReplaceableTask(task)
            self._queues.add(task.definition.options.queue)
        return self._tasks[task.name]

    def has(self, workflow: Deployable) -> bool:
        return self._workflows.get(workflow.name) is workflow

    def returns(self, workflow: str) -> object:
        """The type of what a workflow returns."""
        known = self._workflows.get(workflow)
        return object if known is None else signature_of(known.function, f"workflow {workflow}").returns

    def give(self, site: Site) -> bool:
        """Whether there is anything that the site's workers do not have."""
        new = site.tasks != self._tasks or site.named_queues != self._queues
        site.tasks, site.named_queues = dict(self._tasks), set(self._queues)
        return new

    def renew(self) -> None:
        """Nothing has been deployed yet."""
        self._new = dict(self._workflows)

    def take_new(self) -> list[WorkflowDefinition]:
        """Definitions that have not been deployed."""
        new, self._new = self._new, {}
        return [workflow.definition for workflow in new.values()]


def _workflows(given: Iterable[Deployable | ModuleType | str]) -> Iterator[Deployable]:
    for one in given:
        if isinstance(one, Workflow):
            yield one
        elif isinstance(one, str):
            yield from load_all([one]).workflows.values()
        elif isinstance(one, ModuleType) and (
            found := [value for value in vars(one).values() if isinstance(value, Workflow)]
        ):
            yield from found
        else:
            raise DefinitionError(
                "no workflow",
                where="Environment",
                found=f"a task, {one.name}" if isinstance(one, Task) else repr(one),
                expected="workflows, modules that have some at their top level, or names such as shop.py",
                fix="Pass the function that is decorated with @workflow.",
            )
