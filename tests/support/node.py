"""Node for tests: that of the web UI's toolchain, else the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import toolchain
toolchain.install(Path(sys.argv[2]), production=True)
print(toolchain._node_binary())
"""
INSTALL_S = 100.0


def node_with_packages(folder: Path) -> str:
    """The path of a Node, once what the lock file of `folder` names is installed there. Where there is no Node the test
    is skipped; under CI it fails."""
    failures = []
    for install in (_toolchain, _machine):
        try:
            return install(folder)
        except (OSError, subprocess.SubprocessError) as error:
            failures.append(f"{error} {getattr(error, 'stderr', '') or ''}".strip())
    why = "no Node with npm, from uv or on PATH: " + "; ".join(failures)
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def _toolchain(folder: Path) -> str:
    web = ROOT / "coordinator" / "web"
    requirement = _requirement(web)
    command = (
        "uv",
        "run",
        "--quiet",
        "--no-project",
        "--with",
        requirement,
        "--python",
        sys.executable,
        "python",
    )
    return _said(*command, "-c", INSTALL, str(web), str(folder))


def _requirement(web: Path) -> str:
    return _said(sys.executable, "-c", "import toolchain; print(toolchain.node_requirement())", cwd=web)


def _machine(folder: Path) -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise FileNotFoundError("there is no node and npm on PATH")
    _said(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
    return node


def _said(*command: str, cwd: Path | None = None) -> str:
    """The last line that a command prints."""
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    return (done.stdout.splitlines() or [""])[-1]
