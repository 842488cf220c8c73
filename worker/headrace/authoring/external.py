"""Tasks that workers in another language run: a Python signature without a body."""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable
from typing import NoReturn

from headrace.authoring.places import function_place
from headrace_protocol.errors import DefinitionError

_BOOKKEEPING = frozenset({"RESUME", "CACHE", "PRECALL", "NOP"})


def _is_empty(function: Callable[..., object]) -> bool:
    """Whether the body is `...`, or only raises NotImplementedError, which type checkers want of a body that returns
    something."""
    code = function.__code__
    steps = [step for step in dis.get_instructions(code) if step.opname not in _BOOKKEEPING]
    names = [step.opname for step in steps]
    if names[-1] == "RAISE_VARARGS":
        return code.co_names == (NotImplementedError.__name__,) and len(steps) <= 3
    if names in (["LOAD_CONST", "RETURN_VALUE"], ["RETURN_CONST"]):
        return steps[0].argval is None
    return False


def declared(function: Callable[..., object], where: str, *, pinned: bool) -> Callable[..., object]:
    """A function that says, when it is called, that its code is elsewhere.

    Raises DefinitionError when `function` has a body, which nobody would run, or the code is to be pinned.
    """
    if not _is_empty(function):
        raise DefinitionError(
            "an external task has a body, which nobody would run",
            where=where,
            found="statements",
            expected="a `def` with `...`, or one that raises NotImplementedError, under a docstring if you like",
            fix="Remove the body, or external=True.",
        )
    if pinned:
        raise DefinitionError(
            "the code of an external task cannot be pinned",
            where=where,
            found="pin_code=True",
            expected="a task whose code is here",
            fix="Remove pin_code.",
        )

    @functools.wraps(function)
    def elsewhere(*_: object, **__: object) -> NoReturn:
        raise DefinitionError(
            "an external task was called, whose code is not here",
            where=where,
            found=f"a call of {function_place(function)} outside of a workflow",
            expected="a call in a workflow, or a worker in another language",
            fix="In a test, replace the task.",
        )

    return elsewhere
