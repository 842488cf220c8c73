"""Which expressions of a workflow function are handles, told from its source without running it.

A forward analysis: params are handles, so is what a task's call gives, a part of a handle, and a name that was bound to
one on every path. What is a handle on some paths only, or cannot be told, counts as unknown: a rule that rests
on this raises no false alarm over `x = None` before an `if`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from types import FunctionType, ModuleType

import msgspec

from headrace.authoring.tasks import Task


class Known(msgspec.Struct, frozen=True, eq=False):
    """An object that exists now: a task, a module, a builtin, a constant."""

    value: object


class HandleKind(msgspec.Struct, frozen=True):
    """A handle, whichever."""


HANDLE = HandleKind()
Value = Known | HandleKind | None
"""None is unknown."""
Names = dict[str, Value]


def names_of(function: FunctionType) -> dict[str, object]:
    """What the names that a function does not bind itself refer to now."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    closed = {}
    for name, cell in cells:
        try:
            closed[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return {**vars(builtins), **function.__globals__, **closed}


class Flow:
    """`values` holds what each expression is; an expression that is reached several ways is what all agree on."""

    def __init__(self, function: ast.FunctionDef, outside: Mapping[str, object]) -> None:
        self.values: dict[ast.expr, Value] = {}
        self._outside = outside
        self._bound = _bound_names(function)
        """How often the function binds each name."""
        self._block(function.body, dict.fromkeys(_parameters(function.args), HANDLE))

    def is_handle(self, node: ast.expr) -> bool:
        return self.values.get(node) is HANDLE

    def is_task_call(self, node: ast.expr) -> bool:
        """Whether the expression records a node."""
        return isinstance(node, ast.Call) and self.is_handle(node)

    def known(self, node: ast.expr) -> object:
        """The object that an expression names; None when it is not known."""
        value = self.values.get(node)
        return value.value if isinstance(value, Known) else None

    # Statements: from the names before to the names after, None where the end is not reached.

    def _block(self, body: list[ast.stmt], names: Names | None) -> Names | None:
        for statement in body:
            if names is None:
                return None
            names = self._statement(statement, names)
        return names

    def _statement(self, node: ast.stmt, names: Names) -> Names | None:
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                self._expression(test, names)
                return _merged(self._block(body, dict(names)), self._block(orelse, dict(names)))
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, names)
            case ast.Try() | ast.TryStar():
                return self._try(node, names)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._expression(item.context_expr, names)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, None, None, names)
                return self._block(body, names)
            case ast.Match(subject=subject, cases=cases):
                self._expression(subject, names)
                return self._match(cases, names)
            case ast.Return() | ast.Raise():
                self._children(node, names)
                return None
            case ast.Break() | ast.Continue():
                return None
            case _:
                self._simple(node, names)
                return names

    def _simple(self, node: ast.stmt, names: Names) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self._expression(value, names)
                for target in targets:
                    self._bind(target, value, found, names)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value, self._expression(value, names), names)
            case ast.AugAssign(target=target, value=value):
                self._expression(value, names)
                self._bind(target, None, None, names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names[node.name] = None
                self._block(node.body, self._inner(names, _parameters(node.args)))
            case ast.ClassDef(name=name):
                names[name] = None
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update({(alias.asname or alias.name).partition(".")[0]: None for alias in aliases})
            case _:
                self._children(node, names)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, names: Names) -> Names | None:
        before = dict(names)
        for _ in range(2):  # what the body binds is there when it begins again
            inside = dict(before)
            if isinstance(node, ast.While):
                self._expression(node.test, inside)
            else:
                self._bind_items(node.target, node.iter, inside)
            before = _merged(before, self._block(node.body, inside)) or before
        # a `break` may leave with anything that the body bound
        for name in _bound_in(node.body):
            before[name] = None
        return self._block(node.orelse, before)

    def _try(self, node: ast.Try | ast.TryStar, names: Names) -> Names | None:
        after = self._block(node.body, dict(names))
        broken = {name: None if name in _bound_in(node.body) else value for name, value in names.items()}
        ends = [self._block(node.orelse, after) if after is not None else None]
        for handler in node.handlers:
            inside = {**broken, **({handler.name: None} if handler.name else {})}
            ends.append(self._block(handler.body, inside))
        merged: Names | None = None
        for end in ends:
            merged = end if merged is None else _merged(merged, end)
        if merged is None:
            self._block(node.finalbody, dict(broken))
            return None
        return self._block(node.finalbody, merged)

    def _match(self, cases: list[ast.match_case], names: Names) -> Names | None:
        merged: Names | None = dict(names)
        for case in cases:
            inside = {**names, **dict.fromkeys(_captured(case.pattern))}
            if case.guard is not None:
                self._expression(case.guard, inside)
            merged = _merged(merged, self._block(case.body, inside))
        return merged

    # Expressions

    def _expression(self, node: ast.expr, names: Names) -> Value:
        found = self._value(node, names)
        known = self.values.get(node, found)
        self.values[node] = found if _same(found, known) else None
        return self.values[node]

    def _value(self, node: ast.expr, names: Names) -> Value:
        match node:
            case ast.Name(id=name):
                return self._named(name, names)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(self._expression(value, names), attr)
            case ast.Subscript(value=value):
                self._expression(node.slice, names)
                return HANDLE if self._expression(value, names) is HANDLE else None
            case ast.Call():
                return self._call(node, names)
            case ast.NamedExpr(target=target, value=value):
                found = self._expression(value, names)
                self._bind(target, value, found, names)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._expression(test, names)
                first, second = self._expression(body, names), self._expression(orelse, names)
                return first if _same(first, second) else None
            case ast.Lambda(args=arguments, body=body):
                self._expression(body, self._inner(names, _parameters(arguments)))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node, names)
            case _:
                self._children(node, names)
        return None

    def _named(self, name: str, names: Names) -> Value:
        if name in names:
            return names[name]
        return Known(self._outside[name]) if name in self._outside and name not in self._bound else None

    def _attribute(self, of: Value, attr: str) -> Value:
        if of is HANDLE:
            return HANDLE
        if isinstance(of, Known) and isinstance(of.value, ModuleType | type):
            found = vars(of.value).get(attr)
            return Known(found) if found is not None else None
        return None

    def _call(self, node: ast.Call, names: Names) -> Value:
        called = self._expression(node.func, names)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._expression(argument, names)
        if isinstance(called, Known) and isinstance(called.value, Task):
            return HANDLE
        if isinstance(node.func, ast.Attribute):
            of = self.values.get(node.func.value)
            if isinstance(of, Known) and isinstance(of.value, Task):
                if node.func.attr == "map":
                    return HANDLE
                return of if node.func.attr == "options" else None
        return None

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, names: Names
    ) -> None:
        inside = dict(names)
        for generator in node.generators:
            self._bind_items(generator.target, generator.iter, inside)
            for condition in generator.ifs:
                self._expression(condition, inside)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self._expression(part, inside)

    def _children(self, node: ast.AST, names: Names) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child, names)
            elif not isinstance(child, ast.stmt):
                self._children(child, names)

    def _bind(self, target: ast.expr, source: ast.expr | None, value: Value, names: Names) -> None:
        match target:
            case ast.Name(id=name):
                names[name] = value
            case ast.Starred(value=inner):
                self._bind(inner, None, None, names)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for index, (inner, part) in enumerate(zip(targets, _parts(source, targets), strict=True)):
                    of_part = HANDLE if value is HANDLE else self.values.get(part) if part else None
                    starred = any(isinstance(other, ast.Starred) for other in targets[: index + 1])
                    self._bind(inner, part, None if starred else of_part, names)
            case _:
                self._expression(target, names)

    def _bind_items(self, target: ast.expr, source: ast.expr, names: Names) -> None:
        found = self._expression(source, names)
        displayed = source.elts if isinstance(source, ast.Tuple | ast.List) else []
        handles = found is HANDLE or (bool(displayed) and all(map(self.is_handle, displayed)))
        self._bind(target, None, HANDLE if handles else None, names)

    def _inner(self, names: Names, parameters: list[str]) -> Names:
        """The names of a function inside: it may be called later, when a name is bound to something else."""
        seen = {name: value if self._bound.get(name, 0) <= 1 else None for name, value in names.items()}
        return {**seen, **dict.fromkeys(parameters)}


def _parts(source: ast.expr | None, targets: list[ast.expr]) -> list[ast.expr | None]:
    if isinstance(source, ast.Tuple | ast.List) and len(source.elts) == len(targets):
        return list(source.elts)
    return [None] * len(targets)


def _same(first: Value, second: Value) -> bool:
    """By identity: what a user's object says of `==` is not asked."""
    if isinstance(first, Known) and isinstance(second, Known):
        return first.value is second.value
    return first is second


def _merged(first: Names | None, second: Names | None) -> Names | None:
    if first is None or second is None:
        return first if second is None else second
    both = first.keys() | second.keys()
    return {
        name: first[name] if name in first and name in second and _same(first[name], second[name]) else None
        for name in both
    }


def _parameters(arguments: ast.arguments) -> list[str]:
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in (*listed, arguments.vararg, arguments.kwarg) if argument is not None]


def _bound_names(function: ast.FunctionDef) -> dict[str, int]:
    counts = dict.fromkeys(_parameters(function.args), 1)
    for name in _bindings(function.body):
        counts[name] = counts.get(name, 0) + 1
    return counts


def _bound_in(body: list[ast.stmt]) -> set[str]:
    return set(_bindings(body))


def _bindings(body: list[ast.stmt]) -> list[str]:
    found: list[str] = []
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    found.append(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.append(name)
                case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                    found += [(alias.asname or alias.name).partition(".")[0] for alias in aliases]
                case ast.ExceptHandler(name=str() as name):
                    found.append(name)
                case ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                    found += _captured(node)
                case _:
                    pass
    return found


def _captured(pattern: ast.AST) -> list[str]:
    names = [getattr(node, "name", None) or getattr(node, "rest", None) for node in ast.walk(pattern)]
    return [name for name in names if name is not None]
