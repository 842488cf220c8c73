"""What to write in place of a handle that was used as a value, told from what the user's code was doing."""

from __future__ import annotations

import ast
import dis
from collections.abc import Callable
from types import CodeType

from headrace.authoring.places import Position, caller_position
from headrace.authoring.syntax import nodes_at, tree_of
from headrace_protocol.errors import DefinitionError

IN_A_TASK = "Do it inside a task: pass {handle} to that task."
_STARRED = frozenset({"LIST_EXTEND", "SET_UPDATE", "CALL_FUNCTION_EX", "LIST_TO_TUPLE"})

Advise = Callable[[CodeType, Position, str], str]
"""From the user's code, the place in it, and the handle's name, to what to do."""


def always(text: str) -> Advise:
    return lambda _code, _place, handle: text.format(handle=handle)


def on_condition(code: CodeType, place: Position, handle: str) -> str:
    """The truth of a handle was asked for."""
    match _innermost(
        code, place, ast.If, ast.While, ast.IfExp, ast.BoolOp, ast.UnaryOp, ast.Assert, ast.Call
    ):
        case ast.While():
            return (
                f"Write the loop inside one task that takes {handle}. "
                'To ask again later, `raise Retry(after="10s")` in the task.'
            )
        case ast.BoolOp(op=ast.Or()):
            return f"Give the default inside the task that takes {handle}, by a parameter such as `x: int | None`."
        case ast.BoolOp():
            return f"Pass {handle} to a task, and combine the conditions there."
        case ast.UnaryOp():
            return f"Pass {handle} to a task, and write the `not` there."
        case ast.Assert():
            return f"Pass {handle} to a task that checks it, and `raise Fail(...)` there."
        case _:
            return f"Decide inside a task: pass {handle} to a task, and write the `if` there."


def on_iteration(code: CodeType, place: Position, handle: str) -> str:
    """The items of a handle were asked for, one by one."""
    operation = dis.opname[place.opcode]
    if operation in {"UNPACK_SEQUENCE", "UNPACK_EX"}:
        return _on_unpacking(code, place, starred=operation == "UNPACK_EX")
    if operation in _STARRED:
        return f"Pass {handle} as it is, to a parameter that takes a list."
    call = _innermost(code, place, ast.Call)
    if isinstance(call, ast.Call):
        called = ast.unparse(call.func)
        if called in {"list", "tuple", "iter"}:
            return f"Pass {handle} as it is: it stands for the whole list."
        if called != "map":
            return f"Pass {handle} to a task, and call {called}() there."
    return _on_loop(_innermost(code, place, ast.For, ast.ListComp, ast.SetComp, ast.GeneratorExp), handle)


def _on_unpacking(code: CodeType, place: Position, *, starred: bool) -> str:
    tree = tree_of(code) or ast.Module([], [])
    targets = list(nodes_at(tree, place))
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    value = next((node.value for node in assigned if any(target in targets for target in node.targets)), None)
    named = value.id if isinstance(value, ast.Name) else "items"
    first = "" if value is None or isinstance(value, ast.Name) else f"`items = {ast.unparse(value)}`, then "
    if starred:
        return (
            f"How many items there are is known only at run time. Take single ones by index: {first}`{named}[0]`; and "
            "split the list inside a task that returns a tuple."
        )
    return (
        "Give the task a result of known length, such as `-> tuple[int, str]` or a NamedTuple, and unpack that. "
        f"Or take the items of a list by index: {first}`{named}[0]`, `{named}[1]`."
    )


def _on_loop(loop: ast.AST | None, handle: str) -> str:
    target: ast.expr | None = None
    body: ast.expr | None = None
    over = handle
    match loop:
        case ast.For():
            over, target = ast.unparse(loop.iter), loop.target
            if len(loop.body) == 1 and isinstance(loop.body[0], ast.Expr):
                body = loop.body[0].value
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            generator = loop.generators[0]
            over, target, body = ast.unparse(generator.iter), generator.target, loop.elt
            if len(loop.generators) > 1 or generator.ifs:
                body = None
        case _:
            pass
    match body:
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=first)], keywords=[]) if (
            isinstance(target, ast.Name) and target.id == first
        ):
            return f"Map the task over it: `{name}.map({over})` runs it once for each item."
        case _:
            pass
    return f"Map a task over it: `some_task.map({over})` runs it once for each item, and returns the list of results."


def check_unpacking(handle: str, form: str, length: int) -> None:
    """Raise DefinitionError when the user's code unpacks a tuple into another number of names than it has parts."""
    _, place = caller_position()
    operation, wanted = dis.opname[place.opcode], place.argument
    if operation == "UNPACK_SEQUENCE" and wanted != length:
        names, fits = str(wanted), str(length)
    elif (
        operation == "UNPACK_EX" and (beside := (wanted & 0xFF) + (wanted >> 8)) > length
    ):  # before and after the star
        names, fits = f"at least {beside}", f"at most {length}"
    else:
        return
    raise DefinitionError(
        f"{handle} is unpacked into {names} names, but it has {length} parts",
        where=place.where,
        found=f"`{place.text}`, where {handle} is {form}" if place.text else form,
        expected=f"{fits} names",
        fix=f"Write {fits} names on the left, or take the parts you need by index, such as {handle}[0].",
    )


def _innermost(code: CodeType, place: Position, *kinds: type[ast.AST]) -> ast.AST | None:
    """The innermost of the nodes at a place that is of one of the kinds."""
    tree = tree_of(code)
    found = [] if tree is None else [node for node in nodes_at(tree, place) if isinstance(node, kinds)]
    return found[-1] if found else None
