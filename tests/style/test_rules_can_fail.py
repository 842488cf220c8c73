"""A rule that cannot fail keeps nothing: each finds its own bad example, and none objects to a good one."""

import pytest

from tests.style.rules import FUNCTION_LINES, MODULE_LINES, RULES, Source, no_registry_hosts

GOOD = Source(
    "worker/headrace/slots/__init__.py",
    '''"""Slots."""

from collections.abc import Callable, Coroutine
from typing import Any


def wrap(call: Callable[[], Coroutine[Any, Any, int]], *args: object) -> int:
    try:
        return run(call, *args)
    except ValueError as error:
        raise RuntimeError("slot") from error


def _inner(value: Any) -> None: ...


def outer() -> None:
    def inner(value: Any) -> None: ...
''',
)

BAD: dict[str, list[tuple[str, str]]] = {
    "module_length": [("a.py", "x = 1\n" * (MODULE_LINES + 1))],
    "function_length": [
        ("a.py", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES + 1)),
        ("a.py", "class C:\n    async def f(self):\n" + "        x = 1\n" * (FUNCTION_LINES + 1)),
    ],
    "package_docstring": [("a/__init__.py", "x = 1\n"), ("a/__init__.py", "")],
    "no_assert": [("a.py", "def f(x):\n    assert x\n")],
    "no_bare_except": [("a.py", "try:\n    x = 1\nexcept:\n    raise\n")],
    "no_print": [("a/client.py", "print('x')\n")],
    "nothing_unfinished": [
        ("a.py", "x = 1  # TODO later\n"),
        ("a.py", "def f():\n    raise NotImplementedError\n"),
    ],
    "no_any_in_public": [
        ("a.py", "def f(x: Any) -> None: ...\n"),
        ("a.py", "async def f() -> dict[str, typing.Any]: ...\n"),
        ("a.py", "if x:\n    class C:\n        def __call__(self, *args: Any) -> None: ...\n"),
        ("a.py", "class C:\n    def f(self, **more: 'Any') -> None: ...\n"),
        ("a.py", "def f(x: int | Any) -> None: ...\n"),
        ("a.py", "def f() -> Coroutine[Any, Any, Any]: ...\n"),
    ],
    "no_vague_names": [
        ("a/utils.py", ""),
        ("a.py", "class RunManager: ...\n"),
        ("a.py", "def parse_helper(): ...\n"),
    ],
}


def test_every_rule_has_a_bad_example() -> None:
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "path", "text"), [(rule, *example) for rule, bad in BAD.items() for example in bad]
)
def test_bad_source_is_found(rule: str, path: str, text: str) -> None:
    assert list(RULES[rule](Source(path, text)))


@pytest.mark.parametrize("rule", RULES)
def test_good_source_is_left_alone(rule: str) -> None:
    assert not list(RULES[rule](GOOD))


@pytest.mark.parametrize("path", ["worker/headrace/cli.py", "worker/headrace/cli/runs.py"])
def test_the_command_line_may_print(path: str) -> None:
    assert not list(RULES["no_print"](Source(path, "print('x')\n")))


@pytest.mark.parametrize("host", ["https://pypi.org/simple", "--extra-index-url=x", "[[tool.uv.index]]"])
def test_a_package_index_is_found(host: str) -> None:
    assert list(no_registry_hosts(Source("README.md", f"use {host}\n")))
