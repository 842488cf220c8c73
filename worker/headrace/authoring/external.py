"""Tasks that workers in another language run: a Python signature without a body."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NoReturn

from headrace.authoring.places import function_place
from headrace_protocol.errors import DefinitionError


def _nothing() -> None: ...


def _raises() -> None:
    raise NotImplementedError


_EMPTY = {_nothing.__code__.co_code, _raises.__code__.co_code}


def _is_empty(function: Callable[..., object]) -> bool:
    code = function.__code__
    constants = {None, function.__doc__, function.__qualname__}
    documented = code.co_code in _EMPTY or code.co_code == _documented.__code__.co_code
    return documented and code.co_names in ((), ("NotImplementedError",)) and constants >= {*code.co_consts}


def _documented() -> None:
    """The index of None among the constants differs from that of a body without a docstring."""


def declared(function: Callable[..., object], where: str, *, pinned: bool) -> Callable[..., object]:
    """A function that says, when it is called, that its code is elsewhere.

    Raises DefinitionError when `function` has a body, which nobody would run, or the code is to be pinned.
    """
    if not _is_empty(function):
        raise DefinitionError(
            "an external task has a body, which nobody would run",
            where=where,
            found="statements",
            expected="a `def` with `raise NotImplementedError` or `...`, under a docstring if you like",
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
