"""Handles: what stands for a run's param or a node's result while a workflow is being defined.

A handle can be passed to tasks, and stepped into with `.field`, `["key"]` and `[0]`. Everything that would
need the value raises HandleUsedAsValue; `repr` alone is safe, for debuggers. Names of the user's fields are
free: the handle itself has no public name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, cast

import msgspec

from headrace.authoring import fields
from headrace.authoring.places import caller_place
from headrace.authoring.typeforms import type_name
from headrace_protocol.definition import Output, Param, Path, PathStep
from headrace_protocol.errors import HandleUsedAsValue


class Reference(msgspec.Struct, frozen=True):
    """What a handle stands for: a binding, the type of its value, and the definition it belongs to."""

    binding: Param | Output
    type: object
    owner: object

    def label(self) -> str:
        """The handle as the user thinks of it: `validate.carriers[0]`."""
        name = self.binding.name if isinstance(self.binding, Param) else self.binding.node
        return name + "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.binding.path
        )

    def source(self) -> str:
        kind = "param" if isinstance(self.binding, Param) else "result of node"
        return f"{type_name(self.type)}, the {kind} {self.label()}"

    def into(self, step: PathStep, form: object) -> Reference:
        path: Path = (*self.binding.path, step)
        return Reference(msgspec.structs.replace(self.binding, path=path), form, self.owner)


class Handle:
    """Stands for a value that exists only at run time."""

    __slots__ = ("_headrace",)

    def __init__(self, reference: Reference) -> None:
        object.__setattr__(self, "_headrace", reference)

    def __repr__(self) -> str:
        held = reference(self)
        return f"<handle {held.label()}: {type_name(held.type)}>"

    def __getattr__(self, name: str) -> Handle:
        if name.startswith("_"):  # debuggers, copy and notebooks ask for such names
            raise AttributeError(name)
        held = reference(self)
        return Handle(held.into(*fields.attribute(held.type, name, held.label(), caller_place())))

    def __getitem__(self, key: object) -> Handle:
        held = reference(self)
        return Handle(held.into(*fields.element(held.type, key, held.label(), caller_place())))

    __hash__ = object.__hash__


def reference(handle: Handle) -> Reference:
    """What a handle stands for."""
    return cast(Reference, object.__getattribute__(handle, "_headrace"))


IN_A_TASK = "Do it inside a task, and pass the handle to that task."
_MAP = "Map a task over it: `some_task.map(handle)`."
_DECIDE = "Decide inside a task, and pass the handle to that task."

_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul")
_BITWISE = ("and", "or", "xor", "lshift", "rshift")
_ARITHMETIC = " ".join(
    [
        *(f"__{name}__ __r{name}__ __i{name}__" for name in (*_BINARY, *_BITWISE)),
        *("__neg__", "__pos__", "__abs__", "__invert__"),
    ]
)

_OPERATIONS: dict[str, tuple[str, str]] = {
    "used as a condition (if, while, and, or, not)": ("__bool__", _DECIDE),
    "iterated over": ("__iter__ __next__ __reversed__ __aiter__ __anext__", _MAP),
    "measured with len()": ("__len__ __length_hint__", _MAP),
    "searched with `in`": ("__contains__", _DECIDE),
    "compared": ("__eq__ __ne__ __lt__ __le__ __gt__ __ge__", _DECIDE),
    "made into text (str, print, an f-string)": ("__str__ __format__ __bytes__ __fspath__", IN_A_TASK),
    "made into a number": (
        "__int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__ __ceil__",
        IN_A_TASK,
    ),
    "used in arithmetic": (
        _ARITHMETIC,
        IN_A_TASK,
    ),
    "awaited": ("__await__", "Drop the `await`: a workflow only says what depends on what, it never waits."),
    "called": ("__call__", "Call a task with it, or map a task over it."),
    "used in a with statement": ("__enter__ __exit__ __aenter__ __aexit__", IN_A_TASK),
    "changed": ("__setattr__ __delattr__ __setitem__ __delitem__", "Return a changed copy from a task."),
}


def refuse(handle: Handle, operation: str, instead: str) -> NoReturn:
    """Raise HandleUsedAsValue for an operation at the user's line."""
    held = reference(handle)
    raise HandleUsedAsValue(
        f"the handle {held.label()} was {operation}, but its value exists only at run time",
        where=caller_place(),
        found=held.source(),
        expected="a handle passed to a task, or stepped into by field, key or index",
        fix=instead,
    )


def _trap(operation: str, instead: str) -> Callable[..., NoReturn]:
    def refused(self: Handle, *_args: object) -> NoReturn:
        refuse(self, operation, instead)

    return refused


for _operation, (_names, _instead) in _OPERATIONS.items():
    for _name in _names.split():
        setattr(Handle, _name, _trap(_operation, _instead))
