"""Trees to measure: this one, and another commit with an environment of its own in a temporary directory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


class Tree(msgspec.Struct, frozen=True):
    """A checkout and its Python."""

    name: str
    path: Path
    python: str

    def script(self, benchmark: str) -> Path:
        return self.path / "benchmarks" / f"{benchmark}.py"

    def environment(self) -> dict[str, str]:
        """Without what would point into another tree."""
        return {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }


def this_tree() -> Tree:
    return Tree("this tree", Path(__file__).resolve().parent.parent, sys.executable)


@contextmanager
def other_tree(repository: Path, commit: str) -> Iterator[Tree]:
    """A worktree of the commit, which goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="headrace-pairs-") as folder:
        path = Path(folder, "tree")
        git = ["git", "-C", str(repository), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), commit], check=True, stdout=sys.stderr)
        try:
            tree = Tree(commit, path, str(path / ".venv/bin/python"))
            # The web UI is not measured, and takes long to build.
            environment = {**tree.environment(), "HEADRACE_SKIP_UI": "1"}
            environment.pop("UV_PROJECT_ENVIRONMENT", None)
            subprocess.run(
                ["uv", "sync", "--quiet"], cwd=path, check=True, env=environment, stdout=sys.stderr
            )
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=False, stdout=sys.stderr)
