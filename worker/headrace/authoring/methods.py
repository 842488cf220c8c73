"""Methods cannot be tasks or workflows: nobody has the object that they belong to."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from headrace_protocol.errors import DefinitionError

_OF_THE_OBJECT = frozenset({"self", "cls"})


def check_no_method(function: Callable[..., object], where: str) -> None:
    """Raise DefinitionError for a function in a class whose first parameter is the object or the class."""
    outer = function.__qualname__.rpartition(".")[0]
    first = next(iter(inspect.signature(function).parameters), "")
    if not outer or outer.endswith("<locals>") or first not in _OF_THE_OBJECT:
        return
    decorator = where.partition(" ")[0]
    raise DefinitionError(
        f"a method cannot be a {decorator}",
        where=where,
        found=f"{function.__qualname__}({first}, ...)",
        expected=f"a function, because the worker that runs it has no {outer.rpartition('.')[2]} to call it on",
        fix=f"Move it out of the class, or drop `{first}` and write @staticmethod above @{decorator}. Pass what it "
        "needs of the object as parameters.",
    )
