"""The syntax tree of a function that is loaded, where its source can be had, and the place of a node in it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import CodeType

from headrace.authoring.places import Position


def tree_of(code: CodeType) -> ast.Module | None:
    """The tree of a function's source, with the lines and columns of its file.

    None without source (typed at a prompt, made by exec), and for a lambda that is part of a longer expression.
    """
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, IndexError):
        return None
    source = "".join(lines)
    indented = source[:1].isspace()
    try:  # a block keeps the columns of an indented function
        tree = ast.parse(f"if True:\n{source}" if indented else source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    ast.increment_lineno(tree, max(first, 1) - (2 if indented else 1))
    return tree


def position(file: str, node: ast.expr | ast.stmt) -> Position:
    return Position(file, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


def nodes_at(tree: ast.AST, place: Position) -> Iterator[ast.AST]:
    """The nodes that stand exactly at a place, outermost first."""
    wanted = (place.line, place.column, place.end_line, place.end_column)
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        if (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) == wanted:
            yield node


def function_node(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """The outermost function of a name."""
    return next(
        (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name), None
    )
