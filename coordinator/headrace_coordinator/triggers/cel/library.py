"""The library that evaluates CEL, with its extensions, and with what is wrong in it made right."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

from cel_expr_python import cel

from headrace_coordinator.triggers.cel.chunks import in_chunks
from headrace_coordinator.triggers.cel.tree import Tree, read_tree

_EXTENSIONS = ("bindings", "encoders", "lists", "math", "optional", "sets", "strings")
_CONFIG = cel.NewEnvConfigFromYaml(
    "name: headrace\nextensions:\n" + "".join(f"- name: {name}\n" for name in _EXTENSIONS)
)
RUNTIME = cel.NewEnv(config=_CONFIG)

FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "has", "all", "exists", "exists_one"),
        *("map", "filter", "int", "uint", "double", "bool", "string", "bytes", "timestamp", "duration"),
        *("dyn", "type", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate"),
        *("getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds"),
        *("charAt", "indexOf", "lastIndexOf", "substring", "replace", "split", "join", "lowerAscii"),
        *("upperAscii", "trim", "reverse", "format", "strings.quote"),
        *("optional.of", "optional.ofNonZeroValue", "optional.none", "hasValue", "value", "or", "orValue"),
        *("optMap", "optFlatMap", "cel.bind", "base64.encode", "base64.decode"),
        *("first", "last", "slice", "flatten", "sort", "sortBy", "distinct", "lists.range"),
        *("math.greatest", "math.least", "math.abs", "math.sign", "math.ceil", "math.floor", "math.round"),
        *("math.trunc", "math.isNaN", "math.isInf", "math.isFinite", "math.sqrt", "math.bitOr"),
        *("math.bitAnd", "math.bitXor", "math.bitNot", "math.bitShiftLeft", "math.bitShiftRight"),
        *("sets.contains", "sets.equivalent", "sets.intersects"),
    }
)
"""What we suggest for a name that does not exist. The library, which cannot list its functions, says what does."""


def compiled_of(source: str) -> tuple[cel.Expression, Tree]:
    """The expression that is evaluated, and the tree of what is written."""
    compiled = RUNTIME.compile(source, disable_check=True)
    serialized = compiled.serialize()
    tree = read_tree(serialized)
    chunked = in_chunks(RUNTIME, serialized)
    return compiled if chunked is serialized else RUNTIME.deserialize(chunked), tree


class OptionalInside(Exception):
    """An optional in a list or map."""


def plain_of(value: cel.Value) -> object:
    """The value, one item after the other: the library crashes when it is asked for an optional in a map.

    Raises OptionalInside.
    """
    kind = value.type()
    if kind == cel.Type.ERROR:
        raise OptionalInside
    plain = value.value()
    if isinstance(plain, list):
        return [plain_of(item) for item in plain]
    return {key: plain_of(item) for key, item in plain.items()} if isinstance(plain, dict) else plain


@lru_cache(maxsize=16)
def checker_of(variables: frozenset[str]) -> cel.Env:
    return cel.NewEnv(config=_CONFIG, variables=dict.fromkeys(variables, cel.Type.DYN))


def _keep_none() -> None:
    """The library returns None without a reference of its own: CPython 3.11 ends the process once none is left.

    From 3.12 on None is immortal. Here it becomes so by a number of references that nobody reaches.
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 60


_keep_none()
