"""Handles: what stands for a run's param or a node's result while a workflow is being defined.

A handle can be passed to tasks, stepped into with `.field`, `["key"]` and `[0]`, and unpacked when it is a tuple of
known length. Everything that would need the value raises HandleUsedAsValue; `repr` alone is safe, for debuggers. Names
of the user's fields are free: the handle itself has no public name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn, cast, get_args

import msgspec

from headrace.authoring import fields
from headrace.authoring.advice import IN_A_TASK, Advise, always, check_unpacking, on_condition, on_iteration
from headrace.authoring.places import caller_place, caller_position
from headrace.authoring.typeforms import class_of, plain, type_name
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
        names = getattr(class_of(plain(held.type)), "_fields", ())
        if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(names):  # a NamedTuple
            return Handle(held.into(*fields.attribute(held.type, names[key], held.label(), caller_place())))
        return Handle(held.into(*fields.element(held.type, key, held.label(), caller_place())))

    def __iter__(self) -> Iterator[Handle]:
        """The parts of a tuple of known length, so that it can be unpacked."""
        held = reference(self)
        length = _tuple_length(held.type)
        if length is None:
            refuse(self, "iterated over", on_iteration)
        check_unpacking(held.label(), type_name(held.type), length)
        return iter([self[index] for index in range(length)])

    def __len__(self) -> int:
        length = _tuple_length(reference(self).type)
        if length is None:
            refuse(self, "measured with len()", always("Count inside a task: pass {handle} to that task."))
        return length

    def __length_hint__(self) -> int:
        return len(self)

    __hash__ = object.__hash__


def _tuple_length(form: object) -> int | None:
    """How many elements every value of the type has; None when they differ or the type is no tuple."""
    form = plain(form)
    origin, parts = class_of(form), get_args(form)
    if origin is None or not issubclass(origin, tuple):
        return None
    if hasattr(origin, "_fields"):
        return len(origin._fields)
    return len(parts) if origin is tuple and parts and Ellipsis not in parts else None


def reference(handle: Handle) -> Reference:
    """What a handle stands for."""
    return cast(Reference, object.__getattribute__(handle, "_headrace"))


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul")
_BITWISE = ("and", "or", "xor", "lshift", "rshift")
_ARITHMETIC = " ".join(
    [
        *(f"__{name}__ __r{name}__ __i{name}__" for name in (*_BINARY, *_BITWISE)),
        *("__neg__", "__pos__", "__abs__", "__invert__"),
    ]
)

_OPERATIONS: dict[str, tuple[str, Advise]] = {
    "used as a condition (if, while, and, or, not)": ("__bool__", on_condition),
    "iterated over": ("__next__ __reversed__ __aiter__ __anext__", on_iteration),
    "searched with `in`": ("__contains__", always("Search inside a task: pass {handle} to that task.")),
    "compared": (
        "__eq__ __ne__ __lt__ __le__ __gt__ __ge__",
        always("Compare inside a task: pass {handle} to that task."),
    ),
    "made into text (str, print, an f-string)": (
        "__str__ __format__ __bytes__ __fspath__",
        always("Make the text inside a task: pass {handle} to that task. `repr` shows the handle itself."),
    ),
    "made into a number": (
        "__int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__ __ceil__",
        always("Pass {handle} to a task, and convert or count with it there."),
    ),
    "used in arithmetic": (_ARITHMETIC, always("Calculate inside a task: pass {handle} to that task.")),
    "awaited": (
        "__await__",
        always(
            "Drop the `await`: a workflow only says what depends on what, it never waits. Pass {handle} on to a task."
        ),
    ),
    "called": ("__call__", always("Pass {handle} to a task, and call it there.")),
    "used in a with statement": ("__enter__ __exit__ __aenter__ __aexit__", always(IN_A_TASK)),
    "changed": (
        "__setattr__ __delattr__ __setitem__ __delitem__",
        always("Pass {handle} to a task that returns a changed copy."),
    ),
}


def refuse(handle: Handle, operation: str, advise: Advise) -> NoReturn:
    """Raise HandleUsedAsValue for an operation at the user's line and column."""
    held = reference(handle)
    code, place = caller_position()
    raise HandleUsedAsValue(
        f"the handle {held.label()} was {operation}, but its value exists only at run time",
        where=place.where,
        found=f"`{place.text}`, where {held.label()} is {held.source()}" if place.text else held.source(),
        expected="a handle passed to a task, or stepped into by field, key or index",
        fix=advise(code, place, held.label()),
    )


def _trap(operation: str, advise: Advise) -> Callable[..., NoReturn]:
    def refused(self: Handle, *_args: object) -> NoReturn:
        refuse(self, operation, advise)

    return refused


for _operation, (_names, _advise) in _OPERATIONS.items():
    for _name in _names.split():
        setattr(Handle, _name, _trap(_operation, _advise))
