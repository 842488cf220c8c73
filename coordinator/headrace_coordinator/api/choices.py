"""What a parameter of a request may be: the framework says of a wrong value only that it is wrong, and calls the
parameter by its name in our code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import msgspec
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter


class Parameter(msgspec.Struct, frozen=True):
    """A parameter as clients know it."""

    name: str
    choices: tuple[str, ...]
    """Empty when it is no choice."""


def parameter_of(handler: BaseRouteHandler, name: str) -> Parameter:
    """The parameter that our code calls so; one that is not found is called as it is."""
    for function in _functions(handler):
        hints = get_type_hints(function, include_extras=True)
        if name in hints:
            return Parameter(_alias(hints[name]) or name, _choices(hints[name]))
    return Parameter(name, ())


def _functions(handler: BaseRouteHandler) -> Iterator[Callable[..., object]]:
    yield handler.fn
    for provider in handler.resolve_dependencies().values():
        yield provider.dependency


def _alias(hint: Any) -> str:
    for part in getattr(hint, "__metadata__", ()):
        if isinstance(part, QueryParameter) and part.name:
            return part.name
    return ""


def _choices(hint: Any) -> tuple[str, ...]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return tuple(hint)
    return next((found for part in get_args(hint) if (found := _choices(part))), ())
