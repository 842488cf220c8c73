"""What looks right in a workflow function and is not, and what only looks wrong."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from headrace import DefinitionError, HandleUsedAsValue, Workflow, load, task, workflow
from headrace.authoring.dataflow import Flow, names_of
from headrace.authoring.handles import Handle
from headrace.authoring.pitfalls import check_pitfalls
from headrace.authoring.syntax import function_node, tree_of

ROOT = Path(__file__).parents[3]
HEAD = """
import json
import re
from typing import NamedTuple

from headrace import task, workflow

DEBUG, LIMITS, KEPT = False, {"a": 1}, []

class Both(NamedTuple):
    left: int
    right: str

@task
def rows() -> list[int]: return [1]

@task
def pair() -> tuple[int, str]: return 1, "a"

@task
def both() -> Both: return Both(1, "a")

@task
def clean(x: int) -> int: return x

@task
def text(x: str) -> str: return x

@task
def maybe(x: int | None) -> int: return x or 0

@task
def total(xs: list[int]) -> int: return sum(xs)

"""

Define = Callable[..., Workflow[..., object]]


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Loads a workflow `w(p: int | None, q: str)` with the body given."""
    made = iter(range(1000))

    def defined(body: str) -> Workflow[..., object]:
        file = tmp_path / f"flow_{tmp_path.name.replace('-', '_')}_{next(made)}.py"
        source = f"@workflow\ndef w(p: int | None = None, q: str = ''):\n{textwrap.indent(body, '    ')}\n"
        file.write_text(HEAD + source, encoding="utf-8")
        return load(str(file)).workflows["w"]

    return defined


SILENT: dict[str, tuple[str, str, str]] = {
    "is None": ("x = rows()[0]\nif |x is None:\n    clean(1)", "always false", "if value is None:"),
    "is not None": ("clean(1) if |p is not None else clean(2)", "always true", "| None"),
    "is, reversed": ("clean(1)\nreturn |None is p", "always false", "Pass p to a task"),
    "is, of a call": ("while |clean(1) is None:\n    pass", "always false", "Pass clean(1) to a task"),
    "is, of two": ("return |clean(1) is clean(2)", "always false", "Pass clean(1)"),
    "isinstance": (
        "return clean(1) if |isinstance(p, int) else None",
        "about the handle",
        "isinstance() there",
    ),
    "type": ("clean(1)\nif |type(p) == int:\n    pass", "about the handle", "call type() there"),
    "hash": ("clean(1)\nreturn {|hash(q): 1}", "about the handle", "call hash() there"),
    "except": (
        "|try:\n    clean(1)\nexcept ValueError:\n    clean(2)",
        "can catch nothing of clean(1)",
        "retries=3",
    ),
    "except, deeper": (
        "|try:\n    for n in range(3):\n        if n:\n            clean.options(id='a')(n)\nexcept Exception: pass",
        "can catch nothing of clean.options(id='a')(n)",
        "Catch the error inside the task",
    ),
    "except of a part": (
        "clean(1)\n|try:\n    y = p['a']\nexcept KeyError:\n    y = 1",
        "the value of p",
        "Drop the `try`",
    ),
    "finally": ("|try:\n    clean(1)\nfinally:\n    clean(2)", "does not follow clean(1)", "after=[...]"),
    "match": ("clean(1)\n|match p:\n    case None:\n        pass", "decided now", "write the `match` there"),
    "a key": ("return total([1]), {|q: 1}", "key of a dict", "as a key there"),
    "a key of a comprehension": (
        "return {|clean(n): n for n in range(3)}",
        "key of a dict",
        "as a key there",
    ),
    "a set": ("clean(1)\nreturn {1, |p}", "element of a set", "[p]"),
    "a look-up": ("clean(1)\nreturn LIMITS[|q]", "a key of LIMITS", "look-up"),
    "kept in a list": ("|KEPT.append(clean(1))", "kept outside", "return it"),
    "kept in a dict": ("|LIMITS['x'] = clean(1)", "kept outside", "return it"),
    "kept in a global": ("global LAST\n|LAST = clean(1)", "kept outside", "return it"),
    "repr": ("text(|repr(p))", "the name of the handle p", "a task that returns the text"),
    "!r": ("text(|f'{p!r}')", "the name of the handle p", "a task that returns the text"),
    "inside a function": (
        "def inner(n):\n    return clean(n) if |p is None else clean(2)\ninner(1)",
        "always false",
        "p",
    ),
    "inside a lambda": ("f = lambda n: clean(n) if |q is None else 2\nf(1)", "always false", "q"),
    "after unpacking": ("a, b = pair()\nif |b is None:\n    clean(a)", "always false", "Pass b"),
    "of an item": ("for h in (clean(1), clean(2)):\n    if |h is None: pass", "always false", "Pass h"),
    "on both paths": (
        "if DEBUG:\n    x = clean(1)\nelse:\n    x = clean(2)\nclean(|x is None)",
        "always false",
        "x",
    ),
    "of a walrus": ("if (x := clean(1)) and |x is None:\n    pass", "always false", "x"),
    "of a map": ("xs = clean.map([1])\nreturn |xs is None", "always false", "xs"),
    "of an alias": ("do = clean.options(id='z')\nx = do(1)\nreturn |x is None", "always false", "x"),
}


def marked(body: str) -> tuple[str, int, int]:
    """The body without its mark, and the mark's line and column from 0."""
    before, _, after = body.partition("|")
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1


@pytest.mark.parametrize(("body", "message", "fix"), SILENT.values(), ids=SILENT.keys())
def test_what_python_decides_by_itself_is_found(define: Define, body: str, message: str, fix: str) -> None:
    plain, line, column = marked(body)
    with pytest.raises(HandleUsedAsValue) as caught:
        define(plain)
    error = caught.value
    assert message in error.message
    assert fix in f"{error.fix} {error.expected}"
    first = HEAD.count("\n") + 3
    assert error.where.partition(":")[2] == f"{first + line}:{column + 5}"
    assert error.found == f"`{plain.splitlines()[line].strip()}`"


FINE: dict[str, str] = {
    "a default that may be replaced": "x = None\nif DEBUG:\n    x = clean(1)\nif x is None:\n    x = clean(2)",
    "a name that is a value again": "x = clean(1)\nx = 3\nif x is None:\n    clean(2)",
    "a loop that may not run": "x = None\nfor n in KEPT:\n    x = clean(n)\nif x is not None: pass\nclean(1)",
    "the one before": "last = None\nfor n in range(3):\n    n = n if last is None else last\n    last = clean(n)",
    "a loop that is left": "x = clean(1)\nfor n in range(3):\n    x = None\n    break\nif x is None: pass",
    "while": "n, x = 0, None\nwhile n < 3:\n    n += 1\n    x = clean(n) if x is None else clean(x)",
    "constants": "if LIMITS is None or isinstance(DEBUG, int):\n    clean(1)\nif type(LIMITS) is dict: clean(2)",
    "try without tasks": "try:\n    import re as t\nexcept ImportError:\n    t = None\nif t is None: pass\nclean(1)",
    "a task in a handler": "try:\n    n = int('x')\nexcept ValueError:\n    n = clean(1)\nelse:\n    n = 2\nclean(n)",
    "with": "import contextlib\nwith contextlib.suppress(KeyError) as s:\n    if s is None:\n        clean(1)",
    "match of a constant": "match LIMITS:\n    case {'a': n}:\n        clean(n)",
    "a parameter of an inner function": "def go(v=None):\n    return clean(1) if v is None else clean(v)\ngo(go())",
    "a function that is called later": "x = clean(1)\ndef go():\n    return x is None\nx = None\nclean(int(go()))",
    "keys that are values": "return {k: clean(n) for n, k in enumerate('ab')}",
    "handles in a list of its own": "kept = []\nfor n in range(3):\n    kept.append(clean(n))\nreturn total(kept)",
    "a dict of handles": "found = {}\nfound['a'] = clean(1)\nif found['a'] is not None: pass\nreturn found",
    "repr to look at": "x = clean(1)\nprint(repr(x), f'{x!r}')",
    "unpacking": "a, b = pair()\nc, d = both()\ntext(b)\ntext(d)\nreturn clean(a), clean(c)",
    "unpacking in a loop": "return [clean(a) for a, _ in [pair(), both()]]",
    "a star of a known length": "a, *rest = pair()\nreturn text(rest[0])",
    "a shadowed builtin": "isinstance = lambda a, b: True\nif isinstance(p, int):\n    clean(1)",
    "a shadowed task": "rows = lambda: None\nif rows() is None:\n    clean(1)",
    "a deleted name": "x = clean(1)\ndel x\nx = None\nif x is None: clean(2)",
    "conditions on plain names": "n = 3\nclean(1) if n and not DEBUG else clean(2)",
    "early return": "if DEBUG:\n    x = clean(1)\n    return x\nx = None\nif x is None:\n    return clean(2)",
    "string annotations": "x: 'int | None' = None\nif x is None:\n    x = clean(1)",
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE.keys())
def test_what_only_looks_wrong_loads(define: Define, body: str) -> None:
    assert define(body).definition.nodes


TOLD: dict[str, tuple[str, str]] = {
    "if": ("if rows(): pass", "write the `if` there"),
    "conditional": ("x = 1 if rows() else 2", "write the `if` there"),
    "while": ("while rows(): pass", "the loop inside one task"),
    "or": ("total(rows() or [])", "the default inside the task"),
    "and": ("total(rows() and [1])", "combine the conditions there"),
    "not": ("clean(not p)", "write the `not` there"),
    "assert": ("assert rows()", "`raise Fail(...)`"),
    "filter": ("[clean(n) for n in [1] if p]", "write the `if` there"),
    "unpacking a list": ("a, b = rows()", "`items = rows()`, then `items[0]`, `items[1]`"),
    "unpacking a name": ("x = rows()\na, b = x", "by index: `x[0]`, `x[1]`"),
    "a star": ("a, *b = rows()", "split the list inside a task that returns a tuple"),
    "for": ("for n in rows(): clean(n)", "`clean.map(rows())`"),
    "comprehension": ("[clean(n) for n in rows()]", "`clean.map(rows())`"),
    "generator": ("total(list(clean(n) for n in rows()))", "`clean.map(rows())`"),
    "other loops": ("for n in rows():\n    clean(n)\n    clean(n)", "`some_task.map(rows())`"),
    "list": ("total(list(rows()))", "as it is"),
    "sorted": ("total(sorted(rows()))", "call sorted() there"),
    "map": ("total(list(map(clean, rows())))", "`some_task.map(rows)`"),
    "spread": ("clean(*rows())", "as it is, to a parameter that takes a list"),
    "spread in a list": ("total([1, *rows()])", "as it is"),
    "len": ("clean(len(rows()))", "Count inside a task"),
    "text": ("text(f'{p}')", "Make the text inside a task"),
    "compared": ("if p == 1: pass", "Compare inside a task"),
    "arithmetic": ("clean(p + 1)", "Calculate inside a task"),
    "in": ("if 1 in rows(): pass", "Search inside a task"),
    "a library": ("import statistics\nclean(statistics.mean(rows()))", "call statistics.mean() there"),
    "C code": ("text(json.dumps(rows()))", "Do this inside a task"),
    "C code, re": ("re.match('a', q)", "Do this inside a task"),
}


@pytest.mark.parametrize(("body", "fix"), TOLD.values(), ids=TOLD.keys())
def test_use_as_a_value_says_what_to_write(define: Define, body: str, fix: str) -> None:
    with pytest.raises(HandleUsedAsValue) as caught:
        define(body)
    error = caught.value
    assert fix in error.fix
    file, line, column = error.where.split(":")
    written = (HEAD + "@workflow\ndef w():\n" + textwrap.indent(body, "    ")).splitlines()[int(line) - 1]
    assert file.startswith("flow_")
    assert int(column) > 4
    assert f"`{written.strip()}`" in error.found


class Checked(ast.NodeTransformer):
    """Wraps each expression that the analysis takes for a handle."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.count = 0

    def visit(self, node: ast.AST) -> ast.AST:
        expected = isinstance(node, ast.expr) and self.flow.is_handle(node)
        self.generic_visit(node)
        if not expected or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        self.count += 1
        name = ast.Name("__is_handle", ast.Load())
        assert isinstance(node, ast.expr)
        return ast.copy_location(ast.Call(name, [node], []), node)


def is_handle(value: object) -> object:
    assert isinstance(value, Handle)
    return value


def traced_as_inferred(function: FunctionType) -> int:
    """Trace a function again, asserting that what was inferred to be a handle is one; returns how many were."""
    tree = tree_of(function.__code__)
    assert tree is not None
    node = function_node(tree, function.__name__)
    assert node is not None
    checked = Checked(Flow(node, names_of(function)))
    checked.visit(node)
    node.decorator_list = []
    names: dict[str, Any] = {**names_of(function), "__is_handle": is_handle}
    exec(
        compile(ast.fix_missing_locations(ast.Module([node], [])), "<checked>", "exec", dont_inherit=True),
        names,
    )
    workflow(name="again")(names[function.__name__])
    return checked.count


@pytest.mark.parametrize("body", FINE.values(), ids=FINE.keys())
def test_what_is_inferred_is_what_tracing_sees(define: Define, body: str) -> None:
    function = define(body).function
    assert isinstance(function, FunctionType)
    traced_as_inferred(function)


def examples() -> Iterator[Path]:
    for file in sorted((ROOT / "examples").rglob("*.py")):
        if "@workflow" in file.read_text(encoding="utf-8"):
            yield file
    yield ROOT / "tests/typing/good.py"


@pytest.mark.parametrize("file", list(examples()), ids=lambda file: file.stem)
def test_also_in_the_examples(file: Path) -> None:
    for found in load(str(file)).workflows.values():
        assert isinstance(found.function, FunctionType)
        assert traced_as_inferred(found.function) > 0


def test_without_source_a_workflow_loads_and_uses_are_still_refused() -> None:
    def made(body: str) -> Callable[..., object]:
        names: dict[str, Any] = {"rows": rows}
        exec(f"def w():\n    {body}", names)
        defined: Callable[..., object] = names["w"]
        return defined

    @task
    def rows() -> list[int]:
        return [1]

    assert workflow(made("return rows()")).definition.nodes
    with pytest.raises(HandleUsedAsValue) as caught:
        workflow(made("if rows(): pass"))
    assert caught.value.where == "<string>:2:5"
    assert caught.value.found == "list[int], the result of node rows"


def test_what_a_users_object_says_of_equality_is_not_asked() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("asked")

    odd = Odd()

    def w(p: int) -> object:
        x = odd if p else None
        return isinstance(x, Odd), {1: odd}

    with pytest.raises(TypeError, match="unhashable"):
        hash(odd)
    check_pitfalls(w)


@pytest.mark.parametrize("decorator", [task, workflow])
def test_a_method_is_refused_with_the_way_out(decorator: Callable[..., object]) -> None:
    def sell(self, n: int) -> int:  # type: ignore[no-untyped-def]
        return n

    sell.__qualname__ = "Shop.sell"
    with pytest.raises(DefinitionError, match="a method cannot be a") as caught:
        decorator(sell)
    assert caught.value.found == "Shop.sell(self, ...)"
    assert "@staticmethod above" in caught.value.fix
    sell.__qualname__ = "make.<locals>.sell"
    if decorator is task:
        assert inspect.isfunction(decorator(sell).function)  # type: ignore[attr-defined]


def test_what_cannot_be_a_workflow_says_why() -> None:
    async def waits() -> None:
        pass

    def yields() -> Iterator[int]:
        yield 1

    for function, fix in (
        (waits, "Drop `async`"),
        (yields, "in a list or dict"),
        (task(name="t")(lambda: 1), "one of @task"),
    ):
        with pytest.raises(DefinitionError, match="only a plain function") as caught:
            workflow(function)  # type: ignore[arg-type]
        assert fix in caught.value.fix
