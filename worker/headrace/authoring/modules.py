"""Importing a user's target, a file or a module, in a way that its neighbours can be imported too."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from headrace.authoring import source_tree
from headrace_protocol.errors import DefinitionError


def import_target(target: str) -> ModuleType:
    """The module of `FILE.py` or `package.module`, imported unless it is already.

    Raises DefinitionError when there is no such file or module; errors of the user's code pass through.
    """
    if not is_file(target):
        return _import_module(target)
    path = Path(target).resolve()
    if not path.is_file():
        raise DefinitionError(
            "there is no such file",
            where=target,
            found=str(path),
            expected="a Python file",
            fix="Correct the path.",
        )
    root, name = file_module(path)
    put_on_path(root)
    known = sys.modules.get(name)
    return known if known is not None else _import_file(name, path, packaged=root != path.parent)


def is_file(target: str) -> bool:
    """Whether a target is a path rather than a module's name."""
    return target.endswith(".py") or "/" in target or "\\" in target


def file_module(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the module's name: dotted inside a package, else the file's own.

    A name that another module has already, or that is none in Python, gets a digest of the path: files of one
    name in two folders, and a `json.py` of the user's, do not disturb each other.
    """
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    name = ".".join(parts)
    if path.stem.isidentifier() and not _taken(name, path):
        return root, name
    digest = blake2b(str(path).encode(), digest_size=4).hexdigest()
    return path.parent, f"{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}_{digest}"


def forget(target: str) -> None:
    """Drop the target and every module beside or below it, so that the next import reads the files again."""
    source_tree.forget()
    root = file_module(Path(target).resolve())[0] if is_file(target) else Path.cwd()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not Path(file).is_relative_to(root) or source_tree.INSTALLED & set(Path(file).parts):
            continue
        if name == "__main__" or name.partition(".")[0] in {
            "headrace",
            "headrace_protocol",
            "headrace_coordinator",
        }:
            continue
        del sys.modules[name]
        # Bytecode is matched by size and whole seconds: two quick saves of one length would look the same.
        cached = getattr(module, "__cached__", None)
        if cached:
            Path(cached).unlink(missing_ok=True)
    importlib.invalidate_caches()


def put_on_path(folder: Path) -> None:
    """Let the modules in `folder` be imported, before others of the same name."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _taken(name: str, path: Path) -> bool:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    known = sys.modules.get(name)
    return known is not None and Path(getattr(known, "__file__", None) or "") != path


def _import_module(target: str) -> ModuleType:
    put_on_path(Path.cwd())
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{target}.".startswith(f"{error.name}."):
            raise  # the module is there, but imports one that is not
        raise DefinitionError(
            "there is no such module",
            where=target,
            found=str(error),
            expected="a file such as flights.py, or a module that can be imported",
            fix="Correct the name, or install its package.",
        ) from error
    except (ValueError, TypeError) as error:
        if all(part.isidentifier() for part in target.split(".")):
            raise
        raise DefinitionError(
            "not a target",
            where=target,
            found=repr(target),
            expected="a file such as flights.py, or package.module",
        ) from error


def _import_file(name: str, path: Path, *, packaged: bool) -> ModuleType:
    if packaged:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DefinitionError("not a Python file", where=str(path), found=path.name, expected="FILE.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
