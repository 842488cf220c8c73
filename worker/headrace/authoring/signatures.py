"""A function's parameters and result with their types resolved, and how arguments are matched to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from headrace.authoring.places import caller_names, function_place
from headrace_protocol.errors import DefinitionError

_NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class Parameter(msgspec.Struct, frozen=True):
    """A parameter; `type` is Any when it has no annotation."""

    name: str
    type: object
    required: bool
    default: object = None
    positional: bool = True


class Signature(msgspec.Struct, frozen=True):
    """What a function takes and returns; `returns` is Any when it has no annotation."""

    parameters: dict[str, Parameter]
    returns: object

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, parameter in self.parameters.items() if parameter.required)


def signature_of(function: Callable[..., object], what: str) -> Signature:
    """The signature; raises DefinitionError for a parameter without name or an unresolvable annotation."""
    where = f"{what} ({function_place(function)})"
    hints = _hints(function, where)
    parameters = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in _NAMED:
            raise DefinitionError(
                "every parameter needs a name under which its value is sent",
                where=where,
                found=str(parameter),
                expected="parameters that can be passed by name",
                fix="Replace *args by a list, **kwargs by a dict, and drop the `/`.",
            )
        required = parameter.default is inspect.Parameter.empty
        parameters[name] = Parameter(
            name,
            hints.get(name, Any),
            required,
            None if required else parameter.default,
            parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
    return Signature(parameters, hints.get("return", Any))


def match_arguments(
    signature: Signature, args: tuple[object, ...], kwargs: Mapping[str, object], what: str, where: str
) -> dict[str, object]:
    """Arguments by parameter; raises DefinitionError, naming `what` and the parameter, when one is wrong."""
    takes = f"{what}({', '.join(signature.parameters)})"
    positional = [name for name, parameter in signature.parameters.items() if parameter.positional]
    if len(args) > len(positional):
        raise DefinitionError(
            f"{what} takes {len(positional)} arguments without names, not {len(args)}",
            where=where,
            expected=takes,
            fix="Drop what is too much, or pass it by name.",
        )
    matched = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name not in signature.parameters:
            raise DefinitionError(
                f"{what} has no parameter {name!r}",
                where=where,
                found=name,
                expected=takes,
                fix="Correct the name.",
            )
        if name in matched:
            raise DefinitionError(
                f"{what} was given its parameter {name!r} twice",
                where=where,
                expected=takes,
                fix="Drop one of them.",
            )
        matched[name] = value
    missing = [name for name in signature.required if name not in matched]
    if missing:
        raise DefinitionError(
            f"{what} is missing its parameter {', '.join(map(repr, missing))}",
            where=where,
            expected=takes,
            fix=f"Pass {', '.join(missing)}.",
        )
    return matched


def _hints(function: Callable[..., object], where: str) -> dict[str, object]:
    try:
        return get_type_hints(function, localns=caller_names(), include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise DefinitionError(
            f"an annotation cannot be resolved: {error}",
            where=where,
            expected="names that can be looked up when the module runs",
            fix="Import the type at run time (not under TYPE_CHECKING), or correct its name.",
        ) from error
