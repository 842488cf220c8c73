"""Python that a workflow function may hold, that runs without an error, and that does not mean what it says.

While a workflow is being defined its results are handles. Most uses of a handle as a value are refused when they
happen (`handles`); those here Python decides by itself, without asking the handle: `x is None` is always false, an
`except` around a task's call never catches what the task raises. They are found in the source, before it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import FunctionType

import msgspec

from headrace.authoring.dataflow import Flow, names_of
from headrace.authoring.syntax import function_node, position, tree_of
from headrace_protocol.errors import HandleUsedAsValue

_CONTAINERS = (list, set, dict)
_KEEPERS = frozenset({"append", "add", "insert", "extend", "update", "setdefault"})
_ABOUT = {isinstance: "isinstance", issubclass: "issubclass", type: "type", callable: "callable"}
_IDENTITY = {id: "id", hash: "hash", vars: "vars", dir: "dir"}


class Pitfall(msgspec.Struct, frozen=True):
    """What is wrong at a node, and what to write instead."""

    node: ast.expr | ast.stmt
    message: str
    expected: str
    fix: str


def check_pitfalls(function: FunctionType) -> None:
    """Raise HandleUsedAsValue for the first pitfall in a workflow's function, where its source can be had."""
    tree = tree_of(function.__code__)
    node = None if tree is None else function_node(tree, function.__code__.co_name)
    if node is None:
        return
    flow = Flow(node, names_of(function))
    found = sorted(_found(node, flow), key=lambda pitfall: (pitfall.node.lineno, pitfall.node.col_offset))
    if not found:
        return
    first = found[0]
    place = position(function.__code__.co_filename, first.node)
    raise HandleUsedAsValue(
        first.message,
        where=place.where,
        found=f"`{place.text}`" if place.text else ast.unparse(first.node).partition("\n")[0],
        expected=first.expected,
        fix=first.fix,
    )


def _found(function: ast.FunctionDef, flow: Flow) -> Iterator[Pitfall]:
    outside = {
        name
        for node in ast.walk(function)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    }
    for statement in function.body:
        for node in ast.walk(statement):
            for rule in _RULES:
                yield from rule(node, flow)
            if isinstance(node, ast.Assign):
                yield from _kept_in_global(node, flow, outside)


def _identity(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    if not isinstance(node, ast.Compare):
        return
    sides = [node.left, *node.comparators]
    for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
        handle = left if flow.is_handle(left) else right
        if not isinstance(operator, ast.Is | ast.IsNot) or not flow.is_handle(handle):
            continue
        other = right if handle is left else left
        always = "false" if isinstance(operator, ast.Is) else "true"
        named, value = ast.unparse(handle), ast.unparse(other)
        yield Pitfall(
            node,
            f"`{ast.unparse(node)}` is always {always}: it is decided now, while the workflow is being defined, and "
            f"{named} stands for a value that exists only at run time",
            f"a decision inside a task, which has the value of {named}",
            f"Pass {named} to a task and write `if value is {value}:` there."
            + (" Give the task's parameter a type with `| None`." if value == "None" else ""),
        )


def _question(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    if not isinstance(node, ast.Call) or not node.args or not flow.is_handle(node.args[0]):
        return
    called = flow.known(node.func)
    try:
        name, asks = (_ABOUT | _IDENTITY).get(called, ""), called in _ABOUT
    except TypeError:  # cannot be hashed, so it is none of these
        return
    if not name:
        return
    held = ast.unparse(node.args[0])
    whose = "whose parameter takes every type it may be, such as `int | str`, " if asks else ""
    yield Pitfall(
        node,
        f"{ast.unparse(node)} tells about the handle, not about the value, which exists only at run time",
        f"{name}() inside a task, which has the value of {held}",
        f"Pass {held} to a task {whose}and call {name}() there.",
    )


def _try(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    if not isinstance(node, ast.Try | ast.TryStar):
        return
    inside = [part for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.expr)]
    calls = [part for part in inside if flow.is_task_call(part)]
    uses = calls or [part for part in inside if flow.is_handle(part)]
    if not uses:
        return
    what = ast.unparse(uses[0])
    at_run_time = (
        f"the task of {what} runs later" if calls else f"the value of {what} exists only at run time"
    )
    if node.handlers:
        yield Pitfall(
            node,
            f"this `except` can catch nothing of {what}: it runs now, while the workflow is being defined, and "
            f"{at_run_time}",
            "`try` and `except` inside the task that may fail",
            "Drop the `try`. Catch the error inside the task and return a value that says so; to try again, write "
            "@task(retries=3).",
        )
    else:
        yield Pitfall(
            node,
            f"this `finally` does not follow {what}: it runs now, while the workflow is being defined, and "
            f"{at_run_time}",
            "`try` and `finally` inside the task",
            "Drop the `try`, and clean up inside the task. What must follow several tasks is a task of its own: "
            "clean.options(after=[...])().",
        )


def _match(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    if isinstance(node, ast.Match) and flow.is_handle(node.subject):
        held = ast.unparse(node.subject)
        yield Pitfall(
            node,
            f"`match {held}` is decided now, while the workflow is being defined, and {held} stands for a value that "
            "exists only at run time",
            f"`match` inside a task, which has the value of {held}",
            f"Pass {held} to a task and write the `match` there.",
        )


def _key(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    keys: list[ast.expr] = []
    what = "the key of a dict"
    match node:
        case ast.Dict(keys=listed):
            keys = [key for key in listed if key is not None]
        case ast.DictComp(key=key):
            keys = [key]
        case ast.Set(elts=keys):
            what = "an element of a set"
        case ast.SetComp(elt=key):
            keys, what = [key], "an element of a set"
        case ast.Subscript(value=container, slice=key, ctx=ast.Load()):
            if isinstance(flow.known(container), _CONTAINERS):
                keys, what = [key], f"a key of {ast.unparse(container)}"
        case _:
            pass
    for key in filter(flow.is_handle, keys):
        held = ast.unparse(key)
        yield Pitfall(
            key,
            f"{held} cannot be {what} now: its value exists only at run time",
            f"the {'look-up' if isinstance(node, ast.Subscript) else 'dict or set'} inside a task",
            f"Pass {held} to a task, and use it as a key there."
            if "key" in what
            else f"Write a list, [{held}], or make the set inside a task.",
        )


def _kept(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    """Handles in what outlives the definition: `RESULTS.append(x)`, `CACHE["x"] = x`."""
    match node:
        case ast.Call(func=ast.Attribute(value=container, attr=method)) if method in _KEEPERS:
            values = node.args
        case ast.Assign(targets=[ast.Subscript(value=container) | ast.Attribute(value=container)]):
            values = [node.value]
        case _:
            return
    if not isinstance(flow.known(container), _CONTAINERS):
        return
    for value in filter(flow.is_handle, values):
        yield _outlives(node, ast.unparse(value), ast.unparse(container))


def _kept_in_global(node: ast.Assign, flow: Flow, outside: set[str]) -> Iterator[Pitfall]:
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id in outside and flow.is_handle(node.value):
            yield _outlives(node, ast.unparse(node.value), target.id)


def _outlives(node: ast.Call | ast.Assign, value: str, where: str) -> Pitfall:
    return Pitfall(
        node,
        f"{where} is kept outside of the workflow, but {value} has a meaning only while the workflow is being defined; "
        "tasks run in other processes and see neither",
        "results passed from task to task, or returned",
        f"Pass {value} to the task that needs it, or return it from the workflow. A list or dict made inside the "
        "workflow function may hold handles.",
    )


def _text(node: ast.AST, flow: Flow) -> Iterator[Pitfall]:
    """`repr` and `!r` in what a task takes: the text of the handle would travel in place of the value."""
    if not isinstance(node, ast.Call) or not flow.is_task_call(node):
        return
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        for part in ast.walk(argument):
            match part:
                case ast.FormattedValue(value=shown, conversion=114 | 97):  # !r, !a
                    pass
                case ast.Call(func=called, args=[shown]) if flow.known(called) is repr:
                    pass
                case _:
                    continue
            if flow.is_handle(shown):
                yield _as_text(argument, shown)


def _as_text(node: ast.expr, handle: ast.expr) -> Pitfall:
    held = ast.unparse(handle)
    return Pitfall(
        node,
        f"the text would hold the name of the handle {held}, not the value, which exists only at run time",
        "the text made inside a task",
        f"Pass {held} to a task that returns the text.",
    )


_RULES: tuple[Callable[[ast.AST, Flow], Iterator[Pitfall]], ...] = (
    _identity,
    _question,
    _try,
    _match,
    _key,
    _kept,
    _text,
)
