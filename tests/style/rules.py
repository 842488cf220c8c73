"""The rules of style that ruff and mypy do not know, each a function from a source file to its violations.

A rule yields `(line, what)`; an empty answer means the file keeps it. `RULES` names them all, and
`test_rules_can_fail.py` proves of each that it can fail.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol/headrace_protocol", "worker/headrace", "coordinator/headrace_coordinator")

MODULE_LINES = 400
FUNCTION_LINES = 60
VAGUE = frozenset(
    {"common", "helper", "helpers", "manager", "managers", "misc", "stuff", "util", "utils", "utilities"}
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|\braise NotImplementedError\b")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|docker\.io|ghcr\.io|quay\.io"
    r"|index-url|find-links|tool\.uv\.index"
)

# Public functions that may say `Any`, as "path:function"; each needs a reason beside it.
MAY_SAY_ANY: frozenset[str] = frozenset()

Function = ast.FunctionDef | ast.AsyncFunctionDef
Violations = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """A file as the rules see it; `path` is relative to the repository."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    @property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    @property
    def is_command_line(self) -> bool:
        return "cli" in Path(self.path).with_suffix("").parts


Rule = Callable[[Source], Violations]


def package_sources() -> list[Source]:
    found = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    return [Source(file.relative_to(ROOT).as_posix(), file.read_text()) for file in found]


def published_texts() -> list[Source]:
    """What a reader or a tool takes addresses from: the docs, and what configures the build."""
    found = [ROOT / name for name in ("README.md", "pyproject.toml", ".justfile", ".ci/run")]
    for folder in ("docs", "deploy"):
        found += sorted(
            file for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix != ".webp"
        )
    return [Source(file.relative_to(ROOT).as_posix(), file.read_text()) for file in found]


def module_length(source: Source) -> Violations:
    lines = source.text.count("\n")
    if lines > MODULE_LINES:
        yield lines, f"{lines} lines, at most {MODULE_LINES}"


def function_length(source: Source) -> Violations:
    for function in source.functions:
        first = function.body[0].lineno  # a command's many options are declaration, not code
        lines = (function.end_lineno or first) - first + 1
        if lines > FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines, at most {FUNCTION_LINES}"


def package_docstring(source: Source) -> Violations:
    if Path(source.path).name == "__init__.py" and not ast.get_docstring(ast.parse(source.text)):
        yield 1, "a package opens with a docstring"


def no_assert(source: Source) -> Violations:
    for node in source.nodes:
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert vanishes under -O: raise"


def no_bare_except(source: Source) -> Violations:
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "bare except also swallows cancellation"


def no_print(source: Source) -> Violations:
    if source.is_command_line:
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "print outside the command line"


def nothing_unfinished(source: Source) -> Violations:
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield number, found.group()


def no_any_in_public(source: Source) -> Violations:
    for function in _public_functions(ast.parse(source.text)):
        if f"{source.path}:{function.name}" in MAY_SAY_ANY:
            continue
        if any(_says_any(annotation) for annotation in _annotations(function)):
            yield function.lineno, f"{function.name} has Any in its signature: say object"


def no_vague_names(source: Source) -> Violations:
    names = [(1, Path(source.path).stem)]
    names += [(n.lineno, n.name) for n in source.nodes if isinstance(n, ast.ClassDef | Function)]
    for line, name in names:
        if vague := VAGUE.intersection(_words(name)):
            yield line, f"{name}: {', '.join(vague)} says nothing"


def no_registry_hosts(source: Source) -> Violations:
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := REGISTRIES.search(line):
            yield number, f"names a package index: {found.group()}"


def _public_functions(scope: ast.AST) -> Iterator[Function]:
    """Functions and methods that others can name: not those inside a function or a private class."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.ClassDef | Function):
            if node.name.startswith("_") and not node.name.endswith("__"):
                continue
            if isinstance(node, Function):
                yield node
                continue
        yield from _public_functions(node)


def _annotations(function: Function) -> list[ast.expr]:
    spec = function.args
    arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    found = [argument.annotation for argument in arguments if argument is not None]
    return [annotation for annotation in [*found, function.returns] if annotation is not None]


def _says_any(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id="Any") | ast.Attribute(attr="Any"):
            return True
        case ast.Constant(value=str(quoted)):
            return re.search(r"\bAny\b", quoted) is not None
        case ast.Subscript(value=ast.Name(id="Coroutine"), slice=ast.Tuple(elts=[_, _, result])):
            return _says_any(result)  # what a coroutine yields and is sent is the event loop's business
        case _:
            children = ast.iter_child_nodes(annotation)
            return any(_says_any(child) for child in children if isinstance(child, ast.expr))


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        module_length,
        function_length,
        package_docstring,
        no_assert,
        no_bare_except,
        no_print,
        nothing_unfinished,
        no_any_in_public,
        no_vague_names,
    )
}
