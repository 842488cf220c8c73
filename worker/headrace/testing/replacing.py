"""Tasks whose function a test may replace."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from headrace.runtime.attempt import RunnableTask
from headrace_protocol.definition import TaskDefinition
from headrace_protocol.errors import ConfigError


class ReplaceableTask:
    """A task with its own types, queue and retries, and a function that may be another one.

    Values go through the task's own types both ways, so a fake that returns something else than the task
    declares fails as the task would.
    """

    def __init__(self, task: RunnableTask) -> None:
        self._task = task
        self._fake: Callable[..., object] | None = None

    def replace(self, fake: Callable[..., object] | None) -> None:
        """None puts the task's own function back. Raises ConfigError for one that cannot be called like it."""
        if fake is not None:
            self._check(fake)
        self._fake = fake

    def _check(self, fake: Callable[..., object]) -> None:
        try:
            inspect.signature(fake).bind(**dict.fromkeys(self.parameters))
        except ValueError:  # builtins have no signature
            return
        except TypeError as error:
            raise ConfigError(
                f"the replacement cannot be called like the task: {error}",
                where=f"replace({self.name})",
                found=f"{getattr(fake, '__name__', repr(fake))}{inspect.signature(fake)}",
                expected=f"parameters named {', '.join(self.parameters) or 'nothing'}",
                fix="Give the replacement the task's parameters, by name.",
            ) from error

    @property
    def name(self) -> str:
        return self._task.name

    @property
    def function(self) -> Callable[..., object]:
        return self._task.function if self._fake is None else self._fake

    @property
    def definition(self) -> TaskDefinition:
        return self._task.definition

    @property
    def parameters(self) -> Mapping[str, object]:
        return self._task.parameters

    @property
    def returns(self) -> object:
        return self._task.returns

    @property
    def is_async(self) -> bool:
        return self._task.is_async
