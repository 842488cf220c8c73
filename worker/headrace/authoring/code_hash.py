"""The code hash: which code a task runs, as one short token that is the same on every machine.

It covers the source of the task's module and of every module that this one imports, directly or not, from the same
source root or, when it is installed, from the same distribution. Other packages, data files and C extensions do not
count: whoever wants them to sets `HEADRACE_CODE`, for example to an image's digest, and it is used instead.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from types import CodeType, ModuleType
from typing import Protocol, cast
from weakref import WeakKeyDictionary

from headrace.authoring.source_tree import source_tree

VARIABLE = "HEADRACE_CODE"
DIGEST_BYTES = 8

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What may stand between the dots of a subject, and in the name of a consumer."""


class HoldsFunction(Protocol):
    """A task, of whichever front end."""

    @property
    def function(self) -> Callable[..., object]: ...


_known: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()


def code_hash_of(task: HoldsFunction | Callable[..., object]) -> str:
    """16 hex digits, or `HEADRACE_CODE` as it stands when it can be a subject's token.

    The source is read when a module's hash is first asked for, and kept while the module is loaded: ask when it has
    just been imported, or a file that was saved since counts. All tasks of one module have one hash. A function
    without a source file (typed at a prompt, in a notebook's cell, made by exec) is hashed by its own source
    where that is known, else by its bytecode.
    """
    declared = os.environ.get(VARIABLE, "")
    if declared:
        return declared if _TOKEN.fullmatch(declared) else _digest(b"declared", declared.encode())
    function = inspect.unwrap(cast("Callable[..., object]", getattr(task, "function", task)))
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None or vars(module) is not getattr(function, "__globals__", None):
        return _of_function(function)
    known = _known.get(module)
    if known is None:
        of_module = _of_module(module)
        if of_module is None:
            return _of_function(function)
        known = _known[module] = of_module
    return known


def _of_module(module: ModuleType) -> str | None:
    """None when the module has no source file."""
    spec = module.__spec__
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    tree, own = source_tree(spec.name if spec is not None else module.__name__, Path(file).absolute())
    read = tree.read(own)
    if read is None:
        return None
    parts = [read.digest]
    for path, digest in sorted(tree.imported(own).items()):
        parts += [path.encode(), digest]
    return _digest(b"module", *parts)


def _of_function(function: Callable[..., object]) -> str:
    try:
        return _digest(b"source", inspect.getsource(function).encode())
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
    if isinstance(code, CodeType):
        return _digest(b"bytecode", *_code_parts(code))
    return _digest(b"name", f"{function.__module__}.{function.__qualname__}".encode())


def _code_parts(code: CodeType) -> list[bytes]:
    parts = [code.co_code, repr((code.co_names, code.co_varnames)).encode()]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            parts += _code_parts(constant)
        else:  # the order of a set differs between processes
            plain = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
            parts.append(repr(plain).encode())
    return parts


def _digest(kind: bytes, *parts: bytes) -> str:
    hashed = blake2b(digest_size=DIGEST_BYTES, person=kind)
    for part in parts:
        hashed.update(len(part).to_bytes(8) + part)
    return hashed.hexdigest()
