"""Which source files a module imports from its own source root or distribution, by reading them.

Nothing is imported and no folder is searched: imports are taken from the syntax tree, also those inside of functions
and behind conditions, and looked up by name below the root.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

import msgspec

INSTALLED = frozenset({"site-packages", "dist-packages"})
_BY_NAME = frozenset({"import_module", "__import__"})


class SourceFile(msgspec.Struct, frozen=True):
    """What is needed of a file: the digest of its source, and the files that it imports."""

    digest: bytes
    imports: tuple[str, ...]


class SourceTree:
    """The folder that top-level names are imported from. Files are named by their path below it, with slashes.

    Each file is read once; `forget` starts afresh. `members` are the files of an installed distribution, or None
    when every file below the root belongs.
    """

    def __init__(self, root: Path, members: frozenset[str] | None) -> None:
        self._root = root
        self._members = members
        self._read: dict[str, SourceFile | None] = {}
        self._there: dict[str, bool] = {}

    def read(self, path: str) -> SourceFile | None:
        """None when there is no such file, or it cannot be read."""
        if path not in self._read:
            try:
                source = (
                    (self._root / path).read_bytes().replace(b"\r\n", b"\n")
                )  # a checkout may have either
            except OSError:
                self._read[path] = None
            else:
                digest = blake2b(source, digest_size=16).digest()
                self._read[path] = SourceFile(digest, tuple(dict.fromkeys(self._imports(path, source))))
        return self._read[path]

    def imported(self, start: str) -> dict[str, bytes]:
        """The digests of what `start` imports, directly or not; without `start` itself."""
        digests: dict[str, bytes] = {}
        pending = [start]
        while pending:
            path = pending.pop()
            if path not in digests and (read := self.read(path)) is not None:
                digests[path] = read.digest
                pending += read.imports
        digests.pop(start, None)
        return digests

    def _imports(self, path: str, source: bytes) -> Iterator[str]:
        package = path.split("/")[:-1]
        yield from self._files(package)  # importing a module runs the packages around it
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            return
        for level, name in dict.fromkeys(_names(tree)):
            above = package[: len(package) - level + 1] if level else []
            yield from self._files([*above, *filter(None, name.split("."))])

    def _files(self, parts: list[str]) -> Iterator[str]:
        """The files that importing the dotted name runs, outermost package first."""
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if self._has(f"{path}/__init__.py"):
                yield f"{path}/__init__.py"
            elif self._has(f"{path}.py"):
                yield f"{path}.py"
                return
            elif not (self._root / path).is_dir():  # else a namespace package
                return

    def _has(self, path: str) -> bool:
        if self._members is not None:
            return path in self._members
        if path not in self._there:
            self._there[path] = (self._root / path).is_file()
        return self._there[path]


_trees: dict[tuple[Path, frozenset[str] | None], SourceTree] = {}


def forget() -> None:
    """Read files again from here on: modules are about to be imported again."""
    _trees.clear()
    _distribution.cache_clear()


def source_tree(name: str, file: Path) -> tuple[SourceTree, str]:
    """The tree that the module of this name and file belongs to, and the file's path in it."""
    parts = name.split(".")
    steps = [*file.parent.parts, *([] if file.stem == "__init__" else [file.stem])]
    if steps[-len(parts) :] == parts and len(steps) > len(parts):
        root = Path(*steps[: -len(parts)])
    else:  # run as a script, or imported under another name
        root = file.parent
        while (root / "__init__.py").is_file() and root != root.parent:
            root = root.parent
    path = file.relative_to(root).as_posix()
    members = _distribution(root, path) if root.name in INSTALLED else None
    return _trees.setdefault((root, members), SourceTree(root, members)), path


@lru_cache(maxsize=256)
def _distribution(root: Path, path: str) -> frozenset[str]:
    """The files of the distribution installed below `root` that brought `path`."""
    for found in metadata.distributions(path=[str(root)]):
        record = f"\n{found.read_text('RECORD') or ''}"
        if f"\n{path}," in record:
            return frozenset(line.rpartition(",")[0].rpartition(",")[0] for line in record.splitlines())
    folder = root  # without a record: the outermost package that is no namespace
    for part in Path(path).parts[:-1]:
        folder /= part
        if (folder / "__init__.py").is_file():
            return frozenset(file.relative_to(root).as_posix() for file in folder.rglob("*.py"))
    return frozenset({path})


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            # `from a import b` may import the module a.b
            yield from ((node.level, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called, name = node.func, node.args[0]
            by_name = getattr(called, "attr", getattr(called, "id", "")) in _BY_NAME
            if by_name and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield 0, name.value
